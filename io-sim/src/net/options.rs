//! What a network is like. Times are in nanoseconds, chances in parts per million.

use serde::{Deserialize, Serialize};

use super::kinds::FrameKinds;
use crate::units;

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;

/// What a network is like. The default is a healthy one: small latencies, no faults.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NetOptions {
    /// Every link, until [`Net::set_link`](super::Net::set_link) says otherwise.
    pub link: LinkOptions,
    /// How many bytes of one direction of a connection may be under way or unread; what is sent
    /// beyond that stays with its process. At least 1.
    pub window_bytes: u64,
    /// How long after a lost transmission the first repetition comes; twice as long each time.
    #[serde(rename = "retransmit_min", with = "units::nanos")]
    pub retransmit_min_ns: u64,
    /// The longest pause between two repetitions.
    #[serde(rename = "retransmit_max", with = "units::nanos")]
    pub retransmit_max_ns: u64,
    /// For how long something is repeated before the connection is given up.
    #[serde(rename = "give_up", with = "units::nanos")]
    pub give_up_ns: u64,
    /// How long an attempt to connect may go unanswered.
    #[serde(rename = "connect_timeout", with = "units::nanos")]
    pub connect_timeout_ns: u64,
}

impl Default for NetOptions {
    fn default() -> Self {
        Self {
            link: LinkOptions::default(),
            window_bytes: 256 << 10,
            retransmit_min_ns: 200 * MS,
            retransmit_max_ns: 10 * SECOND,
            give_up_ns: 120 * SECOND,
            connect_timeout_ns: 60 * SECOND,
        }
    }
}

impl NetOptions {
    /// Do they make sense?
    ///
    /// # Errors
    /// The name and the value of what does not.
    pub fn check(&self) -> Result<(), NetOptionsError> {
        const DAY_NS: u64 = 86_400 * SECOND;
        let LinkOptions { latency, stream, frames, .. } = self.link;
        let spans = [
            ("retransmit_min", self.retransmit_min_ns),
            ("retransmit_max", self.retransmit_max_ns),
            ("give_up", self.give_up_ns),
            ("connect_timeout", self.connect_timeout_ns),
            ("link.latency.min", latency.min_ns),
            ("link.latency.spread", latency.spread_ns),
            ("link.spike_max", self.link.spike_max_ns),
            ("link.stream.cut_gap_max", stream.cut_gap_max_ns),
            ("link.stream.coalesce_wait", stream.coalesce_wait_ns),
            ("link.stream.stall_max", stream.stall_max_ns),
            ("link.frames.reorder_wait_max", frames.reorder_wait_max_ns),
            ("link.frames.replay_age_min", frames.replay_age_min_ns),
        ];
        if self.window_bytes == 0 {
            return Err(NetOptionsError { what: "window_bytes", value: 0 });
        }
        match spans.into_iter().find(|&(_, value)| value > DAY_NS) {
            Some((what, value)) => Err(NetOptionsError { what, value }),
            None => Ok(()),
        }
    }
}

/// Something that no network can be like: a window without a byte, or a time beyond a day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{what} of a network cannot be {value}")]
pub struct NetOptionsError {
    /// Which option.
    pub what: &'static str,
    /// Its value; times in nanoseconds.
    pub value: u64,
}

/// What one directed link between two hosts is like.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkOptions {
    /// How long bytes take.
    pub latency: Latency,
    /// How often they take longer.
    pub spike_ppm: u32,
    /// How much longer, at most.
    #[serde(rename = "spike_max", with = "units::nanos")]
    pub spike_max_ns: u64,
    /// How often a transmission is lost. Bytes are repeated until they arrive, so to a connection a
    /// loss is a delay of all that follows.
    pub loss_ppm: u32,
    /// How many bytes a second the link carries, all its connections together; 0 for any number.
    pub bytes_per_second: u64,
    /// What happens to the bytes of its connections.
    pub stream: StreamOptions,
    /// What happens to single frames; between servers only.
    pub frames: FrameOptions,
}

