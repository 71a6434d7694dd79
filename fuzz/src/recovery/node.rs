//! A node's log: writes, crashes, starts.

use std::time::Duration;

use quorate_core::wal::{
    self, Fate, Identity, MemDisk, Mending, OpenError, Opened, Row, Unsynced, Wal, WalError,
    WalOptions,
};
use quorate_core::{
    Append, ClusterId, Config, Entries, Entry, HardState, Incarnation, Index, Instant, LeaderTime,
    LogId, Membership, NodeId, Payload, Raft, Recovered, SnapshotChange, SnapshotMeta, System,
    Ticket, Write,
};

use super::harm::{self, Flip};
use super::model::Model;
use super::{Act, Recoveries};
use crate::input::Input;
use crate::messages::node;
use crate::within;

pub(super) struct Node<'d> {
    disk: &'d MemDisk,
    /// `None` once it has failed.
    wal: Option<Wal<&'d MemDisk>>,
    options: WalOptions,
    model: Model,
    ticket: u64,
    starts: u64,
    /// All batches up to here are acknowledged; and how many of them an earlier start wrote.
    acked_lsn: u64,
    earlier_lsn: u64,
    pub(super) recoveries: Recoveries,
}

impl<'d> Node<'d> {
    /// A directory that was just formatted.
    pub(super) fn new(disk: &'d MemDisk, input: &mut Input<'_>) -> Self {
        let identity =
            Identity { cluster: ClusterId(1), node: node(1), incarnation: Incarnation(1) };
        wal::format(disk, &identity, 0, &genesis()).expect("an empty disk can be formatted");
        let options = WalOptions {
            segment_bytes: 32 << 10,
            align_bytes: [512, 4096][input.below(2)],
            batch_bytes_max: [512, 4 << 10, 16 << 10][input.below(3)],
            tail_bytes_max: input.number(),
        };
        let mut node = Self {
            disk,
            wal: None,
            options,
            model: Model::new(),
            ticket: 0,
            starts: 0,
            acked_lsn: 0,
            earlier_lsn: 0,
            recoveries: Recoveries::default(),
        };
        node.start();
        node
    }

    /// `false` if nothing can follow.
    pub(super) fn act(&mut self, act: Act, input: &mut Input<'_>) -> bool {
        match act {
            Act::Write => self.write(input),
            Act::Commit => {
                let last = self.model.acked().last().index.0;
                self.model.committed.0 += input.number().min(last - self.model.committed.0);
                if let Some(wal) = &mut self.wal {
                    wal.note_commit(self.model.committed);
                }
            }
            Act::Idle => self.work(|wal| wal.idle()),
            Act::Prepare => self.work(|wal| wal.prepare_spare().map(|_| ())),
            Act::Snapshot => self.snapshot(),
            Act::Stop => self.disk.stop_after(input.byte().into()),
            Act::Close => {
                if let Some(wal) = self.wal.take() {
                    let _: Result<_, WalError> = wal.close();
                }
                self.disk.revive();
                self.start();
            }
            Act::Kill => {
                self.disk.revive();
                self.start();
            }
            Act::PowerLoss => {
                self.disk.crash(|_| if input.coin() { Fate::Kept } else { Fate::Lost });
                self.start();
            }
            Act::Garble => self.garble(input),
            Act::Flip => self.flip(input),
            Act::Rot => self.damage(|disk| harm::rot(disk, input)),
            Act::Cut => self.damage(|disk| harm::cut(disk, input)),
            Act::LyingBlock => self.lie(|disk| harm::lying_block(disk, input)),
            Act::LyingBatch => self.lie(|disk| harm::lying_batch(disk, input)),
            Act::Replace => self.lie(|disk| harm::replace(disk, input)),
        }
        !is_last(act)
    }

    fn write(&mut self, input: &mut Input<'_>) {
        if self.wal.is_none() {
            return;
        }
        let writes: Vec<_> = (0..=input.below(3)).map(|_| self.next_write(input)).collect();
        self.work(|wal| wal.write(&writes).map(|_| ()));
        if self.wal.is_some() {
            self.model.acknowledge();
            self.recoveries.writes += 1;
        }
    }

