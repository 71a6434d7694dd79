//! Where calls go: the servers that are known, the one that is used, and which to try next.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use core::time::Duration;

use quorate_core::wire::Reject;
use quorate_core::{Instant, NodeId};

use super::chance::Chance;
use super::config::{ClientConfig, Routing};
use super::link::{ConnectionId, Link};

/// A server, by its place in [`Routes`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ServerAt(usize);

/// The most servers that are remembered beside those that the client was given.
const HINTED_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: String,
    /// Whom we met there.
    node: Option<NodeId>,
    pub(crate) link: Option<Link>,
    /// Not of its own accord before that.
    avoided_until: Instant,
    failures: u32,
    /// Why it turned us away, the last time.
    pub(crate) rejected: Option<Reject>,
    is_given: bool,
    /// Calls that nobody else can answer.
    pub(crate) waiting: Vec<u64>,
}

/// See the [module](self).
///
/// Invariant: `current` is up.
#[derive(Debug)]
pub(crate) struct Routes {
    servers: Vec<Server>,
    current: Option<usize>,
    /// Whom a server named as the leader.
    leader: Option<usize>,
    /// Where to look next when there is no hint.
    cursor: usize,
    dialed: u64,
    /// Until then whoever was dialed last is not raced.
    patient_until: Instant,
    head_start: Duration,
    redial_min: Duration,
    redial_max: Duration,
    routing: Routing,
}

impl Routes {
    pub(crate) fn new(addresses: Vec<String>, config: &ClientConfig, first: usize) -> Self {
        let servers: Vec<_> =
            addresses.into_iter().map(|address| Server::new(address, true)).collect();
        Self {
            // Not every client starts with the same server.
            cursor: first.checked_rem(servers.len()).unwrap_or(0),
            servers,
            current: None,
            leader: None,
            dialed: 0,
            patient_until: Instant(0),
            head_start: config.head_start,
            redial_min: config.redial_min,
            redial_max: config.redial_max,
            routing: config.routing,
        }
    }

    pub(crate) fn get(&self, at: ServerAt) -> &Server {
        &self.servers[at.0]
    }

    pub(crate) fn get_mut(&mut self, at: ServerAt) -> &mut Server {
        &mut self.servers[at.0]
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = ServerAt> + use<> {
        (0..self.servers.len()).map(ServerAt)
    }

    /// Where calls go now.
    pub(crate) fn current(&self) -> Option<ServerAt> {
        self.current.map(ServerAt)
    }

    /// May calls that any server can answer go there?
    fn is_ours(&self, at: usize) -> bool {
        self.routing == Routing::Leader || self.servers[at].is_given
    }

    pub(crate) fn of_connection(&self, id: ConnectionId) -> Option<ServerAt> {
        let is_it = |server: &Server| server.link.as_ref().is_some_and(|it| it.connection == id);
        self.servers.iter().position(is_it).map(ServerAt)
    }

    /// The server at an address, which need not have been known.
    pub(crate) fn at_address(&mut self, address: &str) -> Option<ServerAt> {
        if let Some(at) = self.servers.iter().position(|server| server.address == address) {
            return Some(ServerAt(at));
        }
        let new = Server::new(address.to_owned(), false);
        if self.servers.iter().filter(|server| !server.is_given).count() < HINTED_MAX {
            self.servers.push(new);
            return Some(ServerAt(self.servers.len() - 1));
        }
        let unused = |server: &Server| {
            !server.is_given && server.link.is_none() && server.waiting.is_empty()
        };
        let at = self.servers.iter().position(unused)?;
        self.servers[at] = new;
        Some(ServerAt(at))
    }

    /// A server says where the members are: whoever knows one of them finds the others when that is gone.
    pub(crate) fn learn<'a>(&mut self, addresses: impl Iterator<Item = &'a str>) {
        if self.routing == Routing::Leader {
            for address in addresses {
                self.at_address(address);
            }
        }
    }

    /// A server named the leader. Returns a server that has to be dialed anew: somebody else answers
    /// where the leader should.
    pub(crate) fn handle_hint(
        &mut self,
        leader: NodeId,
        address: Option<&str>,
    ) -> Option<ServerAt> {
        let met = self.servers.iter().position(|server| server.node == Some(leader));
        let met = met.filter(|&at| self.is_ours(at));
        let at = met.or_else(|| match (self.routing, address) {
            (Routing::Leader, Some(address)) => self.at_address(address).map(|at| at.0),
            _ => None,
        });
        self.leader = at;
        let up = at.filter(|&at| self.servers[at].is_up())?;
        if self.servers[up].node != Some(leader) {
            return Some(ServerAt(up));
        }
        self.current = Some(up);
        None
    }

