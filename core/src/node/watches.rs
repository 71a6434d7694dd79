//! Questions that wait for something to happen: they have no deadline, and end with the answer, with
//! their connection, or when they are taken back.

use bytes::Bytes;

use super::Node;
use super::io::{ConnectionId, Output, Outputs};
use super::requests::{Kind, Origin, Pending};
use crate::types::{Instant, RequestId};
use crate::wire::{NotApplied, Outcome};

impl Node {
    /// Whatever this server has applied is good enough: the state machine knows what was asked.
    pub(super) fn watch(&mut self, origin: Origin, watch: Bytes, out: &mut Outputs) {
        if self.requests.watches() >= self.config.watches_max {
            return self.respond(origin, Outcome::NotApplied(NotApplied::Busy), out);
        }
        let (since, deadline) = (self.now, Instant(u64::MAX));
        let pending = Pending { origin, kind: Kind::Watch, passed_to: None, since, deadline };
        let id = self.requests.insert(pending);
        out.push(Output::Watch { id, watch });
    }

    /// Whoever asked takes a watch back; it is not answered any more.
    pub(super) fn forget_watch(&mut self, origin: Origin, name: u64, out: &mut Outputs) {
        let watch = match origin {
            Origin::Client { connection, .. } => self.requests.watch_of(Some(connection), name),
            Origin::Local { .. } => self.requests.watch_of(None, name),
            Origin::Peer { .. } | Origin::Queries(_) | Origin::Node => None,
        };
        if let Some(id) = watch {
            self.drop_request(id, out);
        }
        let (index, answer) = (self.applied(), Bytes::new());
        self.respond(origin, Outcome::Done { index, answer }, out);
    }

    /// A client is gone, and with it what only it was interested in: its watches and its calls.
    pub(super) fn forget_client(&mut self, connection: ConnectionId, out: &mut Outputs) {
        if self.requests.len() > self.requests.ordinary() {
            for id in self.requests.only_of(connection) {
                self.drop_request(id, out);
            }
        }
    }

    /// This server is about to stop: whoever waits may do so elsewhere.
    pub(super) fn end_watches(&mut self, out: &mut Outputs) {
        for id in self.requests.all_watches() {
            out.push(Output::Forget(id));
            self.end_as_not_applied(id, NotApplied::ShuttingDown, out);
        }
    }

    fn drop_request(&mut self, id: RequestId, out: &mut Outputs) {
        self.requests.remove(id);
        out.push(Output::Forget(id));
    }
}
