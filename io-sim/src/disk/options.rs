//! How a disk behaves.

use serde::{Deserialize, Serialize};

use crate::units;

/// How a disk behaves. The default is a healthy one with small latencies; after a power loss it
/// keeps what it likes, in whole sectors.
///
/// All of it may change while the disk is in use: see [`Drive::tune`](super::Drive::tune).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DiskOptions {
    /// Time for a read, in nanoseconds.
    #[serde(rename = "read", with = "units::nanos")]
    pub read_ns: u64,
    /// Time for a write, a length or a name, in nanoseconds.
    #[serde(rename = "write", with = "units::nanos")]
    pub write_ns: u64,
    /// Time on top of that for each 1024 bytes written or read.
    #[serde(rename = "kib", with = "units::nanos")]
    pub kib_ns: u64,
    /// Time for a sync: small ones as often as large ones.
    #[serde(rename = "sync")]
    pub sync_ns: Span,
    /// How many of a million syncs take [`spike_ns`](Self::spike_ns) on top.
    pub spikes_per_million: u64,
    /// Time for a hiccup, in nanoseconds.
    #[serde(rename = "spike", with = "units::nanos")]
    pub spike_ns: u64,
    /// 100 for a healthy disk: all times are multiplied by this and divided by 100.
    pub slowness_percent: u64,
    /// How many bytes all files may have together; `None` if there is no end.
    #[serde(with = "units::optional")]
    pub capacity_bytes: Option<u64>,
    /// What becomes of changes that are not durable when power fails.
    pub fates: Fates,
    /// Where a write that was under way may be cut.
    pub tearing: Tearing,
    /// How many of a thousand writes that survive a power loss do so in part only.
    pub torn_permille: u64,
    /// How many of a thousand writes that survive a power loss have one sector of noise.
    pub garbled_permille: u64,
    /// How many of a thousand changes reach the medium although the sync that covers them fails.
    pub failed_sync_keeps_permille: u64,
    /// Does a new process find an empty page cache, apart from what is still dirty? If not, it sees
    /// for some time what the medium never got, where a sync failed or a write was lost.
    pub cold_starts: bool,
    /// Faults that happen by themselves.
    pub rates: FaultRates,
}

/// A range of durations in nanoseconds, both ends included; neither is zero unless both are.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Span {
    /// The shortest.
    #[serde(with = "units::nanos")]
    pub min: u64,
    /// The longest.
    #[serde(with = "units::nanos")]
    pub max: u64,
}

/// How often each thing happens to all changes that are not durable when power fails, relative to
/// the others.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fates {
    /// All are lost.
    pub lost: u64,
    /// The earlier ones are kept, the later ones are lost.
    pub prefix: u64,
    /// Each is kept or lost, whatever became of the others: a later write without an earlier one.
    pub subset: u64,
    /// All are kept.
    pub kept: u64,
}

/// Units that reach the medium whole or not at all, when power fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tearing {
    /// Every write is such a unit.
    Never,
    /// Blocks of 4096 bytes.
    Blocks,
    /// Sectors of 512 bytes: what the log asks of a disk.
    Sectors,
    /// Single bytes: worse than any disk that the log is made for.
    Bytes,
}

/// How many of a million operations of a kind go wrong by themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct FaultRates {
    /// See [`Fault::ReadError`](super::Fault::ReadError).
    pub read_error: u64,
    /// See [`Fault::WriteError`](super::Fault::WriteError).
    pub write_error: u64,
    /// See [`Fault::SyncError`](super::Fault::SyncError).
    pub sync_error: u64,
    /// See [`Fault::NameError`](super::Fault::NameError).
    pub name_error: u64,
    /// See [`Fault::LostWrite`](super::Fault::LostWrite).
    pub lost_write: u64,
    /// See [`Fault::MisdirectedWrite`](super::Fault::MisdirectedWrite).
    pub misdirected_write: u64,
}

/// Why [`DiskOptions`] make no sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OptionsError {
    /// The shortest is longer than the longest, or only one of them is zero.
    #[error("a sync cannot take {min} to {max} ns")]
    Span {
        /// The shortest.
        min: u64,
        /// The longest.
        max: u64,
    },
    /// Nothing may happen when power fails.
    #[error("all fates have weight zero")]
    NoFate,
    /// Longer than a day, slower than a million times, or a weight above a million.
    #[error("{what} cannot be {value}")]
    TooLarge {
        /// Which option.
        what: &'static str,
        /// Its value.
        value: u64,
    },
}

