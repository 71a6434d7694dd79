//! What an operator asks for: a server hands leadership over, or ends in good order: it answers what
//! is under way, its lanes finish, and the process is gone.

use super::world::{Body, Happening, World};
use crate::judge::{Checked, Point, Property, hold};
use crate::net::Down;
use quorate_core::node::Input;
use quorate_core::wire::RequestBody;
use quorate_core::{Membership, NodeId};
use quorate_sm::ApplyLane;

/// The name of an operator's requests.
pub(super) const OPERATOR: u64 = ApplyLane::NOBODY - 1;

impl World<'_> {
    /// Tells a server to hand leadership over.
    pub(crate) fn ask_to_hand_over(&mut self, at: usize, to: Option<u16>) {
        if let Some(process) = self.servers[at].process.as_mut().filter(|it| !it.is_over) {
            let to = to.and_then(|to| NodeId::new(to.into()));
            let body = RequestBody::TransferLeadership { to };
            process.inputs.push(Input::Request { id: OPERATOR, body });
            self.stir(at);
        }
    }

    /// Tells a server who shall belong to the cluster.
    pub(crate) fn ask_to_reconfigure(&mut self, at: usize, target: Membership, force: bool) {
        if let Some(process) = self.servers[at].process.as_mut().filter(|it| !it.is_over) {
            let body = RequestBody::Reconfigure { target, expected: None, force };
            process.inputs.push(Input::Request { id: OPERATOR, body });
            self.stir(at);
        }
    }

    /// Tells a server to end.
    pub(crate) fn stop(&mut self, at: usize) {
        if let Some(process) = &mut self.servers[at].process {
            if process.glance().leads() {
                self.report.reached.note(Point::LeaderStopped);
            }
            process.is_ending = true;
            process.inputs.push(Input::Stop);
            self.stir(at);
        }
    }

    /// The node has said its last word: connections end once it has left.
    pub(crate) fn stopped(&mut self, at: usize) -> Checked {
        let server = &mut self.servers[at];
        let Some(process) = &mut server.process else { return Ok(()) };
        process.is_over = true;
        self.net.listen(server.host, false);
        for end in process.wires.part_all() {
            self.net.close(self.now, end);
        }
        self.finish_if_done(at)
    }

    /// Nothing is left to do: the lanes finish.
    pub(crate) fn finish_if_done(&mut self, at: usize) -> Checked {
        let body = self.body(at);
        let server = &mut self.servers[at];
        let is_done = server.process.as_ref().is_some_and(|process| {
            process.is_over && process.log.is_free() && process.apply.is_free()
        });
        if !is_done {
            return Ok(());
        }
        let process = server.process.take().expect("it is done");
        server.is_ending = true;
        server.drive.begin(self.now);
        process.log.finish();
        process.apply.finish();
        let pending = server.ledger.pending();
        // A disk that fails over the last writes keeps nothing that anybody was told of.
        hold(pending == 0 || process.has_failed, Property::EffectsAreWellFormed, || {
            format!("{:?} ended in good order and left {pending} writes", server.id)
        })?;
        self.plan_disk(body, Happening::Ended);
        Ok(())
    }

    /// The process is gone.
    pub(crate) fn ended(&mut self, body: Body) -> Checked {
        let server = &self.servers[body.at];
        if server.lives == body.life && server.is_ending {
            self.report.stops += 1;
            self.take_down(body.at, Down::Kill)?;
            self.plan_restart(body.at);
        }
        Ok(())
    }
}
