//! A naive model against the real code: whatever was acknowledged survives every crash, nothing is
//! refused after a mere crash, and damage to what was acknowledged is never taken for a crash.
//!
//! `QUORATE_WAL_SEED=<seed> cargo test -p quorate-core --test wal` runs one seed.

use std::collections::BTreeMap;
use std::rc::Rc;

use quorate_core::wal::{Disk, Fate, MemDisk, OpenError, Opened, Row, Unsynced, Wal, WalOptions};
use quorate_core::{
    Append, Entries, Entry, HardState, Index, LogId, Membership, MembershipRecord, NodeId, Payload,
    SnapshotChange, System, Term, Ticket, Write,
};

use crate::support::{
    Batch, Chance, MemWal, batches, command, entries, formatted, hard_state, id, of_snapshot,
    snapshot_at,
};

/// The log and the hard state as they should be after some write.
#[derive(Clone, PartialEq, Debug, Default)]
struct Image {
    hard_state: HardState,
    entries: Vec<Entry>,
}

impl Image {
    fn last(&self) -> LogId {
        self.entries.last().map_or(LogId::ZERO, |entry| entry.id)
    }

    fn apply(&mut self, write: &Write) {
        if let Some(hard_state) = write.hard_state {
            self.hard_state = hard_state;
        }
        if let Some(Append { prev, entries }) = &write.append {
            self.entries.retain(|entry| entry.id.index <= prev.index);
            self.entries.extend_from_slice(entries);
        }
    }

    fn term_starts_after(&self, base: Index) -> Vec<LogId> {
        let mut starts: Vec<LogId> = Vec::new();
        for entry in self.entries.iter().filter(|entry| entry.id.index > base) {
            if starts.last().is_none_or(|start| start.term < entry.id.term) {
                starts.push(entry.id);
            }
        }
        starts
    }

    fn memberships_after(&self, base: Index) -> Vec<(Index, Membership)> {
        let entries = self.entries.iter().filter(|entry| entry.id.index > base);
        entries.filter_map(|entry| Some((entry.id.index, entry.payload.membership()?))).collect()
    }
}

fn membership(id: LogId, voters: u64) -> Entry {
    let voters = (1..=voters).filter_map(NodeId::new);
    let record = MembershipRecord::of(&Membership::of_voters(voters).expect("voters"));
    Entry { id, payload: Payload::System(System::Membership(record)) }
}

/// A node's disk, and all that may be on it.
struct Life {
    seed: u64,
    chance: Chance,
    disk: Rc<MemDisk>,
    /// After each write, from the last acknowledged one on.
    images: Vec<Image>,
    ticket: u64,
    /// All batches up to here are acknowledged.
    acked_lsn: u64,
    committed: Index,
    /// The newest snapshot, and the one before it.
    snapshots: [LogId; 2],
}

impl Life {
    fn new(seed: u64) -> Self {
        Self {
            seed,
            chance: Chance::new(seed),
            disk: Rc::new(formatted()),
            images: vec![Image::default()],
            ticket: 0,
            acked_lsn: 0,
            committed: Index(0),
            snapshots: [LogId::ZERO; 2],
        }
    }

    /// Every start may choose its own.
    fn options(&mut self) -> WalOptions {
        WalOptions {
            segment_bytes: self.chance.pick([32 << 10, 64 << 10, 96 << 10]),
            align_bytes: self.chance.pick([512, 4096]),
            batch_bytes_max: self.chance.pick([512, 4 << 10, 16 << 10]),
            tail_bytes_max: self.chance.below(30_000),
        }
    }

    fn command(&mut self) -> Vec<u8> {
        let length = match self.chance.below(4) {
            0 => self.chance.below(16),
            1 => self.chance.below(600),
            _ => self.chance.below(6000),
        };
        let length = length as usize;
        match self.chance.below(6) {
            // FAULTS W09: commands of zeros, and commands that look like batches.
            0 => vec![0; length],
            1 => {
                let mut names = self.disk.list().unwrap_or_default();
                names.retain(|name| name.starts_with("seg-"));
                let newest = names.iter().max().and_then(|name| self.disk.contents(name));
                let bytes = newest.unwrap_or_default();
                bytes.get(8192..8192 + length).unwrap_or_default().to_vec()
            }
            _ => (0..length).map(|_| self.chance.draw() as u8).collect(),
        }
    }

