//! The contract of a disk against a naive model: what was synced in time is there, and nothing is
//! there that was never written.

use std::collections::BTreeMap;

use quorate_core::wal::Disk;
use quorate_io_sim::disk::{
    Class, DiskOptions, Drive, Fates, SimDisk, SimFile, Span, Struck, Tearing,
};

use crate::support::Chance;

const SECTOR: usize = 512;
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// All versions of something, each with the time at which it was asked for.
struct Versions<T> {
    all: Vec<(u64, T)>,
    /// When each sync was asked for and when it ended, and the version that it made durable.
    syncs: Vec<(u64, u64, usize)>,
}

impl<T: Clone> Versions<T> {
    fn durable(first: T) -> Self {
        Self { all: vec![(0, first)], syncs: vec![] }
    }

    fn newest(&self) -> &T {
        &self.all.last().expect("there is always one").1
    }

    fn push(&mut self, asked_at: u64, version: T) {
        self.all.push((asked_at, version));
    }

    fn sync(&mut self, asked_at: u64, ended_at: u64) {
        self.syncs.push((asked_at, ended_at, self.all.len() - 1));
    }

    /// What a power loss may leave: the newest that is durable, and all that were asked for since.
    fn possible(&self, now: u64) -> impl Iterator<Item = &T> {
        let durable = self.syncs.iter().rfind(|(_, ended_at, _)| *ended_at <= now);
        let from = durable.map_or(0, |&(_, _, version)| version);
        self.all[from..].iter().filter(move |(asked_at, _)| *asked_at <= now).map(|(_, it)| it)
    }

    /// What was asked for later never was.
    fn undo_after(&mut self, now: u64) {
        self.all.retain(|(asked_at, _)| *asked_at <= now);
        self.syncs.retain(|(asked_at, ..)| *asked_at <= now);
    }
}

struct Model {
    seed: u64,
    files: Vec<Versions<Vec<u8>>>,
    names: Versions<BTreeMap<&'static str, usize>>,
}

impl Model {
    /// Everything that is there is durable.
    fn of(seed: u64, disk: &SimDisk) -> Self {
        let (mut files, mut names) = (Vec::new(), BTreeMap::new());
        for name in NAMES {
            if let Some(bytes) = contents(disk, name) {
                names.insert(name, files.len());
                files.push(Versions::durable(bytes));
            }
        }
        Self { seed, files, names: Versions::durable(names) }
    }

    fn check_power_loss(&self, disk: &SimDisk, now: u64) {
        for name in NAMES {
            let found = contents(disk, name);
            let mut bindings = self.names.possible(now).map(|names| names.get(name).copied());
            let is_possible = bindings.any(|binding| match (&found, binding) {
                (None, None) => true,
                (Some(found), Some(file)) => self.may_hold(file, found, now),
                _ => false,
            });
            let length = found.map(|found| found.len());
            assert!(is_possible, "seed {}: {name} of {length:?} bytes at {now}", self.seed);
        }
    }

    fn may_hold(&self, file: usize, found: &[u8], now: u64) -> bool {
        let possible: Vec<&Vec<u8>> = self.files[file].possible(now).collect();
        let sector = |bytes: &[u8], at: usize, length: usize| {
            let range = at.min(bytes.len())..(at + SECTOR).min(bytes.len());
            let mut sector = bytes[range].to_vec();
            sector.resize(length, 0);
            sector
        };
        possible.iter().any(|version| version.len() == found.len())
            && (0..found.len()).step_by(SECTOR).all(|at| {
                let length = SECTOR.min(found.len() - at);
                let here = sector(found, at, length);
                possible.iter().any(|version| sector(version, at, length) == here)
            })
    }

    fn check_kill(&self, disk: &SimDisk) {
        for name in NAMES {
            let expected = self.names.newest().get(name).map(|&file| self.files[file].newest());
            assert!(contents(disk, name).as_ref() == expected, "seed {}: {name}", self.seed);
        }
    }
}

fn contents(disk: &SimDisk, name: &str) -> Option<Vec<u8>> {
    let file = disk.open(name).ok()?;
    let length = disk.length(&file).expect("a length");
    let mut bytes = vec![0; length as usize];
    disk.read_at(&file, 0, &mut bytes).expect("read");
    Some(bytes)
}

