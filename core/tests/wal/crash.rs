//! A naive model against the real code: whatever was acknowledged survives every crash, nothing is
//! refused after a mere crash, and damage to what was acknowledged is never taken for a crash.
//!
//! `QUORATE_WAL_SEED=<seed> cargo test -p quorate-core --test wal` runs one seed.

use std::rc::Rc;

use quorate_core::wal::{Disk, Fate, MemDisk, OpenError, Row, Wal, WalOptions};
use quorate_core::{
    Append, Entries, Entry, HardState, Index, LogId, Payload, Recovered, Term, Ticket, Write,
};

use crate::support::{
    Batch, Chance, MemWal, batches, command, entries, formatted, hard_state, id, node,
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
}

/// A node's disk, and all that may be on it.
struct Life {
    chance: Chance,
    disk: Rc<MemDisk>,
    options: WalOptions,
    /// After each write, from the last acknowledged one on.
    images: Vec<Image>,
    ticket: u64,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let options = WalOptions {
            segment_bytes: [32 << 10, 64 << 10, 96 << 10][chance.below(3) as usize],
            align_bytes: [512, 4096][chance.below(2) as usize],
            batch_bytes_max: [512, 4 << 10, 16 << 10][chance.below(3) as usize],
            tail_bytes_max: chance.below(30_000),
        };
        let images = vec![Image::default()];
        Self { chance, disk: Rc::new(formatted()), options, images, ticket: 0 }
    }

    fn newest(&self) -> &Image {
        self.images.last().expect("there is always one")
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
        let image = self.newest().clone();
        let last = image.last();
        let mut write = Write { ticket: Ticket(self.ticket), hard_state: None, append: None };
        let mut term = image.hard_state.term.0;
        if term == 0 || self.chance.one_in(4) {
            term += 1 + self.chance.below(2);
            write.hard_state = Some(hard_state(term, self.chance.below(4)));
        }
        // Only a leader of a newer term makes a server cut its log.
        let cut = if last.term < Term(term) { self.chance.below(4) } else { 0 };
        let kept = image.entries.len().saturating_sub(cut as usize);
        let prev = kept.checked_sub(1).map_or(LogId::ZERO, |at| image.entries[at].id);
        let count = self.chance.below(5);
        let run: Vec<_> = (1..=count)
            .map(|at| {
                let id = id(term, prev.index.0 + at);
                if self.chance.one_in(8) {
                    Entry { id, payload: Payload::Noop }
                } else {
                    command(id, &self.command())
                }
            })
            .collect();
        if count > 0 || cut > 0 {
            write.append = Some(Append { prev, entries: Entries::new(run).expect("a run") });
        }
        let mut image = image;
        image.apply(&write);
        self.images.push(image);
        write
    }

    /// Works for a while, or until the process is killed; may end in good order.
    fn live(&mut self, mut wal: MemWal<'_>) {
        if self.chance.one_in(2) {
            self.disk.stop_after(self.chance.below(120));
        }
        let rounds = self.chance.below(8);
        self.work(&mut wal, rounds);
        if self.chance.one_in(8) {
            let _: Result<_, _> = wal.close();
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

    /// Works until it is done or the disk stops; acknowledged images are forgotten but the last.
    fn work(&mut self, wal: &mut MemWal<'_>, rounds: u64) {
        for _ in 0..rounds {
            let writes: Vec<_> = (0..1 + self.chance.below(4)).map(|_| self.next_write()).collect();
            match wal.write(&writes) {
                Ok(ticket) => {
                    assert_eq!(ticket, Ticket(self.ticket), "all of them");
                    self.images.drain(..self.images.len() - 1);
                }
                Err(_) => return,
            }
            let idle = match self.chance.below(6) {
                0 => wal.idle(),
                1 => wal.prepare_spare().map(|_| ()),
                _ => Ok(()),
            };
            if idle.is_err() {
                return;
            }
        }
    }

    /// What was recovered must be what some write, acknowledged or later, left behind.
    fn check(&mut self, wal: &mut MemWal<'_>, recovered: &Recovered, seed: u64) {
        recovered.check().expect("a log that makes sense");
        let found = entries(wal).expect("a log that can be read");
        let found_at = self.images.iter().position(|image| image.entries == found);
        let acked = &self.images[0];
        assert!(
            found_at.is_some(),
            "seed {seed}: log ends at {:?}, acknowledged {:?}",
            found.last().map(|entry| entry.id),
            acked.last()
        );
        let states: Vec<_> = self.images.iter().map(|image| image.hard_state).collect();
        assert!(states.contains(&recovered.hard_state), "seed {seed}: {:?}", recovered.hard_state);
        assert!(recovered.hard_state.term >= acked.hard_state.term, "seed {seed}");
        let rebuilt = Recovered::from_entries(
            recovered.hard_state,
            recovered.snapshot.clone(),
            found.clone(),
        )
        .expect("a run");
        assert_eq!(recovered.term_starts, rebuilt.term_starts, "seed {seed}");
        assert_eq!(recovered.last, rebuilt.last, "seed {seed}");
        assert!(recovered.tail.cost_bytes() <= self.options.tail_bytes_max, "seed {seed}");
        assert!(found.ends_with(&recovered.tail), "seed {seed}");
        self.images = vec![Image { hard_state: recovered.hard_state, entries: found }];
    }
}

fn seeds(count: u64) -> impl Iterator<Item = u64> {
    let only = std::env::var("QUORATE_WAL_SEED").ok().and_then(|seed| seed.parse().ok());
    let range = only.map_or(0..count, |seed| seed..seed + 1);
    range.into_iter()
}

/// FAULTS W01, W02, W03, W04, W06, W07, W10, W11, W13, W14, W15, W23: whatever the crash leaves.
#[test]
fn after_a_crash_the_log_is_what_was_acknowledged_and_perhaps_more() {
    let mut rows = std::collections::BTreeMap::new();
    for seed in seeds(1500) {
        let mut life = Life::new(seed);
        for _ in 0..4 {
            let disk = Rc::clone(&life.disk);
            if life.chance.one_in(3) {
                disk.stop_after(life.chance.below(60));
            }
            if let Ok((mut wal, opened)) = Wal::open(&*disk, life.options, life.chance.draw()) {
                *rows.entry(opened.report.row).or_insert(0) += 1;
                disk.revive();
                life.check(&mut wal, &opened.recovered, seed);
                life.live(wal);
            }
            life.crash();
        }
        let disk = Rc::clone(&life.disk);
        let (mut wal, opened) = Wal::open(&*disk, life.options, seed)
            .unwrap_or_else(|error| panic!("seed {seed}: a false alarm: {error}"));
        life.check(&mut wal, &opened.recovered, seed);
    }
    println!("rows: {rows:?}");
}
