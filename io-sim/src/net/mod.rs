//! A network of hosts, and connections between them that carry bytes as TCP does: in order, once,
//! and late when something is in the way.
//!
//! It is a value: whoever drives the hosts says what they do ([`Net::connect`], [`Net::send`], …)
//! and asks what happens to them ([`Net::next_at`], [`Net::pop`]). Time, in nanoseconds, is an
//! argument, and only rises. The same seed and the same calls give the same deliveries.
//!
//! ```
//! use quorate_io_sim::net::{HostId, Net, NetEvent, NetOptions};
//! let (a, b) = (HostId(1), HostId(2));
//! let mut net = Net::new(7, 2, 0, NetOptions::default());
//! net.listen(b, true);
//! let dialer = net.connect(0, a, b);
//! net.send(0, dialer, bytes::Bytes::from_static(b"hello"));
//!
//! let mut heard = Vec::new();
//! while let Some(now) = net.next_at() {
//!     while let Some(delivery) = net.pop(now) {
//!         heard.push((delivery.host, delivery.event));
//!     }
//! }
//! assert_eq!(heard[0], (a, NetEvent::Opened));
//! assert_eq!(heard[1], (a, NetEvent::Room(5)), "the bytes have left");
//! assert_eq!(heard[2], (b, NetEvent::Accepted(a)));
//! assert_eq!(heard[3], (b, NetEvent::Bytes(bytes::Bytes::from_static(b"hello"))));
//! ```
//!
//! What is like TCP, and how far:
//! 1. A loss delays: what is lost is repeated after a pause that doubles. A partition is a loss of
//!    everything; after [`NetOptions::give_up_ns`] the sender's end ends. Acknowledgements are as
//!    quick as thought, but they need the way back to be open: over a link that is blocked in one
//!    direction only, a window of bytes gets through and the connection dies.
//! 2. To connect takes a round trip, and both directions.
//! 3. An end that its process has left answers what still comes in with a reset; so does a host
//!    that was without power and knows nothing. A host without power answers nothing.
//! 4. A receiver that does not read ([`Net::pause_reading`]) fills the window, and from then on what
//!    is sent stays with its process ([`NetEvent::Room`], [`Net::unsent`]).
//!
//! Between two servers the network also knows where frames begin and end, and can lose, repeat and
//! swap whole frames, and bring back old ones; see [`FrameOptions`]. There, bytes enter the network
//! in whole frames only.

mod arrive;
mod chance;
mod connection;
mod delivery;
mod framing;
mod host;
mod kinds;
mod life;
mod link;
mod options;
mod pipe;
mod plan;
mod run;
mod shape;
mod struck;

use std::collections::VecDeque;

use bytes::Bytes;

use chance::Chance;
use connection::{Connection, Connections, State};
use framing::Fate;
use host::Host;
use link::{FOREVER, Link};
use pipe::{Cargo, Chunk, Fin, Pipe};
use plan::{Event, Plan};
use run::Road;

pub use connection::{ConnId, End, Side};
pub use delivery::{Cause, ConnectError, Delivery, NetEvent};
pub use host::{Down, HostId};
pub use kinds::{FrameKind, FrameKinds, UnknownKind};
pub use options::{
    FrameOptions, Latency, LinkOptions, NetOptions, NetOptionsError, Overtaking, Rule,
    StreamOptions, Tail,
};
pub use shape::Shape;
pub use struck::Struck;

/// A simulated network.
pub struct Net {
    options: NetOptions,
    /// The hosts up to this one are servers.
    servers: u16,
    hosts: Vec<Host>,
    /// By sender and receiver; made when first used.
    links: Vec<Option<Box<Link>>>,
    connections: Connections,
    plan: Plan,
    /// What can be told at once.
    ready: VecDeque<Delivery>,
    chance: Chance,
    struck: Struck,
    now: u64,
    /// Reused.
    chunks: Vec<Chunk>,
}