    fn next_write(&mut self) -> Write {
        self.ticket += 1;
        let mut image = self.images.last().expect("there is always one").clone();
        let mut write =
            Write { ticket: Ticket(self.ticket), snapshot: None, hard_state: None, append: None };
        let mut term = image.hard_state.term.0;
        if term == 0 || self.chance.one_in(4) {
            term += 1 + self.chance.below(2);
            write.hard_state = Some(hard_state(term, self.chance.below(4)));
        }
        // Only a leader of a newer term makes a server cut its log, and never what is committed.
        let cut = if image.last().term < Term(term) { self.chance.below(4) } else { 0 };
        let kept = image.last().index.0.saturating_sub(cut).max(self.committed.0);
        let prev = kept.checked_sub(1).map_or(LogId::ZERO, |at| image.entries[at as usize].id);
        let count = self.chance.below(5);
        let run: Vec<_> = (1..=count)
            .map(|at| {
                let id = id(term, prev.index.0 + at);
                match self.chance.below(8) {
                    0 => Entry { id, payload: Payload::NOOP },
                    1 => membership(id, 1 + self.chance.below(5)),
                    _ => command(id, &self.command()),
                }
            })
            .collect();
        if count > 0 || cut > 0 {
            write.append = Some(Append { prev, entries: Entries::new(run).expect("a run") });
        }
        image.apply(&write);
        self.images.push(image);
        write
    }

