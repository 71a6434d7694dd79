//! Situations that are rare and important: a sweep of worlds that never comes to one proves nothing
//! about it.

use quorate_core::Cause;
use quorate_core::node::{LogReader, Note, Output};
use quorate_core::wire::{Outcome, Reject};

/// Something that should happen sometimes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Point {
    /// A restart found a write that was under way, and cut it off.
    TornTailCut,
    /// A process came to its end while it started.
    RestartInterrupted,
    /// A server sought election although its peer followed a leader (thesis 4.2.3).
    DisloyaltyAsked,
    /// A leader stepped down because it heard from no majority (thesis 6.2).
    LeaderWithoutQuorum,
    /// A leader stepped down because its disk did not answer.
    LeaderWithHungDisk,
    /// Two servers believed that they led.
    TwoLeaders,
    /// An election was lost.
    ElectionLost,
    /// A read was answered, confirmed by a round of heartbeats (thesis 6.4).
    ReadConfirmed,
    /// A read was refused.
    ReadRefused,
    /// A follower discarded entries.
    LogTruncated,
    /// Entries of an earlier term were committed by one of the leader's own (thesis 3.6.2).
    CommittedIndirectly,
    /// A command was sent twice, and answered from the session (thesis 6.3).
    AnsweredFromTheSession,
    /// A command came after its session had ended.
    SessionExpired,
    /// A call ended, and nobody knows how.
    OutcomeUnknown,
    /// A connection was ended because of what came over it.
    BadBytes,
    /// A connection was ended because nothing was heard on it, or nobody read it.
    ConnectionStuck,
    /// A peer that was behind got entries from the disk.
    ReadBackForPeer,
    /// A state machine got entries from the disk.
    ReadBackForStateMachine,
    /// A segment of the log was prepared in an idle moment.
    IdleUsed,
    /// Brief work was done at once.
    DoneAtOnce,
    /// A disk failed, and its server ended.
    DiskFailed,
    /// A server stood for election because its leader asked it to (thesis 3.10).
    LeaderAsked,
    /// A leader was told to stop.
    LeaderStopped,
    /// All servers were down.
    AllDown,
    /// Some servers stayed broken, and the others went on.
    WentOnWithoutSome,
    /// A peer refused a link, or was refused one.
    LinkRefused,
    /// A disk had no room for the next segment.
    DiskFull,
    /// A server did not start, because something on its disk had decayed.
    DecayRefused,
    /// A server started with all that it had, although something on its disk had decayed.
    DecayOutlived,
    /// Entries that were to be sent or applied had decayed, and their server ended.
    DecayReadBack,
    /// A server took a snapshot.
    SnapshotTaken,
    /// A snapshot took the place of a log, and of a state.
    SnapshotRestored,
    /// The beginning of a log was forgotten.
    LogCompacted,
    /// A transfer of a snapshot went on where it had been interrupted, from another server.
    SnapshotResumed,
    /// Two majorities ruled (thesis 4.3).
    TwoMajorities,
    /// A leader left the cluster (thesis 4.2.2).
    LeaderLeft,
    /// A change of the membership went no further.
    ChangeStopped,
    /// A server learned from another that it had been removed.
    RemovedTold,
    /// A policy asked to replace a server that had failed, or was missing.
    Staffed,
    /// A disk was replaced.
    DiskReplaced,
    /// A log that was damaged was set aside.
    LogHealed,
    /// What was missing in the middle of a log was had from another server.
    LogMended,
    /// A server that may have forgotten what it promised has a say again.
    Remembered,
}

impl Point {
    /// What thirty worlds come to.
    pub const COMMON: [Self; 23] = [
        Self::RestartInterrupted,
        Self::DisloyaltyAsked,
        Self::LeaderWithoutQuorum,
        Self::TwoLeaders,
        Self::ElectionLost,
        Self::ReadConfirmed,
        Self::ReadRefused,
        Self::LogTruncated,
        Self::CommittedIndirectly,
        Self::AnsweredFromTheSession,
        Self::OutcomeUnknown,
        Self::BadBytes,
        Self::ConnectionStuck,
        Self::ReadBackForPeer,
        Self::ReadBackForStateMachine,
        Self::IdleUsed,
        Self::DoneAtOnce,
        Self::DiskFailed,
        Self::AllDown,
        Self::WentOnWithoutSome,
        Self::SnapshotTaken,
        Self::SnapshotRestored,
        Self::LogCompacted,
    ];

