//! Events and effects as words of a digest: ten times cheaper than their text.
//!
//! Every variant begins with a number of its own, and every list with its length, so that
//! different runs feed different words.

use quorate_core::{
    AppendEntriesReply, AppendOutcome, Effect, Entries, Event, HardState, LogId, MembershipRecord,
    Message, Refusal, Rpc, SnapshotChange, SnapshotMeta, Stopped, Write,
};

use crate::clock::nanos;
use crate::digest::Digest;

/// Something that can be told apart from others of its kind.
pub trait Feed {
    /// Adds words that tell it apart.
    fn feed(&self, digest: &mut Digest);
}

impl Feed for Event {
    fn feed(&self, digest: &mut Digest) {
        match self {
            Self::Timeout => digest.word(1),
            Self::Receive(message) => {
                digest.word(2);
                message.feed(digest);
            }
            Self::Persisted(ticket) => digest.words(&[3, ticket.0]),
            Self::Propose { id, command } => {
                digest.words(&[4, id.0]);
                digest.bytes(command);
            }
            Self::Read { id } => digest.words(&[5, id.0]),
            Self::WriteTime => digest.word(15),
            Self::LeaseRead { id } => digest.words(&[14, id.0]),
            Self::Fetched { to, entries } => {
                digest.words(&[6, to.get()]);
                entries.feed(digest);
            }
            Self::Unreachable(peer) => digest.words(&[7, peer.get()]),
            Self::Reconfigure { id, target, expected, force } => {
                digest.words(&[9, id.0, expected.map_or(u64::MAX, |at| at.0), (*force).into()]);
                digest.bytes(MembershipRecord::of(target).as_bytes());
            }
            Self::SnapshotTaken(index) => digest.words(&[10, index.0]),
            Self::SnapshotFetched(snapshot) => {
                digest.word(11);
                snapshot.feed(digest);
            }
            Self::SnapshotUnavailable(snapshot) => {
                digest.word(12);
                snapshot.feed(digest);
            }
            Self::SnapshotMissing { to } => digest.words(&[13, to.get()]),
            Self::TransferLeadership { id, to, within } => {
                digest.words(&[8, id.0, to.map_or(0, |to| to.get()), nanos(*within)]);
            }
        }
    }
}

impl Feed for Effect {
    fn feed(&self, digest: &mut Digest) {
        match self {
            Self::Write(write) => {
                digest.word(1);
                write.feed(digest);
            }
            Self::Send(message) => {
                digest.word(2);
                message.feed(digest);
            }
            Self::Commit(index) => digest.words(&[3, index.0]),
            Self::Accepted { id, at } => {
                digest.words(&[4, id.0]);
                at.feed(digest);
            }
            Self::Refused { id, why } => {
                digest.words(&[5, id.0]);
                why.feed(digest);
            }
            Self::ReadReady { id, index } => digest.words(&[6, id.0, index.0]),
            Self::Fetch { to, first, bytes_max } => {
                digest.words(&[7, to.get(), first.0, *bytes_max]);
            }
            Self::RoleChanged(change) => {
                let leader = change.leader.map_or(0, |leader| leader.get());
                let (role, cause) = (change.role as u64, change.cause as u64);
                digest.words(&[8, role, change.term.0, leader, cause]);
            }
            Self::FetchSnapshot { from, snapshot } => {
                digest.words(&[14, from.get()]);
                snapshot.feed(digest);
            }
            Self::Restore(snapshot) => {
                digest.word(15);
                snapshot.feed(digest);
            }
            Self::Compact(index) => digest.words(&[16, index.0]),
            // The end of a run, which is put into words anyway.
            Self::Halt(_) => digest.word(9),
            Self::Transferred { id } => digest.words(&[10, id.0]),
            Self::Reconfigured { id, at } => digest.words(&[11, id.0, at.0]),
            Self::ReconfigurationStopped { id, why } => {
                let why = match why {
                    Stopped::LeadershipLost => 1,
                    Stopped::Superseded => 2,
                    Stopped::QuorumAtRisk => 3,
                    Stopped::CannotCatchUp(who) => 3 + who.get(),
                };
                digest.words(&[12, id.0, why]);
            }
            Self::MembershipChanged(at) => digest.words(&[13, at.0]),
        }
    }
}

