//! Which faults seeds draw.

use core::fmt;
use core::str::FromStr;

/// A choice of what may strike: seeds draw the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Profile {
    /// All moods: most seeds by swarm, a tenth each almost healthy and with a single fault, a
    /// twentieth with everything, and a tenth with what only shows where little else strikes.
    #[default]
    Mixed,
    /// Each class of faults by its coin.
    Swarm,
    /// No faults, but servers, sizes and clients of all kinds.
    AlmostHealthy,
    /// One class of faults, as hard as it gets.
    SingleFault,
    /// All classes at once.
    Everything,
    /// Links: latency, loss, partitions, streams that are cut or corrupted.
    Network,
    /// Processes that are killed, stopped, paused or slow.
    Process,
    /// Disks that are slow, hang, fail, decay, are full, or lose power, and logs of small segments.
    Disk,
    /// Clocks that drift and jump, servers that stand still.
    Clock,
    /// Limits that are always in the way: small messages, windows, caches, logs, sessions.
    Limits,
}

/// A name that no profile has.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no profile {0:?}; there is {names}", names = Profile::ALL.map(Profile::name).join(", "))]
pub struct UnknownProfile(String);

impl Profile {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Mixed,
        Self::Swarm,
        Self::AlmostHealthy,
        Self::SingleFault,
        Self::Everything,
        Self::Network,
        Self::Process,
        Self::Disk,
        Self::Clock,
        Self::Limits,
    ];

    /// Its name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Swarm => "swarm",
            Self::AlmostHealthy => "almost-healthy",
            Self::SingleFault => "single-fault",
            Self::Everything => "everything",
            Self::Network => "network",
            Self::Process => "process",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Limits => "limits",
        }
    }

    /// What strikes, in half a line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Mixed => "some seeds of each of the next four",
            Self::Swarm => "each class of faults by its coin",
            Self::AlmostHealthy => "no faults: bugs of plain operation hide under chaos",
            Self::SingleFault => "one class of faults, as hard as it gets",
            Self::Everything => "all classes of faults at once",
            Self::Network => "links and partitions",
            Self::Process => "processes that are killed, stopped, paused or slow",
            Self::Disk => "disks that are slow, hang, fail, decay, are full or lose power",
            Self::Clock => "clocks that drift and jump, servers that stand still",
            Self::Limits => "small messages, windows, caches, logs and sessions",
        }
    }

    /// The beginnings of the names of the classes that may strike; `None` for all.
    pub(super) const fn area(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Network => Some(&[
                "net.",
                "nemesis.partition",
                "nemesis.lonely",
                "nemesis.leader",
                "nemesis.candidate",
                "nemesis.sleeper",
                "nemesis.heirs",
                "nemesis.relapse",
                "nemesis.flap",
                "nemesis.clog",
                "nemesis.swizzle",
                "nemesis.filter",
                "nemesis.slow_link",
                "nemesis.shut",
                "nemesis.reroute",
            ]),
            Self::Process => Some(&[
                "stir_max",
                "apply_max",
                "replace_after",
                "nemesis.kill",
                "nemesis.stop",
                "nemesis.transfer",
                "nemesis.reconfigure",
                "nemesis.torn",
                "nemesis.crash_loop",
                "nemesis.rolling",
                "nemesis.pause",
                "nemesis.slow_cpu",
            ]),
            Self::Disk => Some(&[
                "disk.",
                "wal.",
                "snapshot_",
                "read_back_max",
                "nemesis.power",
                "nemesis.torn",
                "nemesis.stall",
                "nemesis.slow_disk",
                "nemesis.disk_error",
                "nemesis.rot",
                "nemesis.full",
            ]),
            Self::Clock => {
                Some(&["clock_drift_permille", "nemesis.pause", "nemesis.freeze", "nemesis.jump"])
            }
            Self::Limits => {
                Some(&["raft.", "wal.", "snapshot_", "session_timeout", "nemesis.rolling"])
            }
            Self::Mixed
            | Self::Swarm
            | Self::AlmostHealthy
            | Self::SingleFault
            | Self::Everything => None,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(text: &str) -> Result<Self, UnknownProfile> {
        let found = Self::ALL.into_iter().find(|profile| profile.name() == text);
        found.ok_or_else(|| UnknownProfile(text.to_owned()))
    }
}
