//! Faults of single operations, by themselves or on demand.

use serde::{Deserialize, Serialize};

use super::options::FaultRates;
use crate::rng::{Rng, Stream};

/// A way for one operation to go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// A read fails; the next may succeed.
    ReadError,
    /// A write fails; an unknown part of it is written.
    WriteError,
    /// A sync fails. What it should have made durable looks written from then on, and never is:
    /// the next sync knows nothing of it and succeeds.
    SyncError,
    /// A create, rename, remove or sync of the names fails and changes nothing.
    NameError,
    /// The bytes of a write never reach the medium, although a sync says so.
    LostWrite,
    /// The bytes of a write reach another place of the medium: of this file, or of another.
    MisdirectedWrite,
}

/// Which files.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Files {
    /// All of them; the directory too.
    Any,
    /// The segments of the log.
    Segments,
    /// The hard state.
    State,
    /// The identity.
    Ident,
    /// The one that has this name.
    Named(String),
}

impl Files {
    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Segments => name.starts_with("seg-") && name.ends_with(".qrw"),
            Self::State => name == "state.qrs",
            Self::Ident => name == "IDENT",
            Self::Named(wanted) => name == wanted,
        }
    }
}

/// Decides which operations go wrong.
#[derive(Debug)]
pub(super) struct Mischief {
    /// To strike once, oldest first.
    armed: Vec<(Fault, Files)>,
    /// One for each fault: a change in the rate of one leaves the others as they were.
    chances: [Rng; 6],
}

impl Mischief {
    pub(super) fn new(seed: u64) -> Self {
        let chances = std::array::from_fn(|at| {
            let seed = seed.wrapping_add((at as u64).wrapping_mul(0xd6e8_feb8_6659_fd93));
            Rng::new(seed, Stream::DiskFaults)
        });
        Self { armed: Vec::new(), chances }
    }

    pub(super) fn arm(&mut self, fault: Fault, files: Files) {
        self.armed.push((fault, files));
    }

    pub(super) fn disarm(&mut self) {
        self.armed.clear();
    }

    pub(super) fn is_armed(&self) -> bool {
        !self.armed.is_empty()
    }

    /// Does it happen now, to this file? `name` is asked only if it matters.
    pub(super) fn strikes(&mut self, fault: Fault, rates: &FaultRates, name: &str) -> bool {
        let wanted = |(armed, files): &(Fault, Files)| *armed == fault && files.matches(name);
        if let Some(at) = self.armed.iter().position(wanted) {
            self.armed.remove(at);
            return true;
        }
        let per_million = rates.of(fault);
        per_million > 0 && self.chances[fault as usize].below(1_000_000) < per_million
    }
}

impl FaultRates {
    const fn of(&self, fault: Fault) -> u64 {
        match fault {
            Fault::ReadError => self.read_error,
            Fault::WriteError => self.write_error,
            Fault::SyncError => self.sync_error,
            Fault::NameError => self.name_error,
            Fault::LostWrite => self.lost_write,
            Fault::MisdirectedWrite => self.misdirected_write,
        }
    }
}
