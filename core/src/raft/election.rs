//! Elections: thesis 3.4 (votes), 3.6.1 (who may win), 9.6 (pre-vote), 4.2.3 (loyalty).

use alloc::vec::Vec;

use super::Raft;
use super::role::{Election, Role};
use crate::effect::{Cause, Effects, HardState, Violation};
use crate::message::{PreVote, PreVoteReply, RequestVote, RequestVoteReply, Rpc};
use crate::quorum::{VoteResult, vote_result};
use crate::types::{LogId, NodeId, Term};

impl Raft {
    /// No leader was heard from, or a campaign came to nothing.
    pub(super) fn handle_election_timeout(&mut self, effects: &mut Effects) {
        // thesis 4.2.2: whoever left stands until it knows that this is committed. Its log may be the
        // only one that says so, and longer than those of all who could do without it. Its own vote
        // does not count.
        if !self.log.may_stand(self.config.id, self.commit) || !self.has_vote() {
            // A learner waits on: it has no vote to win with (thesis 4.2.1).
            return self.become_follower(Cause::ElectionTimeout, effects);
        }
        if self.config.pre_vote {
            self.become_pre_candidate(effects);
        } else {
            self.become_candidate(Cause::ElectionTimeout, effects);
        }
    }

    fn become_pre_candidate(&mut self, effects: &mut Effects) {
        let Some(next_term) = self.next_term(effects) else { return };
        let mut election = self.new_election();
        election.record(self.config.id, true);
        self.change_role(Role::PreCandidate(election), Cause::ElectionTimeout, effects);
        let last = self.log.last();
        self.send_to_voters(Rpc::PreVote(PreVote { next_term, last }));
        self.conclude_pre_vote(effects);
    }

    /// thesis 3.4: increments the term, votes for itself and asks the others.
    pub(super) fn become_candidate(&mut self, cause: Cause, effects: &mut Effects) {
        let Some(term) = self.next_term(effects) else { return };
        self.set_hard_state(HardState { term, vote: Some(self.config.id), ..self.hard_state });
        // Its own vote counts like any other: once it is durable, see `count_own_vote`.
        let election = self.new_election();
        self.change_role(Role::Candidate(election), cause, effects);
        let request = RequestVote { last: self.log.last() };
        self.send_to_voters(match cause {
            Cause::LeaderAsked => Rpc::RequestVoteInTransfer(request),
            _ => Rpc::RequestVote(request),
        });
    }

    fn next_term(&mut self, effects: &mut Effects) -> Option<Term> {
        let next = self.hard_state.term.0.checked_add(1).map(Term);
        if next.is_none() {
            self.halt(Violation::TermsExhausted, effects);
        }
        next
    }

    fn new_election(&mut self) -> Election {
        Election { deadline: self.election_deadline(), votes: Vec::new() }
    }

    fn send_to_voters(&mut self, rpc: Rpc) {
        for id in self.log.membership().members() {
            if id != self.config.id && self.log.membership().is_voter(id) {
                self.send(id, rpc.clone());
            }
        }
    }

    /// thesis 9.6: "would you vote for me?" changes nothing here, whatever the answer. It is
    /// granted under the rules of a vote, in a term that is still to come.
    pub(super) fn handle_pre_vote(&mut self, from: NodeId, request: PreVote) {
        let is_stale = request.next_term <= self.hard_state.term;
        // A stale asker is told the newer term at once: silence could keep two servers with
        // different terms from ever electing anybody.
        if !is_stale && self.is_loyal() {
            return self.suspect_clock(from);
        }
        let granted = !is_stale && self.is_up_to_date(request.last) && self.has_vote();
        let reply = PreVoteReply { next_term: request.next_term, granted };
        self.send(from, Rpc::PreVoteReply(reply));
    }

    pub(super) fn handle_pre_vote_reply(
        &mut self,
        from: NodeId,
        reply: PreVoteReply,
        effects: &mut Effects,
    ) {
        let is_current = self.hard_state.term.0.checked_add(1) == Some(reply.next_term.0);
        if let Role::PreCandidate(election) = &mut self.role
            && is_current
            && self.log.membership().is_voter(from)
        {
            election.record(from, reply.granted);
            self.conclude_pre_vote(effects);
        }
    }

