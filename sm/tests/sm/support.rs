//! A log of one replica, and a machine that remembers what it was asked.

use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LogId, Payload, Term};
use quorate_sm::{
    Applied, Applier, ByteMachine, Context, Envelope, MachineId, Outcome, SessionId, SessionLimits,
    StateMachine, client,
};
use serde::{Deserialize, Serialize};

pub(crate) fn entry(index: u64, command: Option<Bytes>) -> Entry {
    let id = LogId { term: Term(1), index: Index(index) };
    Entry { id, payload: command.map_or(Payload::NOOP, Payload::Command) }
}

pub(crate) fn run_of(entries: impl IntoIterator<Item = Entry>) -> Entries {
    Entries::new(entries).expect("a run")
}

/// A replica that applies whatever it is told to, entry by entry.
pub(crate) struct Replica {
    pub(crate) applier: Applier,
    pub(crate) log: Vec<Entry>,
}

impl Replica {
    pub(crate) fn new(machine: impl ByteMachine + 'static, limits: SessionLimits) -> Self {
        Self { applier: Applier::new(machine, limits), log: Vec::new() }
    }

    /// Where the next entry will be.
    pub(crate) fn next(&self) -> Index {
        Index(self.log.len() as u64 + 1)
    }

    pub(crate) fn noop(&mut self) {
        self.append(None);
    }

    pub(crate) fn commit_bytes(&mut self, command: Bytes) -> Bytes {
        self.append(Some(command))
    }

    pub(crate) fn commit(&mut self, envelope: &Envelope<'_>) -> Outcome {
        Outcome::decode(&self.commit_bytes(envelope.encode())).expect("an outcome")
    }

    pub(crate) fn open(&mut self, nonce: u128) -> SessionId {
        match self.commit(&Envelope::OpenSession { nonce }) {
            Outcome::Opened { session, .. } => session,
            other => panic!("{other:?}"),
        }
    }

    fn append(&mut self, command: Option<Bytes>) -> Bytes {
        let entry = entry(self.next().0, command);
        self.log.push(entry.clone());
        let mut applied = Applied::default();
        self.applier.apply(&run_of([entry]), &mut applied).expect("nothing is lacking");
        assert_eq!(applied.answers.len(), 1, "each entry has its answer");
        applied.answers.remove(0).outcome
    }
}

/// Remembers every command, and where it came from.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Recorder {
    pub(crate) records: Vec<Record>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    pub(crate) tag: u64,
    pub(crate) at: Index,
    pub(crate) session: Option<SessionId>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) tag: u64,
    /// How large the answer shall be.
    pub(crate) padding: u16,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub record: Record,
    pub(crate) padding: Bytes,
}

impl StateMachine for Recorder {
    type Command = Note;
    type Answer = Noted;
    type Query = ();
    type QueryAnswer = Vec<Record>;

    fn apply(&mut self, cx: &mut Context, note: Note) -> Noted {
        let record = Record { tag: note.tag, at: cx.index(), session: cx.session() };
        self.records.push(record);
        Noted { record, padding: vec![0; note.padding.into()].into() }
    }

    fn query(&self, (): ()) -> Vec<Record> {
        self.records.clone()
    }
}

pub(crate) fn records(applier: &Applier) -> Vec<Record> {
    let query = client::query::<Recorder>(MachineId::FIRST, &());
    client::query_answer::<Recorder>(&applier.query(&query)).expect("the records")
}
