//! How often what strikes.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units;

/// How often what strikes. Each class of faults has a weight: how many times it strikes, on average,
/// in the span of [`every`](Self::every); zero for never. Each draws from a stream of its own, so
/// that one can be left out and the others stay as they are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct NemesisOptions {
    /// The span that the weights count in.
    #[serde(with = "units::span")]
    pub every: Duration,
    /// How long a strike lasts, at most.
    #[serde(with = "units::span")]
    pub lasting_max: Duration,
    /// The cluster falls apart, in any shape.
    pub partition: u64,
    /// Some server is alone, deaf or mute, or hears no more than some others.
    pub lonely: u64,
    /// Whoever leads is killed, cut off, or stands still.
    pub leader: u64,
    /// An election is interrupted: whoever leads falters, and whoever stands is struck.
    pub candidate: u64,
    /// Whoever leads sleeps while the others go on, and then hears what they said before.
    pub sleeper: u64,
    /// A leader is heard by one other only, and those who lead after it fall in their turn.
    pub heirs: u64,
    /// A leader is left alone with one that lags, and may lead again after others have.
    pub relapse: u64,
    /// Links that are there, and are not, in turns.
    pub flap: u64,
    /// What goes to and from a server waits, and arrives all at once.
    pub clog: u64,
    /// The same for several servers, one after the other, released in another order.
    pub swizzle: u64,
    /// Only some kinds of messages are lost.
    pub filter: u64,
    /// A link is slow.
    pub slow_link: u64,
    /// A server cannot be reached by clients.
    pub shut: u64,
    /// Whoever wants to connect to one server reaches another.
    pub reroute: u64,
    /// A process is killed, or all are.
    pub kill: u64,
    /// A process is told to end, and ends in good order.
    pub stop: u64,
    /// Whoever leads is told to hand over.
    pub transfer: u64,
    /// Whoever leads is told who shall belong to the cluster. Where this may be, no disk rots, and
    /// all servers are healed at the end: nobody knows before which of them are needed.
    pub reconfigure: u64,
    /// A server, or all, lose power.
    pub power: u64,
    /// A process ends in the middle of an operation of its disk.
    pub torn: u64,
    /// A process is killed again and again, also while it starts.
    pub crash_loop: u64,
    /// All servers restart, one after the other, with other limits.
    pub rolling: u64,
    /// A process stands still.
    pub pause: u64,
    /// A server stands still, and its clock with it.
    pub freeze: u64,
    /// A clock jumps forward.
    pub jump: u64,
    /// A processor is slow.
    pub slow_cpu: u64,
    /// A disk hangs.
    pub stall: u64,
    /// A disk is slow.
    pub slow_disk: u64,
    /// One operation of a disk fails.
    pub disk_error: u64,
    /// Something on a disk decays, of servers that the others can do without.
    pub rot: u64,
    /// A disk is full for a while.
    pub full: u64,
}

impl NemesisOptions {
    /// Nothing strikes.
    pub const CALM: Self = Self {
        every: Duration::from_secs(1),
        lasting_max: Duration::from_secs(1),
        partition: 0,
        lonely: 0,
        leader: 0,
        candidate: 0,
        sleeper: 0,
        heirs: 0,
        relapse: 0,
        flap: 0,
        clog: 0,
        swizzle: 0,
        filter: 0,
        slow_link: 0,
        shut: 0,
        reroute: 0,
        kill: 0,
        stop: 0,
        transfer: 0,
        reconfigure: 0,
        power: 0,
        torn: 0,
        crash_loop: 0,
        rolling: 0,
        pause: 0,
        freeze: 0,
        jump: 0,
        slow_cpu: 0,
        stall: 0,
        slow_disk: 0,
        disk_error: 0,
        rot: 0,
        full: 0,
    };

    /// The largest weight.
    pub(super) fn heaviest(&self) -> u64 {
        super::draw::CLASSES.iter().map(|class| (class.weight)(self)).max().unwrap_or(0)
    }

    /// All weights together.
    pub(super) fn sum(&self) -> u64 {
        super::draw::CLASSES.iter().map(|class| (class.weight)(self)).sum()
    }
}