    fn next_write(&mut self, input: &mut Input<'_>) -> Write {
        self.ticket += 1;
        let (last, mut term) = (self.model.newest().last(), self.model.term());
        let choice = input.byte();
        let is_new_term = term.0 == 0 || choice % 4 == 3;
        term.0 += u64::from(is_new_term);
        let hard_state =
            is_new_term.then_some(HardState { term, vote: NodeId::new(1), is_forgetful: false });
        // Only a leader of a newer term makes a server cut its log, and never what is committed.
        let cut = if last.term < term { u64::from(choice / 64) } else { 0 };
        let kept = last.index.0.saturating_sub(cut).max(self.model.committed.0);
        let prev = self.model.newest().id(Index(kept));
        let entries = (1..=u64::from(choice / 4 % 4)).map(|at| {
            let id = LogId { term, index: Index(prev.index.0 + at) };
            Entry { id, payload: payload(input) }
        });
        let entries = Entries::new(entries.collect::<Vec<_>>()).expect("a run");
        let append = Append { prev, entries };
        let write =
            Write { ticket: Ticket(self.ticket), snapshot: None, hard_state, append: Some(append) };
        self.model.write(&write);
        write
    }

    fn snapshot(&mut self) {
        let last_included = self.model.acked().id(self.model.committed);
        if self.wal.is_some() && last_included > LogId::ZERO {
            self.model.snapshots.push(last_included);
            let snapshot = SnapshotMeta { last_included, ..SnapshotMeta::genesis(genesis()) };
            self.ticket += 1;
            let write = Write {
                ticket: Ticket(self.ticket),
                hard_state: None,
                snapshot: Some(Box::new(SnapshotChange::Covers(snapshot))),
                append: None,
            };
            self.work(|wal| wal.write(&[write]).map(|_| ()));
            self.work(|wal| wal.purge(last_included.index).map(|_| ()));
        }
    }