struct Run {
    chance: Chance,
    drive: Drive,
    disk: SimDisk,
    model: Model,
    now: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let options = DiskOptions {
            read_ns: 0,
            write_ns: chance.below(3),
            kib_ns: 0,
            sync_ns: chance.pick([Span { min: 0, max: 0 }, Span { min: 1, max: 20 }]),
            fates: chance.pick([
                Fates::ALL_LOST,
                Fates::A_PREFIX,
                Fates::ANY_SUBSET,
                Fates::ANY_SUBSET,
                Fates::ALL_KEPT,
            ]),
            tearing: chance.pick([Tearing::Never, Tearing::Sectors]),
            cold_starts: chance.one_in(2),
            ..DiskOptions::default()
        };
        let drive = Drive::new(seed, options);
        let disk = drive.mount();
        let model = Model::of(seed, &disk);
        Self { chance, drive, disk, model, now: 0 }
    }

    fn step(&mut self) {
        let name = self.chance.pick(NAMES);
        let asked_at = self.drive.end();
        match self.chance.below(12) {
            0 => self.create(name, asked_at),
            1 => {
                let to = self.chance.pick(NAMES);
                let mut names = self.model.names.newest().clone();
                if self.disk.rename(name, to).is_ok() {
                    let file = names.remove(name).expect("the model has it too");
                    names.insert(to, file);
                    self.model.names.push(asked_at, names);
                }
            }
            2 => {
                let mut names = self.model.names.newest().clone();
                let was_there = names.remove(name).is_some();
                assert_eq!(self.disk.remove(name).is_ok(), was_there);
                if was_there {
                    self.model.names.push(asked_at, names);
                }
            }
            3 => {
                self.disk.sync_dir().expect("synced");
                self.model.names.sync(asked_at, self.drive.end());
            }
            _ => match self.disk.open(name) {
                Ok(file) => self.on_file(name, &file, asked_at),
                Err(_) => self.create(name, asked_at),
            },
        }
        if self.chance.one_in(6) {
            self.now = self.drive.end();
            self.drive.begin(self.now);
        }
    }

    fn create(&mut self, name: &'static str, asked_at: u64) {
        let mut names = self.model.names.newest().clone();
        if self.disk.create(name).is_ok() {
            let before = names.insert(name, self.model.files.len());
            assert_eq!(before, None, "the model has none either");
            self.model.files.push(Versions::durable(Vec::new()));
            self.model.names.push(asked_at, names);
        }
    }

    fn on_file(&mut self, name: &str, file: &SimFile, asked_at: u64) {
        let versions = &mut self.model.files[self.model.names.newest()[name]];
        let mut bytes = versions.newest().clone();
        match self.chance.below(8) {
            0 => {
                let length = self.chance.below(3000) as usize;
                bytes.resize(length, 0);
                self.disk.set_length(file, length as u64).expect("changed");
                versions.push(asked_at, bytes);
            }
            1 | 2 => {
                self.disk.sync(file).expect("synced");
                versions.sync(asked_at, self.drive.end());
            }
            _ => {
                let offset = self.chance.below(2000) as usize;
                let new = vec![self.chance.draw() as u8; self.chance.below(1200) as usize];
                if !new.is_empty() {
                    bytes.resize(bytes.len().max(offset + new.len()), 0);
                    bytes[offset..offset + new.len()].copy_from_slice(&new);
                }
                self.disk.write_at(file, offset as u64, &new).expect("written");
                versions.push(asked_at, bytes);
            }
        }
    }

    fn crash(&mut self) {
        let under_way = self.drive.end() - self.now;
        self.now += self.chance.below(under_way + 1);
        if self.chance.one_in(4) {
            self.drive.kill(self.now);
            self.disk = self.drive.mount();
            self.model.files.iter_mut().for_each(|file| file.undo_after(self.now));
            self.model.names.undo_after(self.now);
            self.model.check_kill(&self.disk);
        } else {
            self.drive.lose_power(self.now);
            self.disk = self.drive.mount();
            self.model.check_power_loss(&self.disk, self.now);
            self.model = Model::of(self.model.seed, &self.disk);
        }
    }
}

#[test]
fn what_was_synced_is_there_and_nothing_is_invented() {
    let mut struck = Struck::default();
    for seed in 0..1500 {
        let mut run = Run::new(seed);
        for _ in 0..4 {
            for _ in 0..1 + run.chance.below(25) {
                run.step();
            }
            run.crash();
        }
        struck.add(&run.drive.struck());
    }
    for class in [
        Class::LostChange,
        Class::Reordered,
        Class::TornWrite,
        Class::BareLength,
        Class::LostName,
        Class::Undone,
    ] {
        assert!(struck.of(class) > 100, "{class:?}: {}", struck.of(class));
    }
}
