//! A machine whose state is looked at after every command.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use quorate_sm::{ByteMachine, Capture, Context, Digest, EventLimits, SessionId, Undecodable};

use super::{Broken, Workload};

/// Where replicas say what is wrong with their state: the first of it stays.
#[derive(Clone, Default)]
pub(super) struct Complaint(Arc<Mutex<Option<Broken>>>);

impl Complaint {
    pub(super) fn get(&self) -> Option<Broken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn file(&self, broken: Broken) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(broken);
    }
}

/// The machine of a workload.
pub(super) struct Observed<W: Workload> {
    machine: W::Machine,
    complaint: Complaint,
    is_brief: bool,
    workload: PhantomData<fn() -> W>,
}

impl<W: Workload> Observed<W> {
    /// `is_brief`: may it be, if the machine is?
    pub(super) fn new(machine: W::Machine, complaint: Complaint, is_brief: bool) -> Self {
        Self { machine, complaint, is_brief, workload: PhantomData }
    }

    fn check(&self, cx: &Context) {
        if let Err(Broken { property, evidence }) = W::check(&self.machine) {
            let at = cx.index().0;
            let evidence = format!("after the command at index {at}: {evidence}");
            self.complaint.file(Broken { property, evidence });
        }
    }
}

impl<W: Workload> ByteMachine for Observed<W> {
    fn apply_bytes(
        &mut self,
        cx: &mut Context,
        command: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        self.machine.apply_bytes(cx, command, answer)?;
        self.check(cx);
        Ok(())
    }

    fn fire(&mut self, cx: &mut Context, what: &[u8]) {
        ByteMachine::fire(&mut self.machine, cx, what);
        self.check(cx);
    }

    fn session_ended(&mut self, cx: &mut Context, session: SessionId) {
        ByteMachine::session_ended(&mut self.machine, cx, session);
        self.check(cx);
    }

    fn needs_time(&self) -> bool {
        self.machine.needs_time()
    }

    fn event_limits(&self) -> EventLimits {
        ByteMachine::event_limits(&self.machine)
    }

    fn query_bytes(&self, query: &[u8], answer: &mut Vec<u8>) -> Result<(), Undecodable> {
        self.machine.query_bytes(query, answer)
    }

    fn is_brief(&self) -> bool {
        self.is_brief && self.machine.is_brief()
    }

    fn capture(&self) -> Box<dyn Capture> {
        ByteMachine::capture(&self.machine)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Undecodable> {
        self.machine.restore(state)
    }

    fn digest_into(&self, digest: &mut Digest) {
        self.machine.digest_into(digest);
    }
}
