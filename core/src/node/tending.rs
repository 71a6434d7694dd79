//! What the state machine does with time: clients fall silent, timers become due. It cannot look at a
//! clock, so the node tells it what time it is: when this server comes to lead, and whenever the
//! state machine asked for it.

use core::time::Duration;

use super::Node;
use super::io::{Output, Outputs, Reign};
use crate::event::Event;
use crate::types::Instant;

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tending {
    /// When the state machine wants to know the time; it has no such wish unless it leads.
    at: Option<Instant>,
    leads: bool,
}

impl Node {
    /// Role, term or leader changed.
    pub(super) fn tend_anew(&mut self, out: &mut Outputs) {
        let leads = self.is_leader();
        if self.tending.leads {
            self.tending = Tending::default();
            out.push(Output::Tend { now: self.now, reign: None });
        }
        if leads {
            self.tending.leads = true;
            self.tell_time(out);
        }
    }

    /// The state machine has asked for the time.
    pub(super) fn tend(&mut self, out: &mut Outputs) {
        if self.tending.at.is_some_and(|at| at <= self.now) {
            self.tell_time(out);
        }
    }

    fn tell_time(&mut self, out: &mut Outputs) {
        self.tending.at = None;
        let reign = Reign { term: self.raft.status().hard_state.term, led: self.raft.led() };
        out.push(Output::Tend { now: self.now, reign: Some(reign) });
    }

    pub(super) fn handle_tend_in(&mut self, span: Duration) {
        if self.tending.leads {
            let at = self.now.after(span);
            self.tending.at = Some(self.tending.at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    pub(super) fn handle_write_time(&mut self) {
        self.events.push(Event::WriteTime);
    }

    pub(super) fn tend_deadline(&self) -> Option<Instant> {
        self.tending.at
    }
}
