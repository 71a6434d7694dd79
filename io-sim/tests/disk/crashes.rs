//! The real log on a simulated disk: whatever was acknowledged survives every crash, and nothing is
//! refused after a mere crash.
//!
//! `QUORATE_DISK_SEED=<seed> cargo test -p quorate-io-sim --test disk` runs one seed.

use quorate_core::wal::{Opened, Wal, WalError, WalOptions};
use quorate_core::{
    Append, Entries, Entry, HardState, Index, LogId, SnapshotChange, SnapshotMeta, Term, Ticket,
    Write,
};
use quorate_io_sim::disk::{
    Class, DeathMode, DiskOptions, Drive, Fates, Files, Place, Rot, SimDisk, Span, Struck, Tearing,
};

use crate::support::{Chance, command, entries, formatted, genesis, hard_state, id};

/// The log as it should be after some write.
#[derive(Clone, Default)]
struct Image {
    hard_state: HardState,
    entries: Vec<Entry>,
}

impl Image {
    fn last(&self) -> LogId {
        self.entries.last().map_or(LogId::ZERO, |entry| entry.id)
    }

    fn id(&self, index: u64) -> LogId {
        index.checked_sub(1).map_or(LogId::ZERO, |at| self.entries[at as usize].id)
    }
}

/// One server's disk, from one start to the next.
struct Server {
    seed: u64,
    chance: Chance,
    drive: Drive,
    now: u64,
    /// After each write, from the last acknowledged one on.
    images: Vec<Image>,
    ticket: u64,
    committed: u64,
    /// The newest snapshot, and the one before it.
    snapshots: [LogId; 2],
    /// The disk is worse than the log asks for.
    may_refuse: bool,
    has_refused: bool,
}