    fn conclude_pre_vote(&mut self, effects: &mut Effects) {
        let Role::PreCandidate(election) = &self.role else { return };
        match vote_result(self.log.membership(), |id| election.vote(id)) {
            VoteResult::Won => self.become_candidate(Cause::PreVoteWon, effects),
            VoteResult::Lost => self.become_follower(Cause::ElectionLost, effects),
            VoteResult::Pending => {}
        }
    }

    /// thesis 3.4: one vote per term, first come first served; 3.6.1: only for a candidate whose
    /// log is at least as up-to-date.
    pub(super) fn handle_request_vote(
        &mut self,
        from: NodeId,
        is_current: bool,
        request: RequestVote,
        effects: &mut Effects,
    ) {
        let is_free = match self.hard_state.vote {
            Some(chosen) => chosen == from,
            // Whoever knows this term's leader has no reason to elect another.
            None => self.leader().is_none(),
        };
        let can_vote = is_free && self.has_vote();
        let granted = is_current && can_vote && self.is_up_to_date(request.last);
        if granted {
            self.grant_vote(from, effects);
        }
        self.send(from, Rpc::RequestVoteReply(RequestVoteReply { granted }));
    }

    fn grant_vote(&mut self, candidate: NodeId, effects: &mut Effects) {
        if self.hard_state.vote.is_none() {
            self.set_hard_state(HardState { vote: Some(candidate), ..self.hard_state });
        }
        // thesis 3.4: granting a vote restarts the wait.
        let patience = self.election_deadline();
        match &mut self.role {
            Role::Follower(follower) => follower.deadline = patience,
            // Its own campaign (thesis 9.6) would only get in the way of the one that it supports.
            Role::PreCandidate(_) => self.become_follower(Cause::VoteGranted, effects),
            _ => {}
        }
    }

    pub(super) fn handle_request_vote_reply(
        &mut self,
        from: NodeId,
        reply: RequestVoteReply,
        effects: &mut Effects,
    ) {
        if !self.is_hard_state_durable() {
            // Nobody was asked yet: this answers an earlier life of this server.
            return;
        }
        if let Role::Candidate(election) = &mut self.role
            && self.log.membership().is_voter(from)
        {
            election.record(from, reply.granted);
            self.conclude_election(effects);
        }
    }

    /// A candidate's own vote counts once it is durable: until then a crash could take it back.
    pub(super) fn count_own_vote(&mut self, effects: &mut Effects) {
        if !self.is_hard_state_durable() {
            return;
        }
        let id = self.config.id;
        if let Role::Candidate(election) = &mut self.role
            && election.vote(id).is_none()
        {
            election.record(id, true);
            self.conclude_election(effects);
        }
    }

    fn conclude_election(&mut self, effects: &mut Effects) {
        let Role::Candidate(election) = &self.role else { return };
        match vote_result(self.log.membership(), |id| election.vote(id)) {
            VoteResult::Won => self.become_leader(effects),
            VoteResult::Lost => self.become_follower(Cause::ElectionLost, effects),
            VoteResult::Pending => {}
        }
    }

    /// A vote that cannot be made durable would never leave (thesis 3.8), and of one that was made
    /// durable a forgetful server may know nothing.
    pub(super) fn has_vote(&self) -> bool {
        !self.is_disk_hanging() && !self.hard_state.is_forgetful
    }

    /// thesis 3.6.1: the later last term wins, then the longer log.
    fn is_up_to_date(&self, last: LogId) -> bool {
        last >= self.log.last()
    }

    /// thesis 4.2.3: a server that hears from a leader helps nobody to unseat it.
    pub(super) fn is_loyal(&self) -> bool {
        if self.is_bound() {
            return true;
        }
        if !self.config.check_quorum {
            return false;
        }
        match &self.role {
            Role::Follower(follower) => follower.following.is_some_and(|following| {
                self.now < following.heard.after(self.config.election_timeout)
            }),
            // A leader that lost its majority steps down by itself, see `quorum_lost_at`.
            Role::Leader(_) => true,
            _ => false,
        }
    }
}
