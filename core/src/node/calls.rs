//! Calls of functions that this server's program offers beside the log. They take up no place among the
//! requests, so whatever they do, the log goes on.

use core::time::Duration;

use bytes::Bytes;

use super::Node;
use super::io::{Called, Output, Outputs};
use super::requests::{Kind, Origin};
use crate::types::RequestId;
use crate::wire::{FunctionId, NotApplied, Outcome, ServiceId, Unknown};

/// What a frame holds beside an answer.
const ANSWER_OVERHEAD_BYTES: usize = 256;

/// What is called.
pub(super) struct Callee {
    pub(super) service: ServiceId,
    pub(super) function: FunctionId,
    pub(super) within_ms: u32,
    pub(super) arguments: Bytes,
}

impl Node {
    /// What may be called, the driver knows.
    pub(super) fn call(&mut self, origin: Origin, callee: Callee, out: &mut Outputs) {
        let Callee { service, function, within_ms, arguments } = callee;
        let bytes = arguments.len() as u64;
        let calls = self.requests.calls();
        let is_full = calls.count >= self.config.calls_max
            || calls.bytes.saturating_add(bytes) > self.config.calls_bytes_max;
        let admitted = self.admit_anything();
        if let Err(why) = admitted.and(if is_full { Err(NotApplied::Busy) } else { Ok(()) }) {
            return self.respond(origin, Outcome::NotApplied(why), out);
        }
        let within = Duration::from_millis(within_ms.into());
        let id = self.begin_for(origin, Kind::Call { bytes }, within);
        out.push(Output::Call { id, service, function, arguments });
    }

    pub(super) fn handle_called(&mut self, id: RequestId, called: Called, out: &mut Outputs) {
        let longest = (self.config.frame_bytes_max as usize).saturating_sub(ANSWER_OVERHEAD_BYTES);
        let outcome = match called {
            Called::Answered(answer) if answer.len() <= longest => {
                Outcome::Done { index: self.applied(), answer }
            }
            Called::Answered(_) | Called::Failed => Outcome::Unknown(Unknown::NoAnswer),
            Called::NotOffered => Outcome::NotApplied(NotApplied::NotOffered),
            Called::Unreadable => Outcome::NotApplied(NotApplied::Invalid),
        };
        self.finish(id, outcome, out);
    }
}