impl Server {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let weight = |chance: &mut Chance| chance.below(4);
        let options = DiskOptions {
            sync_ns: chance.pick([Span { min: 0, max: 0 }, DiskOptions::default().sync_ns]),
            write_ns: chance.pick([0, 5_000]),
            fates: Fates {
                lost: weight(&mut chance),
                prefix: weight(&mut chance),
                subset: 1 + weight(&mut chance),
                kept: weight(&mut chance),
            },
            tearing: chance.pick([Tearing::Never, Tearing::Blocks, Tearing::Sectors]),
            torn_permille: chance.below(1001),
            cold_starts: chance.one_in(2),
            ..DiskOptions::default()
        };
        let drive = formatted(seed, options);
        let images = vec![Image::default()];
        Self {
            seed,
            chance,
            drive,
            now: 0,
            images,
            ticket: 0,
            committed: 0,
            snapshots: [LogId::ZERO; 2],
            may_refuse: false,
            has_refused: false,
        }
    }

    /// A start: recovers, works, and comes to an end in one way or another.
    fn live(&mut self) {
        let mode = self.chance.pick([DeathMode::Kill, DeathMode::PowerLoss, DeathMode::PowerLoss]);
        let disk = self.drive.mount();
        if self.chance.one_in(2) {
            self.drive.die_after(1 + self.chance.below(80), mode);
        }
        let (options, salt) = (self.options(), self.chance.draw());
        self.drive.begin(self.now);
        match Wal::open(disk, options, salt) {
            Ok((mut wal, opened)) => {
                self.now = self.drive.end();
                self.drive.begin(self.now);
                self.check(&mut wal, &opened);
                if !self.drive.is_dead() {
                    if !self.may_refuse && self.chance.one_in(4) {
                        self.check_twin(options, &opened);
                    }
                    self.work(wal);
                }
            }
            Err(_) if self.drive.is_dead() => {}
            Err(error) => {
                assert!(self.may_refuse, "seed {}: a false alarm: {error}", self.seed);
                self.has_refused = true;
            }
        }
        self.now = self.drive.end().max(self.now);
        assert_eq!(self.drive.late_calls(), 0, "seed {}", self.seed);
    }

    fn options(&mut self) -> WalOptions {
        WalOptions {
            segment_bytes: self.chance.pick([32 << 10, 32 << 10, 64 << 10]),
            align_bytes: self.chance.pick([512, 4096]),
            batch_bytes_max: self.chance.pick([512, 4 << 10, 16 << 10]),
            tail_bytes_max: self.chance.below(30_000),
        }
    }

    /// Writes until something ends it: at the latest, a crash of our own.
    fn work(&mut self, mut wal: Wal<SimDisk>) {
        for _ in 0..self.chance.below(8) {
            let writes: Vec<_> = (0..1 + self.chance.below(3)).map(|_| self.next_write()).collect();
            self.drive.begin(self.now);
            let written = wal.write(&writes);
            let end = self.drive.end();
            if self.drive.is_dead() {
                return;
            }
            written.unwrap_or_else(|error| panic!("seed {}: {error}", self.seed));
            if self.chance.one_in(4) && self.crash_before(end) {
                return;
            }
            self.now = end;
            self.images.drain(..self.images.len() - 1);
            if self.house_keeping(&mut wal).is_err() {
                assert!(self.drive.is_dead(), "seed {}", self.seed);
                return;
            }
            self.now = self.drive.end();
        }
        if self.chance.one_in(4) {
            drop(wal.close());
            self.now = self.drive.end();
        }
        self.crash();
    }

    /// A crash at some time up to `end`. Says whether it came before.
    fn crash_before(&mut self, end: u64) -> bool {
        let at = self.now + self.chance.below(end - self.now + 1);
        if at == end {
            return false;
        }
        self.now = at;
        self.crash();
        true
    }

    fn crash(&mut self) {
        if self.chance.one_in(4) {
            self.drive.kill(self.now);
        } else {
            self.drive.lose_power(self.now);
        }
    }

    fn house_keeping(&mut self, wal: &mut Wal<SimDisk>) -> Result<(), WalError> {
        if self.chance.one_in(3) {
            let last = self.images[0].last().index.0;
            self.committed = (self.committed + self.chance.below(6)).min(last);
            wal.note_commit(Index(self.committed));
        }
        match self.chance.below(8) {
            0 => wal.idle(),
            1 => wal.prepare_spare().map(|_| ()),
            2 if self.committed > 0 => {
                let last_included = self.images[0].id(self.committed);
                self.snapshots = [last_included, self.snapshots[0]];
                self.ticket += 1;
                let meta = SnapshotMeta { last_included, ..SnapshotMeta::genesis(genesis()) };
                wal.write(&[Write {
                    ticket: Ticket(self.ticket),
                    hard_state: None,
                    snapshot: Some(Box::new(SnapshotChange::Covers(meta))),
                    append: None,
                }])?;
                self.snapshots = [last_included; 2];
                wal.purge(last_included.index).map(|_| ())
            }
            _ => Ok(()),
        }
    }

    fn next_write(&mut self) -> Write {
        self.ticket += 1;
        let mut image = self.images.last().expect("there is always one").clone();
        let mut term = image.hard_state.term.0;
        let mut write =
            Write { ticket: Ticket(self.ticket), snapshot: None, hard_state: None, append: None };
        if term == 0 || self.chance.one_in(4) {
            term += 1;
            image.hard_state = hard_state(term, self.chance.below(4));
            write.hard_state = Some(image.hard_state);
        }
        // Only a leader of a newer term makes a server cut its log, and never what is committed.
        let last = image.last();
        let cut = if last.term < Term(term) { self.chance.below(4) } else { 0 };
        let prev = image.id(last.index.0.saturating_sub(cut).max(self.committed));
        let count = self.chance.below(4);
        if count > 0 || cut > 0 {
            let run = (1..=count).map(|at| command(id(term, prev.index.0 + at), self.body()));
            let run: Vec<_> = run.collect();
            image.entries.retain(|entry| entry.id.index <= prev.index);
            image.entries.extend(run.iter().cloned());
            write.append = Some(Append { prev, entries: Entries::new(run).expect("a run") });
        }
        self.images.push(image);
        write
    }

    fn body(&mut self) -> Vec<u8> {
        let length = self.chance.pick([0, 10, 500, 3000, 5000]);
        let byte = self.chance.pick([0, 1, 0xFF]);
        vec![byte; length]
    }

    /// What was recovered must be what some write, acknowledged or later, left behind.
    fn check(&mut self, wal: &mut Wal<SimDisk>, opened: &Opened) {
        let seed = self.seed;
        let found = match entries(wal) {
            Ok(found) => found,
            Err(_) if self.drive.is_dead() => return,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        let purged = wal.first().prev().0 as usize;
        let fits = |image: &&Image| image.entries.get(purged..) == Some(&found[..]);
        let Some(image) = self.images.iter().find(fits).cloned() else {
            let acked = self.images[0].last();
            panic!("seed {seed}: ends at {:?}, acknowledged {acked:?}", opened.recovered.last)
        };
        let recovered = &opened.recovered;
        let is_known = self.images.iter().any(|image| image.hard_state == recovered.hard_state);
        assert!(is_known, "seed {seed}: {:?}", recovered.hard_state);
        assert!(recovered.hard_state.term >= self.images[0].hard_state.term, "seed {seed}");
        let base = recovered.snapshot.last_included;
        assert!(self.snapshots.contains(&base), "seed {seed}: {base:?}");
        self.snapshots = [base; 2];
        self.images = vec![Image { hard_state: recovered.hard_state, entries: image.entries }];
        self.ticket = 0;
    }

    /// Recovery said something about what is durable: another one says the same.
    fn check_twin(&mut self, options: WalOptions, opened: &Opened) {
        let disk = self.drive.snapshot_image(self.now).to_disk();
        let (_, again) = Wal::open(&disk, options, 1)
            .unwrap_or_else(|error| panic!("seed {}: the second time, {error}", self.seed));
        assert_eq!(again.recovered, opened.recovered, "seed {}", self.seed);
        assert_eq!(again.boot_epoch, opened.boot_epoch + 1, "seed {}", self.seed);
    }
}