impl Net {
    /// A network of so many servers, numbered from 1, and so many clients, numbered after them. All
    /// are up, and none listens yet.
    ///
    /// # Panics
    /// If the window has no room for a byte, or there are more than 65534 hosts.
    #[must_use]
    pub fn new(seed: u64, servers: u16, clients: u16, options: NetOptions) -> Self {
        assert!(options.window_bytes > 0, "no window, no bytes");
        let count = servers.checked_add(clients).and_then(|all| all.checked_add(1));
        let count = count.expect("at most 65534 hosts");
        Self {
            options,
            servers,
            hosts: (0..count).map(|id| Host::new(HostId(id))).collect(),
            links: (0..usize::from(count).pow(2)).map(|_| None).collect(),
            connections: Connections::new(),
            plan: Plan::new(),
            ready: VecDeque::new(),
            chance: Chance::new(seed),
            struck: Struck::default(),
            now: 0,
            chunks: Vec::new(),
        }
    }

    /// Starts to connect. [`NetEvent::Opened`] or [`NetEvent::Failed`] follows, unless the end is
    /// closed before. What is sent until then waits.
    ///
    /// # Panics
    /// If there is no such host; if time runs backwards. So do all calls.
    pub fn connect(&mut self, now: u64, from: HostId, to: HostId) -> End {
        self.advance(now);
        let actual = self.hosts[usize::from(to.0)].answers;
        self.struck.rerouted += u64::from(actual != to);
        let is_between_servers = self.is_server(from) && self.is_server(actual);
        let connection = self.connections.insert(Connection {
            hosts: [from, actual],
            states: [State::Unborn; 2],
            pipes: [Pipe::new(is_between_servers), Pipe::new(is_between_servers)],
            deadline: now.saturating_add(self.options.connect_timeout_ns),
            tries: 0,
        });
        let at = self.one_way(from, actual);
        self.plan.add(at, Event::Knock(connection));
        End::new(connection, Side::Dialer)
    }

    /// Sends bytes. Says how many of all that was sent on this end have left the process now; the
    /// others follow as [`NetEvent::Room`]. On an end that does not exist any more, or has
    /// [finished](Self::finish), sending does nothing.
    pub fn send(&mut self, now: u64, end: End, bytes: Bytes) -> u64 {
        self.advance(now);
        let Some(connection) = self.connections.get_mut(end.connection) else { return 0 };
        let side = end.side as usize;
        let (from, to) = (connection.host(end.side), connection.host(end.side.other()));
        let pipe = &mut connection.pipes[side];
        let is_deaf = matches!(connection.states[side], State::Closed | State::Gone);
        if is_deaf || pipe.fin != Fin::No || bytes.is_empty() {
            return 0;
        }
        let sent = bytes.len() as u64;
        let link = link(&mut self.links, &self.options, self.hosts.len(), from, to);
        let release_at = pipe.framing.release_at();
        let mut fate = Fate { now, link, chance: &mut self.chance, struck: &mut self.struck };
        pipe.framing.pass(bytes, &mut fate, &mut self.chunks);
        // What a fault holds or drops has left the process as far as the process can tell.
        let waits: u64 = self.chunks.iter().map(|chunk| chunk.credit).sum();
        let releases_at = pipe.framing.release_at();
        pipe.unsent += waits;
        pipe.backlog.extend(self.chunks.drain(..));
        if let Some(at) = releases_at
            && release_at.is_none_or(|planned| at < planned)
        {
            self.plan.add(at, Event::Aside(end.connection, end.side));
        }
        sent - waits + self.pump(now, end)
    }

    /// How many of the sent bytes have not left the process.
    #[must_use]
    pub fn unsent(&self, end: End) -> u64 {
        let connection = self.connections.get(end.connection);
        connection.map_or(0, |connection| connection.pipes[end.side as usize].unsent)
    }

    /// Reads nothing any more on this end, until it [resumes](Self::resume_reading).
    pub fn pause_reading(&mut self, now: u64, end: End) {
        self.set_paused(now, end, true);
    }

    /// Reads again.
    pub fn resume_reading(&mut self, now: u64, end: End) {
        self.set_paused(now, end, false);
    }

    /// Says nothing more after what was sent, and goes on reading.
    pub fn finish(&mut self, now: u64, end: End) {
        self.advance(now);
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        let pipe = &mut connection.pipes[end.side as usize];
        if pipe.fin != Fin::No {
            return;
        }
        pipe.framing.flush(&mut self.chunks);
        pipe.backlog.extend(self.chunks.drain(..));
        pipe.fin = Fin::Wanted;
        let left = self.pump(now, end);
        self.tell_room(end, left);
    }

