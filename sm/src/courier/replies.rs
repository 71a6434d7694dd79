//! What servers say, and what follows from it.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};
use quorate_core::NodeId;
use quorate_core::node::NodeStatus;
use quorate_core::wire::{Address, NotApplied, Outcome, Response};

use super::call::{Ask, Verdict};
use super::error::{CallError, Doubt};
use super::link::{Broken, ConnectionId, Said};
use super::routes::ServerAt;
use super::{Courier, Order, Owner};

/// After so many looks at a server that knows no leader, another one may know better.
const LEADERLESS_MAX: u32 = 4;

/// After so many looks, the connection itself is in doubt: a detour that is long over may have led it
/// to a server without peers, while the one that lives at that address has a leader.
const LEADERLESS_LINK_MAX: u32 = 3 * LEADERLESS_MAX;

impl<T> Courier<T> {
    pub(super) fn handle_received(
        &mut self,
        id: ConnectionId,
        bytes: BytesMut,
        orders: &mut Vec<Order<T>>,
    ) {
        let Some(at) = self.routes.of_connection(id) else { return };
        let Some(link) = &mut self.routes.get_mut(at).link else { return };
        link.handle_received(self.now, bytes);
        loop {
            let Some(link) = &mut self.routes.get_mut(at).link else { return };
            match link.hear(self.config.group, self.config.frame_bytes_max) {
                Ok(None) => return,
                Ok(Some(Said::Welcome(node))) => self.routes.handle_welcome(at, node),
                Ok(Some(Said::Response(response))) => self.handle_response(at, response, orders),
                Err(Broken::BadBytes) => return self.lose(at, orders),
                Err(Broken::Rejected(why)) => {
                    self.routes.get_mut(at).rejected = Some(why);
                    self.lose(at, orders);
                    if let Some(why) = self.routes.is_hopeless() {
                        self.give_up(&why.into(), orders);
                    }
                    return;
                }
            }
        }
    }

    fn handle_response(&mut self, at: ServerAt, response: Response, orders: &mut Vec<Order<T>>) {
        let Response { id, outcome } = response;
        let Some(held) = self.calls.get_mut(id) else { return };
        // Not what this server was asked.
        if held.sent_to != Some(at) {
            return;
        }
        held.sent_to = None;
        if let Some(link) = &mut self.routes.get_mut(at).link {
            link.forget_one();
        }
        let Some(held) = self.calls.get_mut(id) else { return };
        let verdict = match &outcome {
            Outcome::Done { .. } | Outcome::Aged { .. } => {
                let verdict = held.call.handle_outcome(outcome);
                self.routes.handle_success(at);
                verdict
            }
            _ => {
                let verdict = held.call.handle_outcome(outcome.clone());
                self.learn(at, &outcome, orders);
                verdict
            }
        };
        self.follow(id, verdict, orders);
    }

    /// What a failure says about the servers.
    fn learn(&mut self, at: ServerAt, outcome: &Outcome, orders: &mut Vec<Order<T>>) {
        match outcome {
            Outcome::NotApplied(NotApplied::NotLeader { leader: Some(leader), address }) => {
                self.follow_hint(*leader, address.as_ref(), orders);
            }
            Outcome::NotApplied(NotApplied::ShuttingDown | NotApplied::Halted) => {
                self.routes.avoid(at, self.now, &mut self.chance);
            }
            Outcome::NotApplied(NotApplied::NotLeader { .. } | NotApplied::LeadershipLost)
            | Outcome::Unknown(_) => {
                self.look_at = self.look_at.min(self.now.after(self.config.look_interval / 8));
            }
            Outcome::NotApplied(_)
            | Outcome::Done { .. }
            | Outcome::Aged { .. }
            | Outcome::Stopped(_) => {}
        }
    }

    fn follow_hint(
        &mut self,
        leader: NodeId,
        address: Option<&Address>,
        orders: &mut Vec<Order<T>>,
    ) {
        if let Some(other) = self.routes.handle_hint(leader, address.map(Address::as_str)) {
            self.lose(other, orders);
        }
    }

    pub(super) fn follow(&mut self, id: u64, verdict: Verdict, orders: &mut Vec<Order<T>>) {
        let Some(held) = self.calls.get_mut(id) else { return };
        let stamp = held.call.stamp;
        match verdict {
            Verdict::Over(result) => {
                if let (Some(stamp), Ok(_)) = (stamp, &result) {
                    self.session.handle_applied(stamp.session);
                }
                if let (Some(stamp), Err(CallError::Unknown(Doubt::SessionExpired))) =
                    (stamp, &result)
                {
                    self.session.handle_expired(stamp.session);
                }
                self.end(id, result, orders);
            }
            Verdict::Again if held.to.is_some() => {
                let why = held.call.end();
                self.end(id, Err(why), orders);
            }
            Verdict::Again => self.retry(id),
            Verdict::Renumber => {
                held.call.stamp = None;
                stamp.into_iter().for_each(|stamp| self.session.end(stamp));
                self.retry(id);
            }
            Verdict::NewSession => {
                held.call.stamp = None;
                held.call.attempts += 1;
                stamp.into_iter().for_each(|stamp| self.session.handle_expired(stamp.session));
                self.enqueue(id);
            }
        }
    }

    /// Is it worth while to know who leads?
    pub(super) fn wants_look(&self) -> bool {
        let Some(at) = self.routes.current() else { return false };
        let owes = self.routes.get(at).link.as_ref().is_some_and(super::Link::owes);
        !self.is_looking && (self.is_wanted() || owes)
    }

    /// Asks the server that is used who leads, if it is time to.
    pub(super) fn look(&mut self) {
        if !self.wants_look() || self.now < self.look_at {
            return;
        }
        let Some(at) = self.routes.current() else { return };
        self.is_looking = true;
        let timeout = self.config.call_timeout;
        let id = self.hold(Ask::Status, Owner::Looking, Some(at), timeout);
        self.enqueue(id);
    }

    /// What came of a look.
    pub(super) fn handle_look(
        &mut self,
        at: Option<ServerAt>,
        status: Option<&Bytes>,
        orders: &mut Vec<Order<T>>,
    ) {
        self.is_looking = false;
        self.look_at = self.now.after(self.config.look_interval);
        let status = status.and_then(|bytes| postcard::from_bytes::<NodeStatus>(bytes).ok());
        let (Some(at), Some(status)) = (at, status) else { return };
        self.routes.learn(status.addresses.iter().map(|(_, address)| address.as_str()));
        if self.routes.current() != Some(at) {
            return;
        }
        let Some(link) = &mut self.routes.get_mut(at).link else { return };
        link.leaderless = if status.leader.is_some() { 0 } else { link.leaderless + 1 };
        let leaderless = link.leaderless;
        if let Some(leader) = status.leader {
            return self.follow_hint(leader, status.leader_address.as_ref(), orders);
        }
        self.look_at = self.now.after(self.config.look_interval / 8);
        if leaderless >= LEADERLESS_LINK_MAX {
            self.lose(at, orders);
        } else if leaderless.is_multiple_of(LEADERLESS_MAX) {
            self.routes.avoid(at, self.now, &mut self.chance);
        }
    }
}