impl Feed for Message {
    fn feed(&self, digest: &mut Digest) {
        digest.words(&[self.from.get(), self.to.get(), self.term.0]);
        match &self.rpc {
            Rpc::PreVote(ask) => {
                digest.words(&[1, ask.next_term.0]);
                ask.last.feed(digest);
            }
            Rpc::PreVoteReply(reply) => {
                digest.words(&[2, reply.next_term.0, reply.granted.into()]);
            }
            Rpc::RequestVote(ask) => {
                digest.word(3);
                ask.last.feed(digest);
            }
            Rpc::RequestVoteReply(reply) => digest.words(&[4, reply.granted.into()]),
            Rpc::AppendEntries(append) => {
                digest.words(&[5, append.replication.0, append.round.0, append.commit.0]);
                append.prev.feed(digest);
                append.entries.feed(digest);
            }
            Rpc::AppendEntriesReply(reply) => {
                digest.word(6);
                reply.feed(digest);
            }
            Rpc::Heartbeat(heartbeat) => {
                digest.words(&[7, heartbeat.replication.0, heartbeat.round.0, heartbeat.commit.0]);
                heartbeat.matched.feed(digest);
            }
            Rpc::TimeoutNow => digest.word(8),
            Rpc::RequestVoteInTransfer(ask) => {
                digest.word(9);
                ask.last.feed(digest);
            }
            Rpc::InstallSnapshot(install) => {
                digest.words(&[10, install.replication.0, install.round.0]);
                install.snapshot.feed(digest);
            }
            Rpc::ForgetfulReply(answer) => {
                digest.words(&[11, answer.life.0]);
                answer.reply.feed(digest);
            }
            Rpc::Doubt => digest.word(13),
            Rpc::Vouch(vouch) => digest.words(&[12, vouch.life.0, vouch.upto.0]),
        }
    }
}

impl Feed for AppendEntriesReply {
    fn feed(&self, digest: &mut Digest) {
        digest.words(&[self.replication.0, self.round.0]);
        match self.outcome {
            AppendOutcome::Match(index) => digest.words(&[1, index.0]),
            AppendOutcome::Mismatch { rejected, hint } => {
                digest.words(&[2, rejected.0]);
                hint.feed(digest);
            }
            AppendOutcome::StaleTerm => digest.word(3),
        }
    }
}

impl Feed for SnapshotMeta {
    fn feed(&self, digest: &mut Digest) {
        self.last_included.feed(digest);
        self.membership_at.feed(digest);
        digest.bytes(MembershipRecord::of(&self.membership).as_bytes());
    }
}

impl Feed for Write {
    fn feed(&self, digest: &mut Digest) {
        digest.words(&[self.ticket.0, self.hard_state.is_some().into()]);
        if let Some(HardState { term, vote, is_forgetful }) = self.hard_state {
            digest.words(&[term.0, vote.map_or(0, |vote| vote.get())]);
            if is_forgetful {
                digest.word(4);
            }
        }
        match self.snapshot.as_deref() {
            None => {}
            Some(SnapshotChange::Covers(snapshot)) => {
                digest.word(2);
                snapshot.feed(digest);
            }
            Some(SnapshotChange::Replaces(snapshot)) => {
                digest.word(3);
                snapshot.feed(digest);
            }
        }
        digest.word(self.append.is_some().into());
        if let Some(append) = &self.append {
            append.prev.feed(digest);
            append.entries.feed(digest);
        }
    }
}

impl Feed for Refusal {
    fn feed(&self, digest: &mut Digest) {
        match self {
            Self::NotLeader { leader } => {
                digest.words(&[1, leader.map_or(0, |leader| leader.get())]);
            }
            Self::Busy => digest.word(2),
            Self::TooLarge { bytes, bytes_max } => digest.words(&[3, *bytes, *bytes_max]),
            Self::LeadershipLost => digest.word(4),
            Self::Halted => digest.word(5),
            Self::Transferring => digest.word(6),
            Self::NoSuccessor => digest.word(7),
            Self::TransferTimedOut => digest.word(8),
            Self::MembershipIs { at } => digest.words(&[9, at.0]),
            Self::ChangeUnderWay => digest.word(10),
            Self::JointTarget => digest.word(11),
        }
    }
}

impl Feed for Entries {
    fn feed(&self, digest: &mut Digest) {
        digest.word(self.len() as u64);
        *digest = self.iter().fold(*digest, |digest, entry| digest.with_entry(entry));
    }
}

impl Feed for LogId {
    fn feed(&self, digest: &mut Digest) {
        digest.words(&[self.term.0, self.index.0]);
    }
}

/// What happens in the world, in words.
impl Feed for str {
    fn feed(&self, digest: &mut Digest) {
        digest.bytes(self.as_bytes());
    }
}
