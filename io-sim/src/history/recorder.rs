//! Records a history while it happens.

use std::collections::BTreeMap;

use serde_json::Value;

use super::operation::{Call, History, ModelName, Operation, Outcome};

/// Pairs each completion with its invocation, in the real-time order in which it is told of them.
///
/// The order of the calls *is* the order of time: an invocation must be recorded before the request
/// leaves, a completion after the answer came. A caller with many threads keeps it behind a lock.
///
/// ```
/// use quorate_io_sim::history::{Call, ModelName, Recorder};
/// let mut recorder = Recorder::new(ModelName::CasRegister, serde_json::json!(0));
/// recorder.invoke(1, Call::new("write").argument(7)).unwrap();
/// recorder.ok(1, None).unwrap();
/// recorder.invoke(2, Call::new("read")).unwrap();
/// recorder.ok(2, Some(7.into())).unwrap();
///
/// let mut file = Vec::new();
/// recorder.finish().write_to(&mut file).unwrap();
/// assert!(file.ends_with(b"{\"p\":2,\"e\":\"ok\",\"f\":\"read\",\"r\":7}\n"));
/// ```
#[derive(Debug)]
pub struct Recorder {
    history: History,
    /// The operation that each process waits for.
    open: BTreeMap<u64, usize>,
    /// Events so far.
    events: u64,
}

impl Recorder {
    /// An empty history of `model`, whose value at the beginning is `init`.
    pub const fn new(model: ModelName, init: Value) -> Self {
        let history = History { model, init, operations: Vec::new() };
        Self { history, open: BTreeMap::new(), events: 0 }
    }

    /// `process` asks.
    ///
    /// # Errors
    /// [`RecordError::Busy`] while it waits for an answer; nothing is recorded then.
    pub fn invoke(&mut self, process: u64, call: Call) -> Result<(), RecordError> {
        if let Some(&open) = self.open.get(&process) {
            let invoked = self.history.operations[open].invoked;
            return Err(RecordError::Busy { process, invoked });
        }
        self.open.insert(process, self.history.operations.len());
        let outcome = Outcome::Unknown { at: None };
        self.events += 1;
        self.history.operations.push(Operation { process, call, invoked: self.events, outcome });
        Ok(())
    }

    /// What `process` asked for happened, with this answer.
    ///
    /// # Errors
    /// [`RecordError::Idle`] when it waits for nothing; nothing is recorded then.
    pub fn ok(&mut self, process: u64, answer: Option<Value>) -> Result<(), RecordError> {
        self.complete(process, |at| Outcome::Ok { answer, at })
    }

    /// What `process` asked for certainly did not happen and never will.
    ///
    /// # Errors
    /// [`RecordError::Idle`] when it waits for nothing; nothing is recorded then.
    pub fn fail(&mut self, process: u64) -> Result<(), RecordError> {
        self.complete(process, |at| Outcome::Failed { at })
    }

    /// `process` gave up waiting. Let a fresh process go on in its place: this one may still be at
    /// work.
    ///
    /// # Errors
    /// [`RecordError::Idle`] when it waits for nothing; nothing is recorded then.
    pub fn info(&mut self, process: u64) -> Result<(), RecordError> {
        self.complete(process, |at| Outcome::Unknown { at: Some(at) })
    }

    /// What `process` waits for.
    pub fn waits_for(&self, process: u64) -> Option<&Call> {
        self.open.get(&process).map(|&open| &self.history.operations[open].call)
    }

    /// What has been recorded so far.
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The end. What is still open may have happened or not.
    pub fn finish(self) -> History {
        self.history
    }

    fn complete(
        &mut self,
        process: u64,
        outcome: impl FnOnce(u64) -> Outcome,
    ) -> Result<(), RecordError> {
        let open = self.open.remove(&process).ok_or(RecordError::Idle { process })?;
        self.events += 1;
        self.history.operations[open].outcome = outcome(self.events);
        Ok(())
    }
}

/// An event that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// A process does one thing at a time.
    #[error("process {process} invokes while its operation of event {invoked} is open")]
    Busy {
        /// Who.
        process: u64,
        /// The number of the event that invoked the open operation.
        invoked: u64,
    },
    /// A completion of nothing.
    #[error("process {process} completes an operation that it did not invoke")]
    Idle {
        /// Who.
        process: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_does_one_thing_at_a_time() {
        let mut recorder = Recorder::new(ModelName::Mutex, false.into());
        assert_eq!(recorder.ok(3, None), Err(RecordError::Idle { process: 3 }));
        recorder.invoke(3, Call::new("acquire")).unwrap();
        let busy = recorder.invoke(3, Call::new("release"));
        assert_eq!(busy, Err(RecordError::Busy { process: 3, invoked: 1 }));
        recorder.info(3).unwrap();
        assert_eq!(recorder.fail(3), Err(RecordError::Idle { process: 3 }));
        recorder.invoke(3, Call::new("release")).unwrap();
        let history = recorder.finish();
        let ends: Vec<_> = history.operations.into_iter().map(|op| op.outcome).collect();
        assert_eq!(ends, [Outcome::Unknown { at: Some(2) }, Outcome::Unknown { at: None }]);
    }
}
