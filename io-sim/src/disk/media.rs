//! The hardware: files, names, time and lives, behind one lock.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::bytes::Bytes;
use super::fate::Fate;
use super::fault::Mischief;
use super::file::{File, Stray};
use super::names::Names;
use super::options::DiskOptions;
use super::struck::{Class, Struck};
use super::timing::Timing;
use crate::digest::Digest;
use crate::rng::{Rng, Stream};

/// How a process comes to its end in the middle of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeathMode {
    /// It is killed: what it wrote stays in the page cache.
    Kill,
    /// The whole machine loses power.
    PowerLoss,
}

/// A process came to its end in the middle of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Death {
    /// How.
    pub mode: DeathMode,
    /// The world's time at which it happened, in nanoseconds.
    pub at: u64,
}

#[derive(Debug)]
pub(super) struct Media {
    pub(super) options: DiskOptions,
    /// By number; a number is never used again.
    pub(super) files: BTreeMap<u64, File>,
    pub(super) next_file: u64,
    pub(super) names: Names,
    pub(super) timing: Timing,
    pub(super) mischief: Mischief,
    pub(super) struck: Struck,
    /// How many operations were carried out.
    pub(super) operations: u64,
    /// The process that owns the disk, counted from 1.
    pub(super) life: u64,
    pub(super) is_alive: bool,
    /// How many more operations it has, and what comes then.
    pub(super) countdown: Option<(u64, DeathMode)>,
    pub(super) death: Option<Death>,
    /// Calls by processes that are gone.
    pub(super) late_calls: u64,
    /// Decides what a power loss leaves.
    fate: Rng,
    /// Decides where things rot and stray.
    pub(super) wear: Rng,
}

impl Media {
    pub(super) fn new(seed: u64, options: DiskOptions) -> Self {
        Self {
            options,
            files: BTreeMap::new(),
            next_file: 0,
            names: Names::new(),
            timing: Timing::new(seed),
            mischief: Mischief::new(seed),
            struck: Struck::default(),
            operations: 0,
            life: 0,
            is_alive: false,
            countdown: None,
            death: None,
            late_calls: 0,
            fate: Rng::new(seed, Stream::DiskFate),
            wear: Rng::new(seed, Stream::DiskRot),
        }
    }

    /// A new process takes over; answers with its number.
    pub(super) fn begin_life(&mut self) -> u64 {
        if self.is_alive {
            self.end_life();
        }
        self.life += 1;
        self.is_alive = true;
        self.death = None;
        self.life
    }

    /// The world's time is `now`: carries out what is durable by then.
    pub(super) fn fold(&mut self, now: u64) {
        let now = self.timing.reach(now);
        let mut strays = Vec::new();
        for file in self.files.values_mut() {
            file.fold(now, &mut self.struck, &mut strays);
        }
        self.land(strays);
        if self.names.fold(now) {
            self.collect();
        }
    }

    pub(super) fn kill(&mut self, now: u64) {
        self.fold(now);
        self.undo();
        self.end_life();
        self.struck.note(Class::Kill);
    }

    pub(super) fn lose_power(&mut self, now: u64) {
        self.fold(now);
        self.undo();
        let orders =
            self.files.values().flat_map(|file| file.pending.iter().map(|(at, _)| at.order));
        let names = self.names.pending.iter().map(|(at, _)| at.order);
        let orders = orders.chain(names).collect();
        let mut fate = Fate::draw(&self.options, &mut self.fate, &mut self.struck, orders);
        let mut strays = Vec::new();
        for file in self.files.values_mut() {
            fate.file(file, &mut strays);
        }
        fate.names(&mut self.names);
        fate.finish();
        self.land(strays);
        self.files.values_mut().for_each(File::reread_all);
        self.names.redo();
        self.timing.cursor = self.timing.now;
        self.end_life();
        self.struck.note(Class::PowerLoss);
    }

    /// What was asked for after this moment never happened.
    fn undo(&mut self) {
        let now = self.timing.now;
        let mut undone = self.names.pending.undo_after(now);
        self.names.redo();
        for file in self.files.values_mut() {
            let count = file.pending.undo_after(now);
            if count > 0 {
                file.reread_all();
            }
            undone += count;
        }
        if undone > 0 {
            self.struck.note(Class::Undone);
        }
        // What was asked for before, and is still under way, goes on.
        let syncs = self.files.values().filter_map(|file| file.pending.last_sync());
        let last = syncs.chain(self.names.pending.last_sync()).max();
        self.timing.cursor = last.unwrap_or(now).max(now);
    }

    pub(super) fn end_life(&mut self) {
        self.is_alive = false;
        self.countdown = None;
        for file in self.files.values_mut() {
            file.open = Arc::new(());
            if self.options.cold_starts {
                file.reread_all();
            }
        }
        self.collect();
    }

    /// Forgets files that nothing leads to.
    pub(super) fn collect(&mut self) {
        let held = self.names.held();
        self.files.retain(|id, file| Arc::strong_count(&file.open) > 1 || held.contains(id));
    }

    fn land(&mut self, strays: Vec<Stray>) {
        for stray in strays {
            self.struck.note(Class::MisdirectedWrite);
            if let Some(file) = self.files.get_mut(&stray.file) {
                file.smash(stray.offset, &stray.bytes);
            }
        }
    }

    /// Everything is as in these files, durably, and nothing else is there.
    pub(super) fn refill(&mut self, files: impl IntoIterator<Item = (String, Bytes)>) {
        self.files.clear();
        self.names = Names::new();
        for (name, bytes) in files {
            self.files.insert(self.next_file, File::new(bytes));
            self.names.durable.insert(name, self.next_file);
            self.next_file += 1;
        }
        self.names.redo();
        self.timing.cursor = self.timing.now;
        self.end_life();
    }

    pub(super) fn digest(&self) -> u64 {
        let mut digest = Digest::EMPTY;
        for (name, file) in self.names.seen.iter().chain(&self.names.durable) {
            digest.bytes(name.as_bytes());
            digest.word(*file);
        }
        for file in self.files.values() {
            file.seen.pieces().chain(file.durable.pieces()).for_each(|piece| digest.bytes(piece));
            digest.words(&[file.seen.len() as u64, file.durable.len() as u64]);
        }
        digest.words(&[self.timing.cursor, self.operations, self.life, self.late_calls]);
        digest.value()
    }
}