/// How long bytes take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Latency {
    /// Nothing is faster.
    #[serde(rename = "min", with = "units::nanos")]
    pub min_ns: u64,
    /// What comes on top; what exactly it bounds is for `tail` to say.
    #[serde(rename = "spread", with = "units::nanos")]
    pub spread_ns: u64,
    /// How what comes on top is distributed.
    pub tail: Tail,
}

impl Default for Latency {
    fn default() -> Self {
        Self { min_ns: MS / 10, spread_ns: MS / 2, tail: Tail::Even }
    }
}

/// How latencies above the least are distributed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tail {
    /// Evenly up to the spread.
    Even,
    /// Exponentially; the mean is the spread.
    Exponential,
    /// Every tenth is above nine times the spread, every hundredth above ninety-nine times; none
    /// above a thousand times.
    Heavy,
}

/// What happens to the bytes of connections. A *run* is what entered the network at once: what was
/// sent in one call, if there was room for it.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StreamOptions {
    /// How often a run arrives in random pieces.
    pub cut_ppm: u32,
    /// How often a run arrives byte by byte, for at most its first 256 bytes.
    pub single_byte_ppm: u32,
    /// The longest pause between two pieces.
    #[serde(rename = "cut_gap_max", with = "units::nanos")]
    pub cut_gap_max_ns: u64,
    /// How often a run waits for what follows, and arrives together with it.
    pub coalesce_ppm: u32,
    /// For how long it waits.
    #[serde(rename = "coalesce_wait", with = "units::nanos")]
    pub coalesce_wait_ns: u64,
    /// How often a bit of a run is flipped.
    pub corrupt_ppm: u32,
    /// How often the connection is broken off, after a random byte of a run.
    pub reset_ppm: u32,
    /// How often nothing of a run, and of what follows it, arrives for a while.
    pub stall_ppm: u32,
    /// For how long, at most.
    #[serde(rename = "stall_max", with = "units::nanos")]
    pub stall_max_ns: u64,
    /// How often a connection that was made over this link is never read from by its acceptor: not
    /// before its dialer has left, and [`NetOptions::give_up_ns`] more.
    pub deaf_ppm: u32,
}

/// What happens to single frames of the protocol between two servers. Consensus has to hold against
/// all of this, for [`FrameKinds::CONSENSUS`]; requests that are passed on rely on their connection,
/// and must not be repeated unless that is what is tested.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FrameOptions {
    /// Which frames are dropped.
    pub lose: Rule,
    /// Which frames are sent twice.
    pub duplicate: Rule,
    /// Which frames are put aside for later ones to overtake.
    pub reorder: Rule,
    /// What may overtake what.
    pub overtaking: Overtaking,
    /// A frame is put aside until at most this many others have passed; 0 counts as 1.
    pub reorder_window: u8,
    /// And for at most this long.
    #[serde(rename = "reorder_wait_max", with = "units::nanos")]
    pub reorder_wait_max_ns: u64,
    /// Which frames come back later: when one such frame passes, an old one may pass before it. Old
    /// frames outlive connections, terms and processes.
    pub replay: Rule,
    /// How old a frame must be to come back.
    #[serde(rename = "replay_age_min", with = "units::nanos")]
    pub replay_age_min_ns: u64,
}

impl FrameOptions {
    pub(super) const fn strikes(&self) -> bool {
        self.lose.ppm > 0 || self.duplicate.ppm > 0 || self.reorder.ppm > 0 || self.replay.ppm > 0
    }
}

/// How often a fault strikes which frames.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rule {
    /// How often.
    pub ppm: u32,
    /// Which ones.
    pub kinds: FrameKinds,
}

/// What may overtake what within one connection.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overtaking {
    /// What a transport may do: anything, but entries and looks for lost entries stay in order among
    /// themselves, and so do requests that are passed on and their outcomes.
    #[default]
    Tame,
    /// Anything. Consensus stays safe, but a look that overtakes entries makes a leader believe that
    /// they were lost.
    Wild,
}
