//! What strikes from outside, when, and whom.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::disk::{DeathMode, Decay, Fault, Files};
use crate::net::FrameKinds;
use crate::units;

/// Something that strikes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Action {
    /// When, from the beginning of the run.
    #[serde(with = "units::span")]
    pub at: Duration,
    /// What.
    #[serde(flatten)]
    pub what: Strike,
}

/// Whom it strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "a server's number, \"leader\", \"candidate\" or \"all\"")]
pub enum Who {
    /// This one.
    Server(u16),
    /// By what it is.
    Role(Role),
}

/// What a server is when something strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Whoever leads then; if nobody does, nothing happens.
    Leader,
    /// Whoever stands for election then, or is the next to do so. There may be nobody any more.
    Candidate,
    /// All servers.
    All,
}

/// Limits of a server's next life.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// See [`Config`](quorate_core::Config).
    pub message_bytes_max: u64,
    /// See [`Config`](quorate_core::Config).
    pub inflight_messages_max: u32,
    /// See [`Config`](quorate_core::Config).
    pub cached_bytes_max: u64,
    /// See [`WalOptions`](quorate_core::wal::WalOptions).
    pub batch_bytes_max: u64,
}

/// What strikes. Servers are meant by their numbers; `lasts` is how long it lasts, and no longer
/// than until all faults end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case", deny_unknown_fields)]
#[allow(missing_docs, reason = "what a field means is said once, above and at the variant")]
pub enum Strike {
    /// A server is alone.
    Isolate {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// A server hears nobody, but is heard.
    Deaf {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// A server is heard by nobody, but hears.
    Mute {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// Nobody reaches another side. Whoever is on none is alone.
    Split {
        sides: Vec<Vec<u16>>,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// Sides that only the hub connects.
    Bridge {
        hub: u16,
        sides: Vec<Vec<u16>>,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// Everybody reaches a majority, and no two the same one.
    Ring {
        order: Vec<u16>,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// Everybody reaches only its neighbours.
    Chain {
        order: Vec<u16>,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// Everybody reaches the hub only.
    Star {
        hub: u16,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// These do not reach those; those reach these.
    OneWay {
        from: Vec<u16>,
        to: Vec<u16>,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// The links between two servers are blocked half of the time, for so long at a stretch.
    Flap {
        between: [u16; 2],
        #[serde(with = "units::span")]
        stretch: Duration,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// What goes to and from a server waits, and then arrives all at once.
    Clog {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// So many in a million frames of these kinds are lost that a server sends to others.
    Filter {
        who: Who,
        kinds: FrameKinds,
        lose_ppm: u32,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// Everything from one server to another takes longer.
    SlowLink {
        from: u16,
        to: u16,
        #[serde(with = "units::span")]
        by: Duration,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// Everything that others send to a server takes longer.
    Lag {
        who: Who,
        #[serde(with = "units::span")]
        by: Duration,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// No client reaches a server, nor hears from it.
    Shut {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// Whoever connects to one server reaches the other, which does not know that.
    Reroute {
        from: u16,
        to: u16,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// A process is killed, and started again.
    Kill {
        who: Who,
        #[serde(with = "units::span")]
        down: Duration,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<Limits>,
    },
    /// A process is told to end, does so in good order, and is started again.
    Stop {
        who: Who,
        #[serde(with = "units::span")]
        down: Duration,
    },
    /// Whoever leads is told to hand over: to this server, or to whom it likes.
    Transfer {
        who: Who,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<u16>,
    },
    /// Whoever leads is told that these shall belong to the cluster, and nobody else.
    Reconfigure {
        who: Who,
        voters: Vec<u16>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        learners: Vec<u16>,
        #[serde(default, skip_serializing_if = "core::ops::Not::not")]
        force: bool,
    },
    /// A server loses power, and is started again.
    Power {
        who: Who,
        #[serde(with = "units::span")]
        down: Duration,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<Limits>,
    },
    /// A process ends in the operation of its disk that is the n-th from now on, counted from 1. One
    /// that is down has them yet to come.
    Torn {
        who: Who,
        after: u64,
        by: DeathMode,
        #[serde(with = "units::span")]
        down: Duration,
    },
    /// A process stands still; its clock goes on.
    Pause {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// A server stands still, and its clock with it.
    Freeze {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// A clock jumps forward.
    Jump {
        who: Who,
        #[serde(with = "units::span")]
        by: Duration,
    },
    /// Every step of a server takes so long.
    SlowCpu {
        who: Who,
        #[serde(with = "units::span")]
        by: Duration,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// A disk hangs.
    Stall {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// A disk takes so many hundredths of its time.
    SlowDisk {
        who: Who,
        percent: u64,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
    /// The next operation of the right kind on such a file goes wrong.
    DiskError { who: Who, fault: Fault, files: Files },
    /// Something in such a file decays that the log can do without, or can know to be missing. Nothing
    /// happens if the others whose disks have not decayed would be no quorum.
    Rot { who: Who, how: Decay, files: Files },
    /// A disk has no space left.
    Full {
        who: Who,
        #[serde(rename = "for", with = "units::span")]
        lasts: Duration,
    },
}
