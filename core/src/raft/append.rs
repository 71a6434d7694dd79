//! The follower's side of replication: thesis 3.5 and 3.6.

use core::mem::take;

use super::Raft;
use super::role::{Follower, Following, Role};
use crate::effect::{Cause, Effects, Violation};
use crate::entry::Entries;
use crate::message::{AppendEntries, AppendEntriesReply, AppendOutcome, Heartbeat};
use crate::types::{Index, LogId, NodeId, ReplicationId, Round, Term};

/// A heartbeat says what an empty AppendEntries says.
impl From<Heartbeat> for AppendEntries {
    fn from(heartbeat: Heartbeat) -> Self {
        let Heartbeat { replication, round, matched: prev, commit } = heartbeat;
        Self { replication, round, prev, entries: Entries::EMPTY, commit }
    }
}

impl AppendEntries {
    /// Could a leader of `term` have sent this?
    pub(super) fn is_sane_in(&self, term: Term) -> bool {
        let follows = |first: LogId, last: LogId| {
            self.prev.index.0.checked_add(1) == Some(first.index.0)
                && self.prev.term <= first.term
                && last.term <= term
                && last.index <= Index::LAST
        };
        let ends = self.entries.first().map(|first| first.id).zip(self.entries.last_id());
        self.prev.term <= term
            && (self.prev.index > Index(0) || self.prev.term == Term(0))
            && ends.is_none_or(|(first, last)| follows(first, last))
    }
}

impl Raft {
    pub(super) fn handle_append_entries(
        &mut self,
        from: NodeId,
        is_current: bool,
        request: &mut AppendEntries,
        effects: &mut Effects,
    ) {
        if !is_current {
            // thesis 3.3: a leader of an earlier term learns that its time is over.
            let AppendEntries { replication, round, .. } = *request;
            return self.reply(from, replication, round, AppendOutcome::StaleTerm);
        }
        if !self.follow(from, request.replication, request.round, effects) {
            return;
        }
        let AppendEntries { replication, round, prev, .. } = *request;
        match self.has(prev) {
            Ok(true) => self.accept(request, effects),
            Ok(false) => {
                let hint = self.log.newest_within(prev);
                let outcome = AppendOutcome::Mismatch { rejected: prev.index, hint };
                self.reply(from, replication, round, outcome);
            }
            Err(violation) => self.halt(violation, effects),
        }
    }

    /// Recognises the leader of this term; `false` if this server has halted over it.
    pub(super) fn follow(
        &mut self,
        from: NodeId,
        replication: ReplicationId,
        round: Round,
        effects: &mut Effects,
    ) -> bool {
        let term = self.hard_state.term;
        // Whoever resigned was this term's leader all the same.
        let own = self.has_led.then_some(self.config.id);
        match self.leader().or(own) {
            Some(first) if first != from => {
                // thesis Figure 3.2, Election Safety.
                self.halt(Violation::TwoLeaders { term, first, second: from }, effects);
                return false;
            }
            Some(_) => {}
            None => self.become_follower_of(from, effects),
        }
        let deadline = self.election_deadline();
        let now = self.now;
        let Role::Follower(Follower { deadline: patience, following: Some(following) }) =
            &mut self.role
        else {
            unreachable!("a leader was just recognised");
        };
        *patience = deadline;
        following.heard = now;
        self.bound_until = Self::bound_from(&self.config, now);
        // The ids of a leader only rise within its term: a smaller one is a message that comes late.
        if following.replication < replication {
            // A new replication remembers no acknowledgement.
            following.replication = replication;
            following.acked = Index(0);
        }
        // thesis 6.4: an answer to this round confirms the leader. One that has not gone out for
        // an earlier round is covered by it.
        following.is_answer_owed |= round > following.round;
        following.round = following.round.max(round);
        true
    }

    /// thesis 3.4: whoever leads this term was elected, candidates included.
    fn become_follower_of(&mut self, leader: NodeId, effects: &mut Effects) {
        let following = Following {
            leader,
            heard: self.now,
            matched: Index(0),
            acked: Index(0),
            is_answer_owed: false,
            replication: ReplicationId::default(),
            round: Round::default(),
            fetching: Index(0),
        };
        let deadline = self.election_deadline();
        let role = Role::Follower(Follower { deadline, following: Some(following) });
        self.change_role(role, Cause::LeaderFound, effects);
    }

