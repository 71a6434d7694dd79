//! The directory: which name is which file.

use std::collections::{BTreeMap, BTreeSet};

use super::change::{Pending, Stamp};

/// Invariants:
/// 1. `seen` is `durable` with all of `pending` carried out.
/// 2. In each of them, a file has one name at most.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) seen: BTreeMap<String, u64>,
    pub(super) durable: BTreeMap<String, u64>,
    pub(super) pending: Pending<NameChange>,
}

#[derive(Debug)]
pub(super) enum NameChange {
    Create { name: String, file: u64 },
    Rename { to: String, file: u64 },
    Remove { name: String, file: u64 },
}

impl Names {
    pub(super) const fn new() -> Self {
        Self { seen: BTreeMap::new(), durable: BTreeMap::new(), pending: Pending::new() }
    }

    pub(super) fn change(&mut self, stamp: Stamp, change: NameChange) {
        change.apply(&mut self.seen);
        self.pending.push(stamp, change);
    }

    /// Carries out what is durable by `now`. Says whether anything was.
    pub(super) fn fold(&mut self, now: u64) -> bool {
        let mut folded = false;
        while let Some((_, change)) = self.pending.pop_durable(now) {
            change.apply(&mut self.durable);
            folded = true;
        }
        folded
    }

    /// What processes see is what the medium has, and what is pending.
    pub(super) fn redo(&mut self) {
        self.seen.clone_from(&self.durable);
        for (_, change) in self.pending.iter() {
            change.apply(&mut self.seen);
        }
    }

    /// All files that a name leads to, or did or will after some crash.
    pub(super) fn held(&self) -> BTreeSet<u64> {
        let pending = self.pending.iter().map(|(_, change)| change.file());
        self.seen.values().chain(self.durable.values()).copied().chain(pending).collect()
    }

    pub(super) fn is_seen(&self, file: u64) -> bool {
        self.seen.values().any(|&held| held == file)
    }

    /// For people.
    pub(super) fn name_of(&self, file: u64) -> &str {
        let name = self.seen.iter().chain(&self.durable).find(|&(_, &held)| held == file);
        name.map_or("a file without a name", |(name, _)| name)
    }
}

impl NameChange {
    fn file(&self) -> u64 {
        match self {
            Self::Create { file, .. } | Self::Rename { file, .. } | Self::Remove { file, .. } => {
                *file
            }
        }
    }

    /// A change whose predecessors were lost does what it can.
    pub(super) fn apply(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Create { name, file } => {
                names.insert(name.clone(), *file);
            }
            Self::Rename { to, file } => {
                // Under whatever name it is known: no file ever has two.
                names.retain(|_, held| held != file);
                names.insert(to.clone(), *file);
            }
            Self::Remove { name, file } => {
                if names.get(name) == Some(file) {
                    names.remove(name);
                }
            }
        }
    }
}