    /// When [`pop`](Self::pop) may have something; before then it has nothing.
    #[must_use]
    pub fn next_at(&self) -> Option<u64> {
        if self.ready.is_empty() {
            // What is overdue happens now.
            self.plan.next_at().map(|at| at.max(self.now))
        } else {
            Some(self.now)
        }
    }

    /// The next thing that has happened by now, if any. Ask again until there is nothing: things
    /// that happened at different times come in that order.
    pub fn pop(&mut self, now: u64) -> Option<Delivery> {
        self.advance(now);
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Some(delivery);
            }
            let (at, event) = self.plan.pop(now)?;
            self.handle(now, at, event);
        }
    }

    /// How often each fault has struck.
    #[must_use]
    pub const fn struck(&self) -> &Struck {
        &self.struck
    }

    /// How many connections there are, counting those that only one side knows.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// What the link is like now.
    #[must_use]
    pub fn link(&self, from: HostId, to: HostId) -> &LinkOptions {
        let at = usize::from(from.0) * self.hosts.len() + usize::from(to.0);
        self.links[at].as_ref().map_or(&self.options.link, |link| &link.options)
    }

    /// Makes a link another one, for what is sent on it from now on.
    pub fn set_link(&mut self, from: HostId, to: HostId, options: LinkOptions) {
        self.link_mut(from, to).options = options;
    }

    /// Makes all links others, for what is sent from now on.
    pub fn set_links(&mut self, options: LinkOptions) {
        self.options.link = options;
        self.links.iter_mut().flatten().for_each(|link| link.options = options);
    }

    /// Nothing gets from one host to the other any more. What was under way is repeated.
    pub fn block(&mut self, from: HostId, to: HostId) {
        self.link_mut(from, to).is_blocked = true;
    }

    /// Undoes [`block`](Self::block).
    pub fn unblock(&mut self, from: HostId, to: HostId) {
        self.link_mut(from, to).is_blocked = false;
    }

    /// Blocks the links of a [`Shape`], in addition to those that are.
    pub fn partition(&mut self, blocked: &[(HostId, HostId)]) {
        blocked.iter().for_each(|&(from, to)| self.block(from, to));
    }

    /// The link is blocked half of the time, for so long at a stretch; 0 for never.
    pub fn flap(&mut self, from: HostId, to: HostId, stretch_ns: u64) {
        self.link_mut(from, to).flap_ns = stretch_ns;
    }

    /// What would arrive over the link waits, and then arrives all at once; nothing is lost and no
    /// connection given up. `None` for until it is [released](Self::release).
    pub fn hold(&mut self, now: u64, from: HostId, to: HostId, until: Option<u64>) {
        self.advance(now);
        self.link_mut(from, to).held_until = until.unwrap_or(FOREVER);
        self.wake_all();
    }

    /// What a held link kept arrives.
    pub fn release(&mut self, now: u64, from: HostId, to: HostId) {
        self.hold(now, from, to, Some(0));
    }

    /// All links are open, steady and free again. Their options stay.
    pub fn mend(&mut self, now: u64) {
        self.advance(now);
        self.links.iter_mut().flatten().for_each(|link| link.mend());
        self.wake_all();
    }

    /// Nothing that is under way to this end arrives before then; nobody is told. `None` for not
    /// before one side has left: the slowest of all clients.
    pub fn stall(&mut self, now: u64, end: End, until: Option<u64>) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(end.connection) {
            connection.pipes[end.side.other() as usize].stalled_until = until.unwrap_or(FOREVER);
            self.schedule(end.other());
        }
    }

    /// Whoever connects to `to` from now on reaches `actual`, which does not know that.
    pub fn reroute(&mut self, to: HostId, actual: HostId) {
        self.hosts[usize::from(to.0)].answers = actual;
    }

    /// Does the host take connections?
    pub fn listen(&mut self, host: HostId, is_listening: bool) {
        self.hosts[usize::from(host.0)].is_listening = is_listening;
    }

    const fn is_server(&self, host: HostId) -> bool {
        host.0 > 0 && host.0 <= self.servers
    }

    fn advance(&mut self, now: u64) {
        assert!(now >= self.now, "time runs backwards: {now} after {}", self.now);
        self.now = now;
    }

    fn set_paused(&mut self, now: u64, end: End, is_paused: bool) {
        self.advance(now);
        if let Some(connection) = self.connections.get_mut(end.connection) {
            connection.pipes[end.side.other() as usize].is_paused = is_paused;
            self.schedule(end.other());
        }
    }

    fn link_mut(&mut self, from: HostId, to: HostId) -> &mut Link {
        link(&mut self.links, &self.options, self.hosts.len(), from, to)
    }

    /// When something that is no part of a stream would get from one host to the other.
    fn one_way(&mut self, from: HostId, to: HostId) -> u64 {
        let link = link(&mut self.links, &self.options, self.hosts.len(), from, to);
        self.now + link.latency(&mut self.chance, &mut self.struck)
    }

    /// Puts on the wire what has room there. Says how many bytes have left their process.
    fn pump(&mut self, now: u64, end: End) -> u64 {
        let Some(connection) = self.connections.get_mut(end.connection) else { return 0 };
        if connection.state(end.side) == State::Unborn {
            return 0;
        }
        let (from, to) = (connection.host(end.side), connection.host(end.side.other()));
        let link = link(&mut self.links, &self.options, self.hosts.len(), from, to);
        let (chance, struck) = (&mut self.chance, &mut self.struck);
        let mut road = Road { now, options: &self.options, link, chance, struck };
        let pipe = &mut connection.pipes[end.side as usize];
        let mut left = 0;
        while let Some(chunk) = pipe.backlog.front_mut() {
            let room = self.options.window_bytes.saturating_sub(pipe.occupied);
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let chunk = match room {
                _ if pipe.is_broken || chunk.bytes.len() <= room => {
                    pipe.backlog.pop_front().expect("there is a front")
                }
                // No crumbs: nobody splits what is to be sent for a window of a few bytes.
                room if (room as u64) < self.options.window_bytes.div_ceil(4) => break,
                room => chunk.split_to(room),
            };
            left += chunk.credit;
            if !pipe.is_broken {
                road.load(pipe, chunk.bytes);
            }
        }
        pipe.unsent -= left;
        if pipe.fin == Fin::Wanted && pipe.backlog.is_empty() {
            pipe.fin = Fin::Sent;
            if !pipe.is_broken {
                let at = road.arrival();
                pipe.load(at, Cargo::Fin);
            }
        }
        if pipe.wake_at.is_none() || pipe.stuck.is_some() {
            self.schedule(end);
        }
        left
    }

    /// Plans the next look at what this end says.
    fn schedule(&mut self, end: End) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        let (from, to) = (connection.host(end.side), connection.host(end.side.other()));
        let link = link(&mut self.links, &self.options, self.hosts.len(), from, to);
        let pipe = &mut connection.pipes[end.side as usize];
        self.struck.held += u64::from(link.held_until > self.now && !pipe.wire.is_empty());
        let wake_at = pipe.next_wake(link.held_until).map(|at| at.max(self.now));
        if wake_at != pipe.wake_at {
            pipe.wake_at = wake_at;
            if let Some(at) = wake_at {
                self.plan.add(at, Event::Wire(end.connection, end.side));
            }
        }
    }

    fn wake_all(&mut self) {
        for connection in self.connections.ids() {
            Side::BOTH.into_iter().for_each(|side| self.schedule(End::new(connection, side)));
        }
    }

    fn tell(&mut self, end: End, event: NetEvent) {
        if let Some(connection) = self.connections.get(end.connection) {
            let host = connection.host(end.side);
            self.ready.push_back(Delivery { host, end, event });
        }
    }

    fn tell_room(&mut self, end: End, bytes: u64) {
        if bytes > 0 {
            self.tell(end, NetEvent::Room(bytes));
        }
    }
}

fn link<'a>(
    links: &'a mut [Option<Box<Link>>],
    options: &NetOptions,
    hosts: usize,
    from: HostId,
    to: HostId,
) -> &'a mut Link {
    let at = usize::from(from.0) * hosts + usize::from(to.0);
    links[at].get_or_insert_with(|| Box::new(Link::new(options.link)))
}