    /// Does the log contain `prev`? The consistency check of thesis 3.5.
    fn has(&self, prev: LogId) -> Result<bool, Violation> {
        let own = self.log.term(prev.index);
        if prev.index > self.commit {
            return Ok(own == Some(prev.term));
        }
        // Every leader has all committed entries (thesis Figure 3.2, Leader Completeness), also
        // those that this log no longer holds; the position before the log is in all logs.
        match own {
            Some(term) if term != prev.term => {
                Err(Violation::CommittedConflict { index: prev.index })
            }
            _ => Ok(true),
        }
    }

    /// thesis 3.5, 3.6: cuts what conflicts, appends what is missing, learns what is committed.
    fn accept(&mut self, request: &mut AppendEntries, effects: &mut Effects) {
        let AppendEntries { prev, ref mut entries, commit, .. } = *request;
        let entries = take(entries);
        let end = entries.last_id().map_or(prev.index, |last| last.index);
        let has_entries = !entries.is_empty();
        if let Err(violation) = self.append_missing(entries) {
            return self.halt(violation, effects);
        }
        // The leader has what is committed here, so the logs agree that far at least.
        let agreed = end.max(self.commit);
        let durable = self.log.durable();
        let Role::Follower(Follower { following: Some(following), .. }) = &mut self.role else {
            unreachable!("the leader was recognised before");
        };
        // What the leader holds only grows in its term, so what matched goes on to match.
        following.matched = following.matched.max(agreed);
        // Entries that were here already are acknowledged again: the first answer may be lost.
        following.is_answer_owed |= has_entries && end <= durable;
        // thesis 3.5: the leader's commit index, as far as the logs are known to agree.
        self.commit = self.commit.max(commit.min(following.matched));
    }

    /// Appends the entries that the log lacks; the rest is the same by Log Matching (thesis 3.5).
    fn append_missing(&mut self, entries: Entries) -> Result<(), Violation> {
        let Some(first) = entries.first_index() else { return Ok(()) };
        let missing = if first > self.log.last().index {
            entries
        } else {
            let own = |id: LogId| self.log.term(id.index);
            let base = self.log.base().index;
            // What a snapshot covers is committed, and hence the same; its last entry can tell.
            let differs = |id: LogId| id.index >= base && own(id) != Some(id.term);
            let Some(at) = entries.iter().map(|entry| entry.id).find(|&id| differs(id)) else {
                return Ok(());
            };
            entries.from(at.index)
        };
        let from = missing.first_index().expect("one entry is missing");
        if from <= self.log.last().index {
            self.may_cut(from)?;
            self.log.truncate(from.prev());
        }
        self.log.append(missing);
        Ok(())
    }

    /// Only what no leader has claimed yet may be cut.
    fn may_cut(&self, from: Index) -> Result<(), Violation> {
        if from <= self.commit {
            return Err(Violation::CommittedConflict { index: from });
        }
        match &self.role {
            Role::Follower(Follower { following: Some(following), .. })
                if from <= following.matched =>
            {
                // thesis Figure 3.2, Leader Append-Only.
                Err(Violation::LeaderRewrote { leader: following.leader, index: from })
            }
            _ => Ok(()),
        }
    }

    pub(super) fn reply(
        &mut self,
        to: NodeId,
        replication: ReplicationId,
        round: Round,
        outcome: AppendOutcome,
    ) {
        self.send(to, self.answer(AppendEntriesReply { replication, round, outcome }));
    }

    /// Tells the leader what of the matching log is durable, if it is news or an answer is owed.
    pub(super) fn acknowledge(&mut self) {
        let durable = self.log.durable();
        let Role::Follower(Follower { following: Some(following), .. }) = &mut self.role else {
            return;
        };
        let upto = following.matched.min(durable);
        if upto <= following.acked && !following.is_answer_owed {
            return;
        }
        following.acked = following.acked.max(upto);
        following.is_answer_owed = false;
        let Following { leader, replication, round, .. } = *following;
        let outcome = AppendOutcome::Match(upto);
        self.send(leader, self.answer(AppendEntriesReply { replication, round, outcome }));
    }
}
