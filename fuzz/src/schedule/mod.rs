//! A cluster of three to five cores, and a schedule that may be anything: messages are delivered,
//! lost, repeated and reordered, servers are cut off, disks are late, servers crash and lose what
//! was not durable, clocks differ; members come and go, leadership is handed over, and logs are
//! forgotten behind snapshots, which some have to get from others.
//!
//! Each act is two bytes, an [`Act`] and what it is done to. After every step of any server its
//! invariants and the [`laws`] of the cluster hold.

mod cluster;
mod laws;
mod members;
mod server;
mod snapshots;

use crate::input::Input;
use cluster::Cluster;

/// What the cluster came to.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct History {
    /// Elections that were won.
    pub elections: u32,
    /// Entries that were committed.
    pub committed: u32,
    /// Writes that cut a log.
    pub cuts: u32,
    /// Crashes.
    pub crashes: u32,
    /// Writes that crashes lost.
    pub lost_writes: u32,
    /// Reads that were confirmed.
    pub reads: u32,
    /// Entries that were read back from a log for a peer.
    pub fetches: u32,
    /// Leaderships that were given up for a successor.
    pub transfers: u32,
    /// Changes of the membership that came to where they should.
    pub changes: u32,
    /// Steps after which another membership ruled somewhere.
    pub memberships: u32,
    /// Steps after which two majorities ruled somewhere.
    pub joint: u32,
    /// Snapshots that were taken.
    pub snapshots: u32,
    /// How often a log forgot something.
    pub compactions: u32,
    /// Snapshots of others that took the place of a log.
    pub restores: u32,
}

/// What happens next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Act {
    /// The timer of a server fires.
    Tick,
    /// An election timeout passes on a server's clock; its timer is late.
    Wait,
    /// The oldest message from one server to another arrives; see [`link`].
    Deliver,
    /// One of all messages arrives, whatever is before it.
    Overtake,
    /// One of all messages arrives, and will arrive again.
    Repeat,
    /// One of all messages is lost.
    Drop,
    /// All that a server has written becomes durable.
    Sync,
    /// The oldest write of a server becomes durable.
    SyncOne,
    /// A server is asked to append a command.
    Propose,
    /// A server is asked for a read index.
    Read,
    /// A server goes down; as many of its writes as `argument / servers` are kept.
    Crash,
    /// A server comes up; entries before its last `argument / servers` are on its disk only.
    Restart,
    /// What a server has asked its log for is read.
    Fetch,
    /// A server hears that a connection is lost; see [`link`].
    Disconnect,
    /// From now on no message passes between the servers whose bits are set and the others.
    Split,
    /// So many times, modulo eight, all writes become durable, all messages arrive, in order, and
    /// everybody gets the snapshot that it waits for.
    Calm,
    /// A server is asked to hand leadership over; see [`link`].
    Transfer,
    /// A server is asked to change the membership; see [`change`].
    Change,
    /// A server has taken a snapshot of all that its state machine was given.
    TakeSnapshot,
    /// A server has got the snapshot that it waits for.
    GetSnapshot,
    /// A server cannot get the snapshot that it waits for, and whoever offered it is told so if
    /// `argument / servers` is odd.
    LoseSnapshot,
}

impl Act {
    const ALL: [Self; 21] = [
        Self::Tick,
        Self::Wait,
        Self::Deliver,
        Self::Overtake,
        Self::Repeat,
        Self::Drop,
        Self::Sync,
        Self::SyncOne,
        Self::Propose,
        Self::Read,
        Self::Crash,
        Self::Restart,
        Self::Fetch,
        Self::Disconnect,
        Self::Split,
        Self::Calm,
        Self::Transfer,
        Self::Change,
        Self::TakeSnapshot,
        Self::GetSnapshot,
        Self::LoseSnapshot,
    ];
}

/// The argument that names two of `servers` servers, by their places.
pub fn link(servers: u8, from: u8, to: u8) -> u8 {
    from + servers * to
}

/// How a membership differs that is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Change {
    /// The first of the two servers has a vote.
    Vote,
    /// It receives the log without one.
    Learn,
    /// It does not belong to the cluster.
    Leave,
    /// It has no place any more, and the other one has a vote.
    Replace,
    /// Both have a vote.
    VoteBoth,
    /// Neither belongs to the cluster.
    LeaveBoth,
    /// Nobody else has a vote.
    Alone,
    /// Everybody has a vote.
    All,
}

impl Change {
    const ALL: [Self; 8] = [
        Self::Vote,
        Self::Learn,
        Self::Leave,
        Self::Replace,
        Self::VoteBoth,
        Self::LeaveBoth,
        Self::Alone,
        Self::All,
    ];
}

/// The argument by which the first of `servers` servers is asked to change the part of the server at
/// this place, and of the one after it.
pub fn change(servers: u8, change: Change, whose: u8) -> u8 {
    servers * (change as u8 + 8 * whose)
}

/// Longer schedules show nothing new.
const ACTS_MAX: usize = 400;

/// Takes the bytes for a cluster, and for a schedule.
pub fn run(input: &[u8]) -> History {
    let input = &mut Input::new(input);
    let mut cluster = Cluster::new(3 + input.below(3), input.byte());
    for _ in 0..ACTS_MAX {
        if input.is_empty() {
            break;
        }
        let act = Act::ALL[input.below(Act::ALL.len())];
        cluster.act(act, input.byte().into());
    }
    cluster.history
}
