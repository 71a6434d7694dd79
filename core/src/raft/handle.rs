//! What happens, and which rule it is an affair of.

use core::mem::take;

use super::Raft;
use super::role::Role;
use crate::effect::{Cause, Effect, Effects, Refusal};
use crate::event::Event;
use crate::message::{AppendEntries, Message, Rpc};
use crate::types::Ticket;

/// A term that is this far ahead of ours is not believed: nobody counts that far, and a term near
/// the end of its range would leave no room for another election.
const TERM_JUMP_MAX: u64 = 1 << 32;

impl Raft {
    /// An event is large, so it is read where it lies; what is kept of it is taken out.
    pub(super) fn handle(&mut self, event: &mut Event, effects: &mut Effects) {
        if matches!(self.role, Role::Halted(_)) {
            return Self::refuse_when_halted(event, effects);
        }
        match event {
            Event::Timeout => self.handle_timeout(effects),
            Event::Receive(message) => self.handle_message(message, effects),
            Event::Persisted(ticket) => self.handle_persisted(*ticket),
            Event::Propose { id, command } => self.handle_propose(*id, take(command), effects),
            Event::WriteTime => self.handle_write_time(),
            Event::Read { id } => self.handle_read(*id, effects),
            Event::LeaseRead { id } => self.handle_lease_read(*id, effects),
            Event::TransferLeadership { id, to, within } => {
                self.handle_transfer(*id, *to, *within, effects);
            }
            Event::Reconfigure { id, target, expected, force } => {
                self.handle_reconfigure(*id, take(target), *expected, *force, effects);
            }
            Event::Fetched { to, entries } => self.handle_fetched(*to, take(entries)),
            Event::Unreachable(peer) => self.handle_unreachable(*peer),
            Event::SnapshotTaken(index) => self.handle_snapshot_taken(*index),
            Event::SnapshotFetched(snapshot) => self.handle_snapshot_fetched(snapshot, effects),
            Event::SnapshotUnavailable(snapshot) => self.handle_snapshot_unavailable(*snapshot),
            Event::SnapshotMissing { to } => self.handle_snapshot_missing(*to),
        }
    }

    fn handle_persisted(&mut self, ticket: Ticket) {
        let was_durable = self.log.is_snapshot_durable();
        self.log.persist(ticket, self.now);
        self.is_compaction_due |= !was_durable && self.log.is_snapshot_durable();
    }

    fn refuse_when_halted(event: &Event, effects: &mut Effects) {
        if let Event::Propose { id, .. }
        | Event::Read { id }
        | Event::LeaseRead { id }
        | Event::TransferLeadership { id, .. }
        | Event::Reconfigure { id, .. } = *event
        {
            effects.push(Effect::Refused { id, why: Refusal::Halted });
        }
    }

    fn handle_timeout(&mut self, effects: &mut Effects) {
        match self.role {
            // Waits for several things, and looks at each of them.
            Role::Leader(_) => self.handle_leader_timeout(effects),
            _ if self.deadline().is_none_or(|deadline| self.now < deadline) => {}
            _ => self.handle_election_timeout(effects),
        }
    }

    fn handle_message(&mut self, message: &mut Message, effects: &mut Effects) {
        if !self.is_credible(message) {
            self.ignored_messages = self.ignored_messages.saturating_add(1);
            return;
        }
        let Message { from, term, ref mut rpc, .. } = *message;
        match rpc {
            // A question about a term to come, which leaves everything here as it is.
            Rpc::PreVote(request) => return self.handle_pre_vote(from, *request),
            // A server that hears its leader does not even adopt the term (thesis 4.2.3).
            Rpc::RequestVote(_) if term > self.hard_state.term && self.is_loyal() => {
                return self.suspect_clock(from);
            }
            // thesis 6.4.1
            Rpc::RequestVote(_) if self.is_bound() => return,
            _ => {}
        }
        // thesis 3.3: a server that sees a newer term adopts it and follows.
        if term > self.hard_state.term {
            self.become_follower_of_term(term, Cause::NewerTerm, effects);
        }
        let is_current = term == self.hard_state.term;
        match rpc {
            Rpc::RequestVote(request) | Rpc::RequestVoteInTransfer(request) => {
                self.handle_request_vote(from, is_current, *request, effects);
            }
            Rpc::TimeoutNow if is_current => self.handle_timeout_now(from, effects),
            Rpc::AppendEntries(request) => {
                self.handle_append_entries(from, is_current, request, effects);
            }
            Rpc::Heartbeat(heartbeat) => {
                self.handle_append_entries(from, is_current, &mut (*heartbeat).into(), effects);
            }
            Rpc::InstallSnapshot(request) => {
                self.handle_install_snapshot(from, is_current, request, effects);
            }
            Rpc::RequestVoteReply(reply) if is_current => {
                self.handle_request_vote_reply(from, *reply, effects);
            }
            Rpc::AppendEntriesReply(reply) if is_current => {
                self.handle_append_entries_reply(from, None, *reply);
            }
            Rpc::ForgetfulReply(answer) if is_current => {
                self.handle_append_entries_reply(from, Some(answer.life), answer.reply);
            }
            Rpc::Vouch(vouch) if is_current => self.handle_vouch(from, *vouch),
            Rpc::Doubt if is_current => self.handle_doubt(from),
            // Speaks of a term to come, from a server whose own term may be behind.
            Rpc::PreVoteReply(reply) => self.handle_pre_vote_reply(from, *reply, effects),
            // thesis 3.3: an answer to an earlier term is void.
            _ => {}
        }
    }

    /// Could an honest server have sent this? What passes may be stale, but contradicts neither
    /// itself nor arithmetic.
    fn is_credible(&self, message: &Message) -> bool {
        let newest = self.hard_state.term.0.saturating_add(TERM_JUMP_MAX);
        let is_sane = match &message.rpc {
            Rpc::AppendEntries(request) => request.is_sane_in(message.term),
            Rpc::Heartbeat(heartbeat) => AppendEntries::from(*heartbeat).is_sane_in(message.term),
            Rpc::InstallSnapshot(request) => request.is_sane_in(message.term),
            Rpc::PreVote(request) => {
                request.last.term <= message.term && request.next_term.0 <= newest
            }
            Rpc::RequestVote(request) | Rpc::RequestVoteInTransfer(request) => {
                request.last.term <= message.term
            }
            _ => true,
        };
        let id = self.config.id;
        is_sane && message.to == id && message.from != id && message.term.0 <= newest
    }
}