fn seeds(count: u64) -> std::ops::Range<u64> {
    match std::env::var("QUORATE_DISK_SEED").map(|seed| seed.parse()) {
        Ok(Ok(seed)) => seed..seed + 1,
        _ => 0..count,
    }
}

#[test]
fn what_was_acknowledged_survives_every_crash() {
    let mut struck = Struck::default();
    let seeds = seeds(2500);
    let is_whole = seeds.end - seeds.start > 1;
    for seed in seeds {
        let mut server = Server::new(seed);
        (0..4).for_each(|_| server.live());
        struck.add(&server.drive.struck());
    }
    for class in [
        Class::PowerLoss,
        Class::Kill,
        Class::LostChange,
        Class::Reordered,
        Class::TornWrite,
        Class::LostName,
        Class::Undone,
    ] {
        assert!(!is_whole || struck.of(class) > 50, "{class:?}: {}", struck.of(class));
    }
}

/// Disks that are worse than the log asks for: it may refuse, and nothing else.
#[test]
fn worse_than_what_the_log_is_made_for_is_survived_or_refused() {
    let mut refused = 0;
    let count = 600;
    for seed in seeds(count) {
        let mut server = Server::new(seed);
        server.drive.tune(|options| {
            options.tearing = Tearing::Bytes;
            options.torn_permille = 1000;
            options.garbled_permille = 300;
        });
        server.may_refuse = true;
        for _ in 0..4 {
            server.live();
            if server.has_refused {
                refused += 1;
                break;
            }
        }
    }
    assert!(refused < count / 2, "{refused} of {count}");
}

/// Wear of any kind, at any time, in what is promised.
#[test]
fn wear_is_survived_or_refused() {
    let mut outcomes = [0; 2];
    for seed in seeds(600) {
        let mut server = Server::new(seed);
        (0..3).for_each(|_| server.live());
        // A start promises everything before it.
        let options = server.options();
        let (mut wal, opened) = Wal::open(server.drive.mount(), options, 6).expect("opened");
        server.check(&mut wal, &opened);
        drop(wal);
        let places = [
            Place::SegmentHeader,
            Place::SegmentMiddle,
            Place::In(Files::State),
            Place::In(Files::Ident),
        ];
        let place = &places[server.chance.below(4) as usize];
        let hit = match server.chance.below(5) {
            0 => server.drive.rot(place, Rot::FlipBits(1)),
            1 => server.drive.rot(place, Rot::Zero),
            2 => server.drive.rot(place, Rot::Garble),
            3 => server.drive.make_stale(place),
            _ => server.drive.make_unreadable(place),
        };
        match Wal::open(server.drive.mount(), options, 7) {
            Ok((mut wal, opened)) => server.check(&mut wal, &opened),
            Err(error) => {
                assert!(hit.is_some(), "seed {seed}: a false alarm: {error}");
                outcomes[1] += 1;
                continue;
            }
        }
        outcomes[0] += 1;
    }
    assert!(
        outcomes.iter().all(|&count| count > 50) || outcomes.iter().sum::<i32>() == 1,
        "{outcomes:?}"
    );
}