    /// What a thousand worlds come to.
    pub const RARE: [Self; 20] = [
        Self::TornTailCut,
        Self::LeaderStopped,
        Self::LeaderAsked,
        Self::LeaderWithHungDisk,
        Self::SessionExpired,
        Self::LinkRefused,
        Self::DiskFull,
        Self::DecayRefused,
        Self::DecayOutlived,
        Self::DecayReadBack,
        Self::SnapshotResumed,
        Self::TwoMajorities,
        Self::LeaderLeft,
        Self::ChangeStopped,
        Self::RemovedTold,
        Self::Staffed,
        Self::DiskReplaced,
        Self::LogHealed,
        Self::LogMended,
        Self::Remembered,
    ];

    /// What an order of a node shows to have come about, if it is among these.
    pub fn shown_by(order: &Output) -> Option<Self> {
        match order {
            Output::ReadLog { reader: LogReader::Peer(_), .. } => Some(Self::ReadBackForPeer),
            Output::ReadLog { reader: LogReader::StateMachine, .. } => {
                Some(Self::ReadBackForStateMachine)
            }
            Output::Note(Note::RoleChanged(change)) => match change.cause {
                Cause::QuorumLost => Some(Self::LeaderWithoutQuorum),
                Cause::DiskHung => Some(Self::LeaderWithHungDisk),
                Cause::ElectionLost => Some(Self::ElectionLost),
                Cause::LeaderAsked => Some(Self::LeaderAsked),
                Cause::Removed => Some(Self::LeaderLeft),
                _ => None,
            },
            Output::Note(Note::MembershipChanged { is_joint: true, .. }) => {
                Some(Self::TwoMajorities)
            }
            Output::Respond { outcome: Outcome::Stopped(_), .. } => Some(Self::ChangeStopped),
            Output::Note(Note::Staffing(_)) => Some(Self::Staffed),
            Output::Note(Note::RefusedBy(_, Reject::Removed)) => Some(Self::RemovedTold),
            Output::Note(Note::RefusedBy(..) | Note::Refused(..)) => Some(Self::LinkRefused),
            Output::Note(Note::BadBytes(_)) => Some(Self::BadBytes),
            Output::Note(Note::Stuck(_)) => Some(Self::ConnectionStuck),
            Output::Note(Note::DiskFull(_)) => Some(Self::DiskFull),
            Output::Note(Note::SnapshotTaken(_)) => Some(Self::SnapshotTaken),
            Output::Note(Note::Restored(_)) => Some(Self::SnapshotRestored),
            Output::Note(Note::SnapshotResumed(_)) => Some(Self::SnapshotResumed),
            Output::Compact { .. } => Some(Self::LogCompacted),
            Output::DiskFailed(_) => Some(Self::DiskFailed),
            _ => None,
        }
    }
}

/// The points that were reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reached(u64);

impl Reached {
    /// It was reached.
    pub fn note(&mut self, point: Point) {
        self.0 |= 1 << point as u32;
    }

    /// Was it reached?
    pub const fn has(&self, point: Point) -> bool {
        self.0 & 1 << point as u32 != 0
    }

    /// Those of a list that were not.
    pub fn missing(&self, points: &[Point]) -> Vec<Point> {
        points.iter().copied().filter(|&point| !self.has(point)).collect()
    }

    /// Adds what another world reached.
    pub fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_point_is_reached_by_itself() {
        let mut reached = Reached::default();
        reached.note(Point::DiskFull);
        assert!(reached.has(Point::DiskFull));
        assert_eq!(reached.missing(&Point::COMMON), Point::COMMON);
        let mut all = Reached::default();
        let points = Point::COMMON.into_iter().chain(Point::RARE);
        points.clone().for_each(|point| all.note(point));
        reached.add(all);
        assert_eq!(reached.missing(&Point::COMMON), []);
        assert_eq!(reached.0.count_ones() as usize, points.count());
    }
}
