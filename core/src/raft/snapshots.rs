//! Snapshots: thesis 5. What a snapshot covers is forgotten by the log, and whoever lacks something
//! that the log has forgotten is brought up to date by a snapshot.
//!
//! ```text
//!        leader                             follower                         its driver
//!   the log starts after ──InstallSnapshot──► lacks it ──────FetchSnapshot──────► gets the bytes
//!   what the peer lacks                      replaces the log ◄──SnapshotFetched── all are durable
//!                       ◄──────Match──────── is durable ─────────Restore────────► its state machine
//! ```
//! The core only says what is needed; the bytes go from driver to driver, piece by piece, at the
//! receiver's own pace. So there is no transfer that could time out, and the offer, which is small, is
//! repeated with every heartbeat until the peer has what it covers, however that came about.

use alloc::boxed::Box;

use super::Raft;
use super::progress::{PeerMode, Progress};
use super::role::{Follower, Following, Leader, Role};
use crate::effect::{Effect, Effects, Violation};
use crate::message::{AppendOutcome, InstallSnapshot};
use crate::recovered::SnapshotMeta;
use crate::types::{Index, LogId, NodeId, Term};

impl InstallSnapshot {
    /// Could a leader of `term` have sent this?
    pub(super) fn is_sane_in(&self, term: Term) -> bool {
        self.snapshot.covers_something() && self.snapshot.last_included.term <= term
    }
}

impl Raft {
    /// The driver has put the state after this entry on stable storage (thesis 5.1).
    pub(super) fn handle_snapshot_taken(&mut self, index: Index) {
        if index > self.log.snapshot().index && index <= self.handed_out {
            self.log.cover(index);
        }
    }

    /// thesis Figure 5.3: a leader offers what its log has forgotten.
    pub(super) fn handle_install_snapshot(
        &mut self,
        from: NodeId,
        is_current: bool,
        request: &InstallSnapshot,
        effects: &mut Effects,
    ) {
        let InstallSnapshot { replication, round, ref snapshot } = *request;
        if !is_current {
            // thesis 3.3: a leader of an earlier term learns that its time is over.
            return self.reply(from, replication, round, AppendOutcome::StaleTerm);
        }
        if !self.follow(from, replication, round, effects) {
            return;
        }
        let covered = snapshot.last_included;
        let own = self.log.id(covered.index);
        if covered.index <= self.commit && own.is_some_and(|own| own != covered) {
            let violation = Violation::CommittedConflict { index: covered.index };
            return self.halt(violation, effects);
        }
        if covered.index <= self.commit || own == Some(covered) {
            return self.agree(covered.index);
        }
        let Role::Follower(Follower { following: Some(following), .. }) = &mut self.role else {
            unreachable!("the leader was recognised before");
        };
        if covered.index <= following.matched {
            // thesis Figure 3.2, Leader Append-Only.
            let violation = Violation::LeaderRewrote { leader: from, index: covered.index };
            return self.halt(violation, effects);
        }
        // Offers are repeated; a newer one takes the place of what is under way.
        if following.fetching < covered.index {
            following.fetching = covered.index;
            effects.push(Effect::FetchSnapshot { from, snapshot: Box::new(snapshot.clone()) });
        }
    }

    /// The log has all that the snapshot covers (thesis Figure 5.3, step 6): what follows stays, and
    /// what is before is committed, since nothing else goes into a snapshot.
    fn agree(&mut self, covered: Index) {
        self.commit = self.commit.max(covered);
        let commit = self.commit;
        let Role::Follower(Follower { following: Some(following), .. }) = &mut self.role else {
            unreachable!("the leader was recognised before");
        };
        following.matched = following.matched.max(commit);
        following.is_answer_owed = true;
    }

    /// All of a snapshot is durable here. Whoever offered it, and in whatever term: what it covers is
    /// committed, so it is a part of every later leader's log (thesis 3.6.3).
    pub(super) fn handle_snapshot_fetched(
        &mut self,
        snapshot: &SnapshotMeta,
        effects: &mut Effects,
    ) {
        let covered = snapshot.last_included;
        // A driver that made it up is not believed, as no peer is.
        let is_sane = snapshot.covers_something() && covered.term <= self.hard_state.term;
        let is_new =
            is_sane && covered.index > self.commit && self.log.id(covered.index) != Some(covered);
        let Role::Follower(Follower { following, .. }) = &mut self.role else { return };
        if is_new && self.has_led {
            // thesis Figure 3.2, Leader Completeness: who led in this term has all of it.
            return self.halt(Violation::CommittedConflict { index: covered.index }, effects);
        }
        if let Some(following) = following {
            following.stop_fetching(|fetching| fetching <= covered.index);
            if is_new {
                following.matched = following.matched.max(covered.index);
            }
        }
        if is_new {
            // thesis Figure 5.3, step 7: the log is discarded, for it conflicts, or ends before.
            self.log.replace(snapshot.clone(), self.commit);
            self.commit = covered.index;
            self.is_restore_owed = true;
        }
    }

    /// It will be fetched when it is offered again.
    pub(super) fn handle_snapshot_unavailable(&mut self, covered: LogId) {
        if let Role::Follower(Follower { following: Some(following), .. }) = &mut self.role {
            following.stop_fetching(|fetching| fetching == covered.index);
        }
    }

    /// What was offered is gone here, as after a newer snapshot: offers the newest.
    pub(super) fn handle_snapshot_missing(&mut self, to: NodeId) {
        let newest = self.log.snapshot_meta();
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(peer) = leader.peer_mut(to)
            && peer.mode == PeerMode::Snapshot
        {
            peer.become_snapshot(newest);
        }
    }

    /// The log forgets what a snapshot covers, but for what peers can still be sent of it, which is
    /// cheaper than a snapshot, and no more than [`retained_entries_max`](crate::Config).
    pub(super) fn compact(&mut self, effects: &mut Effects) {
        let (base, covered) = (self.log.base().index, self.log.snapshot().index);
        let is_due = core::mem::take(&mut self.is_compaction_due) && base < covered;
        if !is_due || !self.log.is_snapshot_durable() {
            return;
        }
        let floor = Index(covered.0.saturating_sub(self.config.retained_entries_max));
        let needed = match &self.role {
            Role::Leader(leader) => leader.peers.iter().map(Progress::needs_after).min(),
            // Who leads next may have to bring others up to date.
            _ => Some(Index(0)),
        };
        let upto = needed.unwrap_or(covered).clamp(floor, covered);
        if upto <= base {
            return;
        }
        self.log.compact(upto);
        if let Role::Leader(leader) = &mut self.role {
            leader.part_with_laggards(upto);
        }
        effects.push(Effect::Compact(upto));
    }
}

impl Following {
    fn stop_fetching(&mut self, is_over: impl FnOnce(Index) -> bool) {
        if is_over(self.fetching) {
            self.fetching = Index(0);
        }
    }
}

impl Leader {
    /// What these peers need next was forgotten: they will be offered a snapshot.
    fn part_with_laggards(&mut self, base: Index) {
        let needs_more = |peer: &&mut Progress| peer.next_index <= base;
        for peer in self.peers.iter_mut().filter(needs_more) {
            peer.become_probe(peer.next_index);
        }
    }
}