    pub(crate) fn handle_welcome(&mut self, at: ServerAt, node: NodeId) {
        let server = &mut self.servers[at.0];
        server.node = Some(node);
        server.rejected = None;
        let is_wanted = self.current.is_none() && self.is_ours(at.0);
        if is_wanted || self.leader == Some(at.0) {
            self.current = Some(at.0);
        }
    }

    /// The server did what it was asked.
    pub(crate) fn handle_success(&mut self, at: ServerAt) {
        self.servers[at.0].failures = 0;
    }

    /// The server is of no use for now.
    pub(crate) fn avoid(&mut self, at: ServerAt, now: Instant, chance: &mut Chance) {
        let server = &mut self.servers[at.0];
        let pause = self.redial_min.saturating_mul(1 << server.failures.min(16));
        server.failures = server.failures.saturating_add(1);
        server.avoided_until = now.after(chance.jittered(pause.min(self.redial_max)));
        if self.leader == Some(at.0) {
            self.leader = None;
        }
        if self.current == Some(at.0) {
            self.current = None;
            self.cursor = at.0 + 1;
        }
    }

    /// Turned away by everybody, for good?
    pub(crate) fn is_hopeless(&self) -> Option<Reject> {
        let mut last = None;
        for server in &self.servers {
            match server.rejected {
                Some(why @ (Reject::WrongCluster | Reject::UnsupportedVersion { .. })) => {
                    last = Some(why);
                }
                _ => return None,
            }
        }
        last
    }

    /// Finds somebody to talk to: uses a connection that is up, or names a server to dial.
    pub(crate) fn seek(&mut self, now: Instant) -> Option<ServerAt> {
        if let Some(leader) = self.leader
            && self.current != Some(leader)
            && self.servers[leader].is_free(now)
        {
            match &self.servers[leader].link {
                None => return Some(self.dialing(leader, now)),
                Some(link) if link.is_up() => self.current = Some(leader),
                Some(_) => {}
            }
        }
        if self.current.is_some() {
            return None;
        }
        let count = self.servers.len();
        let in_turn = (0..count).map(|offset| (self.cursor + offset) % count);
        let usable = in_turn.filter(|&at| self.servers[at].is_free(now) && self.is_ours(at));
        // Whoever is to be dialed may not even exist any more.
        if let Some(spare) = usable.clone().find(|&at| self.servers[at].is_good_spare()) {
            self.current = Some(spare);
            return None;
        }
        let is_patient = self.is_patient(now);
        for at in usable {
            match &self.servers[at].link {
                Some(link) if link.is_up() => {
                    self.current = Some(at);
                    return None;
                }
                _ if is_patient => return None,
                // It had its head start.
                Some(_) => {}
                None => return Some(self.dialing(at, now)),
            }
        }
        None
    }

    /// When [`seek`](Self::seek) may find somebody that it did not find before.
    pub(crate) fn seek_at(&self, now: Instant) -> Option<Instant> {
        if self.current.is_some() {
            return None;
        }
        let avoided = self.servers.iter().filter(|server| !server.is_free(now));
        let next = (0..self.servers.len()).any(|at| self.is_candidate(at, now));
        let race = (next && self.is_patient(now)).then_some(self.patient_until);
        avoided.map(|server| server.avoided_until).chain(race).min()
    }

    /// Would it be used or dialed if it were its turn?
    fn is_candidate(&self, at: usize, now: Instant) -> bool {
        let server = &self.servers[at];
        server.link.as_ref().is_none_or(Link::is_up) && server.is_free(now) && self.is_ours(at)
    }

    /// Is somebody being dialed who has a head start yet? A server that is gone may not answer at
    /// all, and must not hold up the others for long.
    fn is_patient(&self, now: Instant) -> bool {
        let is_dialing = |at: usize| self.servers[at].link.is_some() && self.is_ours(at);
        now < self.patient_until && (0..self.servers.len()).any(is_dialing)
    }

    fn dialing(&mut self, at: usize, now: Instant) -> ServerAt {
        self.patient_until = now.after(self.head_start);
        ServerAt(at)
    }

    pub(crate) fn name_connection(&mut self) -> ConnectionId {
        self.dialed += 1;
        ConnectionId(self.dialed)
    }
}

impl Server {
    fn new(address: String, is_given: bool) -> Self {
        Self {
            address,
            node: None,
            link: None,
            avoided_until: Instant(0),
            failures: 0,
            rejected: None,
            is_given,
            waiting: Vec::new(),
        }
    }

    fn is_free(&self, now: Instant) -> bool {
        self.avoided_until <= now
    }

    /// Up, and of use when it was last asked? One that was of none waits for its turn.
    fn is_good_spare(&self) -> bool {
        self.is_up() && self.failures == 0
    }

    pub(crate) fn is_up(&self) -> bool {
        self.link.as_ref().is_some_and(Link::is_up)
    }
}