    /// Works until it is done or the disk stops.
    fn work(&mut self, wal: &mut MemWal<'_>, opened: &Opened, rounds: u64) {
        for _ in 0..rounds {
            let writes: Vec<_> = (0..1 + self.chance.below(4)).map(|_| self.next_write()).collect();
            let Ok(ticket) = wal.write(&writes) else { return };
            assert_eq!(ticket, Ticket(self.ticket), "all of them");
            self.images.drain(..self.images.len() - 1);
            self.acked_lsn = opened.report.lsn + wal.counters().batches;
            if self.chance.one_in(3) {
                let last = self.images[0].last().index;
                self.committed = Index(self.committed.0 + self.chance.below(4)).min(last);
                wal.note_commit(self.committed);
            }
            let done = match self.chance.below(8) {
                0 => wal.idle(),
                1 => wal.prepare_spare().map(|_| ()),
                2 if self.committed > Index(0) => self.compact(wal),
                _ => Ok(()),
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn compact(&mut self, wal: &mut MemWal<'_>) -> Result<(), quorate_core::wal::WalError> {
        let last_included = self.images[0].entries[self.committed.0 as usize - 1].id;
        self.snapshots = [last_included, self.snapshots[0]];
        self.ticket += 1;
        let covers = SnapshotChange::Covers(snapshot_at(last_included));
        wal.write(&[of_snapshot(self.ticket, covers)])?;
        self.snapshots = [last_included; 2];
        wal.purge(last_included.index).map(|_| ())
    }

    /// A start of the node: recovers, checks, works until it is killed or stops by itself.
    fn live(&mut self, rows: &mut BTreeMap<Row, u32>) {
        let disk = Rc::clone(&self.disk);
        let killed_early = self.chance.one_in(3);
        if killed_early {
            disk.stop_after(self.chance.below(60));
        }
        match Wal::open(&*disk, self.options(), self.chance.draw()) {
            Ok((mut wal, opened)) => {
                *rows.entry(opened.report.row).or_default() += 1;
                disk.revive();
                self.check(&mut wal, &opened);
                let rounds = self.chance.below(6);
                self.work(&mut wal, &opened, rounds);
                // Killed within the last round, or at its end, or not at all.
                disk.stop_after(self.chance.below(12));
                self.work(&mut wal, &opened, 1);
                if self.chance.one_in(4) {
                    disk.revive();
                    let _: Result<_, _> = wal.close();
                }
            }
            Err(error) => {
                assert!(killed_early, "seed {}: a false alarm: {error}", self.seed);
            }
        }
    }

    /// The process dies; mostly, the machine goes down with it.
    fn crash(&mut self) {
        match self.chance.below(4) {
            0 => self.disk.crash(|_| Fate::Lost),
            1 => self.disk.revive(),
            _ => self.disk.lose_power(self.chance.draw()),
        }
    }

    /// What was recovered must be what some write, acknowledged or later, left behind.
    fn check(&mut self, wal: &mut MemWal<'_>, opened: &Opened) {
        let (seed, recovered) = (self.seed, &opened.recovered);
        recovered.check().expect("a log that makes sense");
        let found = entries(wal).expect("a log that can be read");
        let purged = wal.first().prev().0 as usize;
        let fits = |image: &&Image| image.entries.get(purged..) == Some(&found[..]);
        let Some(image) = self.images.iter().find(fits).cloned() else {
            let last = found.last().map(|entry| entry.id);
            panic!("seed {seed}: ends at {last:?}, acknowledged {:?}", self.images[0].last())
        };
        let acked = &self.images[0];
        let hard_states: Vec<_> = self.images.iter().map(|image| image.hard_state).collect();
        assert!(hard_states.contains(&recovered.hard_state), "seed {seed}");
        assert!(recovered.hard_state.term >= acked.hard_state.term, "seed {seed}");
        let covered = recovered.snapshot.last_included;
        assert!(self.snapshots.contains(&covered), "seed {seed}: {covered:?}");
        let base = recovered.base.index;
        assert_eq!(base, wal.first().prev().min(covered.index), "seed {seed}");
        assert_eq!(recovered.term_starts, image.term_starts_after(base), "seed {seed}");
        assert_eq!(recovered.memberships, image.memberships_after(covered.index), "seed {seed}");
        assert_eq!(recovered.last, image.last(), "seed {seed}");
        assert!((covered.index..=self.committed).contains(&opened.commit), "seed {seed}");
        assert!(found.ends_with(&recovered.tail), "seed {seed}");
        self.images = vec![Image { hard_state: recovered.hard_state, ..image }];
        self.snapshots = [covered; 2];
        self.acked_lsn = opened.report.lsn;
    }
}

fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let only: Option<u64> =
        std::env::var("QUORATE_WAL_SEED").ok().and_then(|seed| seed.parse().ok());
    only.map_or(0..count, |seed| seed..seed + 1)
}

/// FAULTS W01, W02, W03, W04, W06, W07, W09, W10, W11, W13, W14, W15, W16, W23.
#[test]
fn after_a_crash_the_log_is_what_was_acknowledged_and_perhaps_more() {
    let mut rows = BTreeMap::new();
    for seed in seeds(700) {
        let mut life = Life::new(seed);
        for _ in 0..4 {
            life.live(&mut rows);
            life.crash();
        }
        let disk = Rc::clone(&life.disk);
        let opened = Wal::open(&*disk, life.options(), seed);
        let (mut wal, opened) =
            opened.unwrap_or_else(|error| panic!("seed {seed}: a false alarm: {error}"));
        life.check(&mut wal, &opened);
    }
    println!("how the logs ended: {rows:?}");
    for row in [Row::End, Row::HeaderMissing, Row::SectorsMissing, Row::Sealed] {
        assert!(rows.contains_key(&row) || seeds(2).count() == 1, "{row:?} never happened");
    }
}

/// A node that worked for a while and was cut off, and what its log would be worth.
fn cut_off(seed: u64) -> Life {
    let mut life = Life::new(seed);
    let disk = Rc::clone(&life.disk);
    let (mut wal, opened) = Wal::open(&*disk, life.options(), seed).expect("formatted");
    let rounds = 1 + life.chance.below(8);
    life.work(&mut wal, &opened, rounds);
    disk.stop_after(life.chance.below(12));
    life.work(&mut wal, &opened, 1);
    disk.revive();
    life
}

/// FAULTS W05: a sector that is being written when power fails turns to noise.
#[test]
fn a_garbled_sector_costs_at_most_the_start_never_what_was_acknowledged() {
    let mut refused = 0;
    for seed in seeds(700) {
        let mut life = cut_off(seed);
        let mut chance = Chance::new(seed);
        life.disk.crash(|what| match (what, chance.below(6)) {
            (Unsynced::Sector { .. }, 0) => Fate::Garbled,
            (_, 1 | 2) => Fate::Lost,
            _ => Fate::Kept,
        });
        let disk = Rc::clone(&life.disk);
        match Wal::open(&*disk, life.options(), seed) {
            Ok((mut wal, opened)) => life.check(&mut wal, &opened),
            Err(OpenError::Damaged(damage)) => {
                let suspicious = [Row::WrongRecords, Row::WrongHeader].contains(&damage.row);
                assert!(suspicious && damage.lsn > life.acked_lsn, "seed {seed}: {damage}");
                refused += 1;
            }
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    println!("refused for noise in flight: {refused}");
}

/// A batch of a dead node whose records were acknowledged, whatever else was lost.
fn acked_batch(life: &mut Life) -> Option<Batch> {
    let mut acked = batches(&life.disk);
    acked.retain(|batch| batch.info.lsn <= life.acked_lsn && batch.info.records > 0);
    let at = life.chance.below(acked.len().max(1) as u64);
    acked.into_iter().nth(at as usize)
}

fn refusal(life: &mut Life) -> Option<OpenError> {
    let disk = Rc::clone(&life.disk);
    Wal::open(&*disk, life.options(), life.seed).err()
}

/// FAULTS D06, D07.
#[test]
fn a_flipped_bit_in_what_was_acknowledged_is_always_noticed() {
    let mut rows: BTreeMap<Row, u32> = BTreeMap::new();
    for seed in seeds(700) {
        let mut life = cut_off(seed);
        life.disk.lose_power(seed);
        let Some(batch) = acked_batch(&mut life) else { continue };
        let at = (batch.info.offset + life.chance.below(batch.info.used_bytes)) as usize;
        let bit = 1 << life.chance.below(8);
        life.disk.corrupt(&batch.file, |bytes| bytes[at] ^= bit);
        match refusal(&mut life) {
            Some(OpenError::Damaged(damage)) => {
                assert_eq!(damage.lsn, batch.info.lsn, "seed {seed}: {damage}");
                *rows.entry(damage.row).or_default() += 1;
            }
            other => panic!("seed {seed}: byte {at} of {}: {other:?}", batch.file),
        }
    }
    println!("flipped bits were noticed as: {rows:?}");
}

/// FAULTS D08: a disk that lost a write reads zeros. Noticed as soon as anything promises the
/// batch: a later one, or the mark of an idle log.
#[test]
fn a_lost_sector_of_what_was_promised_is_always_noticed() {
    let mut noticed = 0;
    for seed in seeds(700) {
        let mut life = cut_off(seed);
        let promised = batches(&life.disk).iter().map(|batch| batch.info.synced_lsn).max();
        life.disk.lose_power(seed);
        life.acked_lsn = life.acked_lsn.min(promised.unwrap_or(0));
        // The promise itself must have survived.
        let promised = batches(&life.disk).iter().map(|batch| batch.info.synced_lsn).max();
        life.acked_lsn = life.acked_lsn.min(promised.unwrap_or(0));
        let Some(batch) = acked_batch(&mut life) else { continue };
        let at = batch.info.offset + life.chance.below(batch.info.used_bytes);
        let sector = (at / 512 * 512) as usize;
        let stop = (batch.info.offset + batch.info.used_bytes) as usize;
        let mut lost = false;
        life.disk.corrupt(&batch.file, |bytes| {
            lost = bytes[sector..stop.min(sector + 512)].iter().any(|&byte| byte != 0);
            bytes[sector..sector + 512].fill(0);
        });
        match refusal(&mut life) {
            Some(OpenError::Damaged(damage)) => {
                assert_eq!(damage.row, Row::Promised, "seed {seed}");
                assert_eq!(damage.lsn, batch.info.lsn, "seed {seed}: {damage}");
                noticed += 1;
            }
            None => assert!(!lost, "seed {seed}: silent loss in {}", batch.file),
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    println!("lost sectors noticed: {noticed}");
}

/// FAULTS W29, and whatever else may happen to the segments of a node that ended in good order.
#[test]
fn no_damage_to_a_closed_log_panics_or_goes_unnoticed() {
    let (mut refused, mut harmless) = (0, 0);
    for seed in seeds(700) {
        let mut life = Life::new(seed);
        let disk = Rc::clone(&life.disk);
        let (mut wal, opened) = Wal::open(&*disk, life.options(), seed).expect("formatted");
        let rounds = 1 + life.chance.below(8);
        life.work(&mut wal, &opened, rounds);
        wal.close().expect("closed");

        let files = crate::support::segments(&disk);
        let file = &files[life.chance.below(files.len() as u64) as usize];
        let chance = &mut life.chance;
        disk.corrupt(file, |bytes| damage(chance, bytes));
        batches(&disk);
        match refusal(&mut life) {
            Some(OpenError::Disk(error)) => panic!("seed {seed}: {error}"),
            Some(error) => {
                refused += 1;
                assert!(!error.advice().is_empty() && !error.to_string().is_empty());
            }
            None => {
                let (mut wal, opened) =
                    Wal::open(&*disk, life.options(), seed).expect("it was opened before");
                life.check(&mut wal, &opened);
                harmless += 1;
            }
        }
    }
    println!("refused {refused}, harmless {harmless}");
}

/// Somewhere, mostly where something stands: bits, runs of zeros, noise, sectors moved, a file cut.
fn damage(chance: &mut Chance, bytes: &mut Vec<u8>) {
    let used = bytes.iter().rposition(|&byte| byte != 0).map_or(1, |at| at + 1) as u64;
    let at = chance.below(used) as usize;
    let length = chance.pick([1, 8, 512, 4096, 20_000]).min(bytes.len() - at);
    match chance.below(5) {
        0 => bytes[at] ^= 1 << chance.below(8),
        1 => bytes[at..at + length].fill(0),
        2 => bytes[at..at + length].fill_with(|| chance.draw() as u8),
        3 => {
            let length = length.min(chance.below(used) as usize);
            let from = chance.below(bytes.len() as u64 - length as u64) as usize;
            let to = at.min(bytes.len() - length);
            bytes.copy_within(from..from + length, to);
        }
        _ => bytes.truncate(at),
    }
}