    /// Something that the disk may refuse, which ends the log's life.
    fn work(&mut self, step: impl FnOnce(&mut Wal<&'d MemDisk>) -> Result<(), WalError>) {
        let Some(wal) = &mut self.wal else { return };
        match step(wal) {
            Ok(()) => self.acked_lsn = self.earlier_lsn + wal.counters().batches,
            Err(_) => self.wal = None,
        }
    }

    /// A start after a mere crash.
    fn start(&mut self) {
        let (opened, found) = match self.open() {
            Ok(opened) => opened,
            Err(error) => panic!("a false alarm: {error}"),
        };
        let found = found.unwrap_or_else(|error| panic!("a log that cannot be read: {error}"));
        self.model.check(&opened, &found);
    }

    /// Looks without changing anything, then opens the log, and reads all of it.
    fn open(&mut self) -> Result<(Opened, Result<Vec<Entry>, WalError>), OpenError> {
        self.wal = None;
        self.starts += 1;
        let bytes = disk_bytes(self.disk);
        let looked = within(4 * bytes + (64 << 10), || wal::verify(&self.disk));
        let opened =
            within(8 * bytes + (512 << 10), || Wal::open(self.disk, self.options, self.starts));
        match &opened {
            // Nobody writes snapshots here; what the log says of them is believed.
            Ok(_) => assert!(
                matches!(looked, Ok(_) | Err(OpenError::Snapshot(_))),
                "verified as {looked:?}, and opened"
            ),
            Err(error) => {
                assert!(!error.to_string().is_empty() && !error.advice().is_empty());
                self.recoveries.refused = Some(format!("{error:?}"));
            }
        }
        let (mut wal, opened) = opened?;
        opened.recovered.check().expect("a log that makes sense");
        self.recoveries.opened.push(opened.report.row);
        let found = entries(&mut wal);
        self.wal = Some(wal);
        (self.earlier_lsn, self.acked_lsn) = (opened.report.lsn, opened.report.lsn);
        Ok((opened, found))
    }

    /// Power fails; of what is under way, some is kept, some lost, and some sectors are noise.
    fn garble(&mut self, input: &mut Input<'_>) {
        self.disk.crash(|what| match (what, input.below(4)) {
            (Unsynced::Sector { .. }, 3) => Fate::Garbled,
            (_, 0) => Fate::Lost,
            _ => Fate::Kept,
        });
        let acked_lsn = self.acked_lsn;
        match self.open() {
            Ok((opened, found)) => self.model.check(&opened, &found.expect("a log that is whole")),
            Err(OpenError::Damaged(damage)) => {
                let is_new = damage.lsn > acked_lsn;
                let is_noise = [Row::WrongRecords, Row::WrongHeader].contains(&damage.row);
                assert!(is_new && is_noise, "a false alarm: {damage}");
            }
            Err(error) => panic!("a false alarm: {error}"),
        }
    }

    /// Whoever looks at a disk that is damaged sees it as it is.
    fn inspect(&self) {
        wal::inspect(&self.disk, |_| {}).expect("the disk can be read");
    }

    fn flip(&mut self, input: &mut Input<'_>) {
        self.disk.revive();
        let flip = harm::flip(self.disk, input);
        self.inspect();
        let Some((opened, found)) = self.open_or_mend() else { return };
        let found = found.expect("a log that is whole");
        match flip {
            // A sector whose only bit flips looks as if it was never written.
            Flip::Blanks => self.model.check_past(&opened, &found),
            Flip::Changes => self.model.check(&opened, &found),
        }
    }

    fn damage(&mut self, harm: impl FnOnce(&MemDisk)) {
        self.disk.revive();
        harm(self.disk);
        self.inspect();
        if let Some((opened, Ok(found))) = self.open_or_mend() {
            self.model.check_past(&opened, &found);
        }
    }

    /// Opens the log; what is missing in its middle is had from a server with one of the logs that there
    /// once were.
    fn open_or_mend(&mut self) -> Option<(Opened, Result<Vec<Entry>, WalError>)> {
        let mut filled = Vec::new();
        loop {
            let damage = match self.open() {
                Ok(opened) => return Some(opened),
                Err(OpenError::Damaged(damage)) => damage,
                Err(_) => return None,
            };
            let mut mending = Mending::of(*damage.hole?);
            let wanted = mending.wanted();
            assert!(!filled.contains(&(damage.file.clone(), damage.offset)), "it was filled");
            let entries = self.model.entries(wanted)?;
            if mending.take(&entries) != Ok(true) || mending.write(&self.disk).is_err() {
                return None;
            }
            self.recoveries.mended += 1;
            filled.push((damage.file, damage.offset));
        }
    }

    fn lie(&mut self, harm: impl FnOnce(&MemDisk)) {
        self.disk.revive();
        harm(self.disk);
        self.inspect();
        if let Some((opened, Ok(_))) = self.open_or_mend() {
            self.go_on(opened.recovered);
        }
    }

    /// Whatever the log says, a server starts from it and appends to it.
    fn go_on(&mut self, recovered: Recovered) {
        let (prev, term) = (recovered.last, recovered.hard_state.term);
        Raft::new(Config::new(node(1)), recovered, Instant(0)).expect("a server");
        let id = LogId { term, index: prev.index.next() };
        let entries = Entries::new([Entry { id, payload: Payload::NOOP }]).expect("a run");
        let append = Some(Append { prev, entries });
        self.work(|wal| {
            wal.write(&[Write { ticket: Ticket(1), snapshot: None, hard_state: None, append }])
                .map(|_| ())
        });
    }
}

fn is_last(act: Act) -> bool {
    act as u8 >= Act::Garble as u8
}

fn genesis() -> Membership {
    Membership::of_voters([1, 2, 3].map(node)).expect("three voters")
}

/// Nothing, zeros, or bytes that are not zero, of any length up to some sectors.
fn payload(input: &mut Input<'_>) -> Payload {
    match input.byte() {
        0 => Payload::NOOP,
        1 => Payload::System(System::Time(LeaderTime::new(Duration::from_nanos(input.number())))),
        choice => {
            let length = [0, 1, 500, 5000][usize::from(choice % 4)] + input.below(64);
            let filler = if choice & 4 == 0 { choice } else { 0 };
            Payload::Command(vec![filler; length].into())
        }
    }
}

/// The whole log, read back from the disk.
fn entries(wal: &mut Wal<&MemDisk>) -> Result<Vec<Entry>, WalError> {
    let mut all: Vec<Entry> = Vec::new();
    let mut next = wal.first();
    while next <= wal.last().index {
        all.extend_from_slice(&wal.read(next, 10_000)?);
        next = all.last().expect("a read gives at least one").id.index.next();
    }
    Ok(all)
}

fn disk_bytes(disk: &MemDisk) -> u64 {
    harm::files(disk).iter().map(|name| harm::contents(disk, name).len() as u64).sum()
}
