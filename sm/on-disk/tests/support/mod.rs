//! Rows of any size in files.

use std::path::{Path, PathBuf};

use quorate_core::{Entries, Entry, Index, LogId, Payload, Term};
use quorate_on_disk::{Cx, DiskMachine, OnDisk, RowError, Rows, View};
use quorate_sm::{Applied, Applier, Envelope, MachineId, Outcome, SessionLimits, Unfit};

/// Rows of so many bytes; a command writes the next one.
pub(crate) struct Heap(pub(crate) usize);

impl DiskMachine for Heap {
    type Command = ();
    type Answer = u64;
    type Query = ();
    type QueryAnswer = u64;

    fn apply(&self, rows: &mut Rows<'_>, cx: &mut Cx<'_>, (): ()) -> Result<u64, RowError> {
        let at = cx.index().0;
        rows.put(&at.to_be_bytes(), &vec![at.to_le_bytes()[0]; self.0])?;
        rows.put(b"last", &at.to_be_bytes())?;
        Ok(at)
    }

    fn query(&self, view: &View, (): ()) -> Result<u64, RowError> {
        let last = view.get(b"last")?;
        Ok(last.map_or(0, |row| u64::from_be_bytes(row[..].try_into().expect("eight bytes"))))
    }
}

/// A directory that is gone afterwards.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("quorate-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("room");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn on_disk(path: &Path, row_bytes: usize) -> Applier {
    let machine = OnDisk::open_with_cache(path, 4 << 20, Heap(row_bytes)).expect("a file");
    Applier::new(machine, SessionLimits::default())
}

/// Writes rows up to this one.
pub(crate) fn fill(applier: &mut Applier, rows: u64) {
    for index in applier.last_applied().index.0 + 1..=rows {
        apply(applier, &[row(1, index)]).expect("it goes on");
    }
}

/// The entry that writes a row.
pub(crate) fn row(term: u64, index: u64) -> Entry {
    let command = Envelope::Sessionless { machine: MachineId::FIRST, command: &[] }.encode();
    let id = LogId { term: Term(term), index: Index(index) };
    Entry { id, payload: Payload::Command(command) }
}

pub(crate) fn apply(applier: &mut Applier, entries: &[Entry]) -> Result<(), Unfit> {
    let run = Entries::new(entries.iter().cloned()).expect("a run");
    applier.apply(&run, &mut Applied::default())
}

pub(crate) fn state_of(applier: &Applier) -> Vec<u8> {
    let (mut capture, mut state) = (applier.capture(), Vec::new());
    while !capture.write(&mut state, 100) {}
    state
}

/// The last row, as a query finds it.
pub(crate) fn last(applier: &Applier) -> u64 {
    let query = quorate_sm::client::query_bytes(MachineId::FIRST, &[]);
    let Ok(Outcome::Applied(answer)) = Outcome::decode(&applier.query(&query)) else {
        panic!("a query")
    };
    postcard::from_bytes(&answer).expect("a number")
}