impl DiskOptions {
    /// A disk on which nothing takes time: what is synced is durable at once. Handy where nobody
    /// calls [`begin`](super::Drive::begin).
    pub const INSTANT: Self = Self {
        read_ns: 0,
        write_ns: 0,
        kib_ns: 0,
        sync_ns: Span { min: 0, max: 0 },
        ..Self::HEALTHY
    };

    const HEALTHY: Self = Self {
        read_ns: 10_000,
        write_ns: 5_000,
        kib_ns: 300,
        sync_ns: Span { min: 50_000, max: 1_000_000 },
        spikes_per_million: 0,
        spike_ns: 0,
        slowness_percent: 100,
        capacity_bytes: None,
        fates: Fates { lost: 1, prefix: 1, subset: 1, kept: 1 },
        tearing: Tearing::Sectors,
        torn_permille: 500,
        garbled_permille: 0,
        failed_sync_keeps_permille: 0,
        cold_starts: true,
        rates: FaultRates {
            read_error: 0,
            write_error: 0,
            sync_error: 0,
            name_error: 0,
            lost_write: 0,
            misdirected_write: 0,
        },
    };

    /// Do they make sense?
    ///
    /// # Errors
    /// See [`OptionsError`].
    pub fn check(&self) -> Result<(), OptionsError> {
        const DAY_NS: u64 = 86_400_000_000_000;
        const MILLION: u64 = 1_000_000;
        let Span { min, max } = self.sync_ns;
        if min > max || (min == 0) != (max == 0) {
            return Err(OptionsError::Span { min, max });
        }
        let Fates { lost, prefix, subset, kept } = self.fates;
        let limits = [
            ("read_ns", self.read_ns, DAY_NS),
            ("write_ns", self.write_ns, DAY_NS),
            ("kib_ns", self.kib_ns, MILLION),
            ("sync_ns", max, DAY_NS),
            ("spike_ns", self.spike_ns, DAY_NS),
            ("slowness_percent", self.slowness_percent, 100 * MILLION),
            ("weight of a fate", lost.max(prefix).max(subset).max(kept), MILLION),
        ];
        if let Some(&(what, value, _)) = limits.iter().find(|(_, value, limit)| value > limit) {
            return Err(OptionsError::TooLarge { what, value });
        }
        if lost + prefix + subset + kept == 0 { Err(OptionsError::NoFate) } else { Ok(()) }
    }
}

impl Default for DiskOptions {
    fn default() -> Self {
        Self::HEALTHY
    }
}

impl Fates {
    /// What is not durable is lost.
    pub const ALL_LOST: Self = Self { lost: 1, prefix: 0, subset: 0, kept: 0 };
    /// Each change fends for itself.
    pub const ANY_SUBSET: Self = Self { lost: 0, prefix: 0, subset: 1, kept: 0 };
    /// The earlier changes survive.
    pub const A_PREFIX: Self = Self { lost: 0, prefix: 1, subset: 0, kept: 0 };
    /// The medium was quicker than anybody knew.
    pub const ALL_KEPT: Self = Self { lost: 0, prefix: 0, subset: 0, kept: 1 };
}

impl Tearing {
    /// The length of a unit in bytes; `None` if a write is one unit.
    pub(super) const fn unit(self) -> Option<usize> {
        match self {
            Self::Never => None,
            Self::Blocks => Some(4096),
            Self::Sectors => Some(512),
            Self::Bytes => Some(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_make_no_sense_are_refused() {
        assert_eq!(DiskOptions::default().check(), Ok(()));
        assert_eq!(DiskOptions::INSTANT.check(), Ok(()));
        let healthy = DiskOptions::default();
        for (min, max) in [(2, 1), (0, 1)] {
            let options = DiskOptions { sync_ns: Span { min, max }, ..healthy };
            assert_eq!(options.check(), Err(OptionsError::Span { min, max }));
        }
        let none = Fates { lost: 0, ..Fates::ALL_LOST };
        assert_eq!(DiskOptions { fates: none, ..healthy }.check(), Err(OptionsError::NoFate));
        let slow = DiskOptions { slowness_percent: u64::MAX, ..healthy };
        assert!(matches!(slow.check(), Err(OptionsError::TooLarge { .. })));
    }
}
