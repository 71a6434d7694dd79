//! Requests: from clients, from within the process, and from peers that pass them on. Each ends in
//! exactly one outcome.

use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;

use super::calls::Callee;
use super::io::{Note, Output, Outputs};
use super::link::Lane;
use super::requests::{Kind, Origin, Pending};
use super::{Node, Phase};
use crate::effect::{Refusal, Stopped};
use crate::event::Event;
use crate::types::{Index, LogId, NodeId, RequestId};
use crate::wire::{
    ClientMessage, Consistency, Forward, ForwardBody, ForwardOutcome, Forwarded, NotApplied,
    Outcome, PeerMessage, RequestBody, Response, Unknown,
};

impl Node {
    pub(super) fn serve(&mut self, origin: Origin, body: RequestBody, out: &mut Outputs) {
        // Neither has to do with the log.
        let body = match body {
            RequestBody::Status => return self.respond_with_status(origin, out),
            RequestBody::Call { service, function, within_ms, arguments } => {
                let callee = Callee { service, function, within_ms, arguments };
                return self.call(origin, callee, out);
            }
            body => body,
        };
        if let Err(why) = self.admit() {
            return self.respond(origin, Outcome::NotApplied(why), out);
        }
        match body {
            RequestBody::Propose { command } => self.propose(origin, command, out),
            RequestBody::Query { consistency: Consistency::Stale, query } => {
                let id = self.begin(origin, Kind::ReadIndex);
                let index = self.applied();
                out.push(Output::Query { id, index, query });
            }
            RequestBody::Query { consistency: Consistency::AtLeast(index), query } => {
                // Whoever is behind for so long had better not be waited for.
                let patience = self.config.raft.election_timeout;
                let id = self.begin_for(origin, Kind::Query(Bytes::new()), patience);
                out.push(Output::Query { id, index, query });
            }
            RequestBody::Query { consistency, query } => {
                let is_bounded = matches!(consistency, Consistency::Bounded { .. });
                if let Consistency::Bounded { age_max_ms } = consistency
                    && let Some((index, age)) = self.freshness.within(self.now, age_max_ms)
                {
                    let id = self.begin(origin, Kind::Bounded(Bytes::new(), age));
                    return out.push(Output::Query { id, index, query });
                }
                if self.is_blind() {
                    let why = self.not_leader(self.raft.status().leader);
                    return self.respond(origin, Outcome::NotApplied(why), out);
                }
                let id = self.begin(
                    origin,
                    match is_bounded {
                        true => Kind::Bounded(query, Duration::ZERO),
                        false => Kind::Query(query),
                    },
                );
                if self.is_leader() {
                    self.events.push(match consistency {
                        Consistency::Lease => Event::LeaseRead { id },
                        Consistency::Linearizable
                        | Consistency::Stale
                        | Consistency::AtLeast(_)
                        | Consistency::Bounded { .. } => Event::Read { id },
                    });
                } else {
                    self.queries.push(id);
                }
            }
            RequestBody::TransferLeadership { to } => self.transfer_leadership(origin, to),
            RequestBody::Reconfigure { target, expected, force } => {
                let id = self.begin_for(origin, Kind::Reconfigure, self.config.reconfigure_timeout);
                self.events.push(Event::Reconfigure { id, target, expected, force });
            }
            RequestBody::Entries(range) => self.give_entries(origin, range, out),
            RequestBody::Watch { watch } => self.watch(origin, watch, out),
            RequestBody::Forget { id } => self.forget_watch(origin, id, out),
            RequestBody::Status | RequestBody::Call { .. } => {}
        }
    }

    pub(super) fn handle_reconfigured(&mut self, id: RequestId, at: Index, out: &mut Outputs) {
        self.finish(id, Outcome::Done { index: at, answer: Bytes::new() }, out);
    }

    pub(super) fn handle_reconfiguration_stopped(
        &mut self,
        id: RequestId,
        why: Stopped,
        out: &mut Outputs,
    ) {
        match why {
            // The next leader may find two majorities in its log, and complete the change.
            Stopped::LeadershipLost => {
                self.end_without_answer(id, Unknown::LeadershipLost, out);
            }
            why => self.finish(id, Outcome::Stopped(why), out),
        }
    }

    /// For about an election timeout: thesis 3.10.
    pub(super) fn transfer_leadership(&mut self, origin: Origin, to: Option<NodeId>) {
        let id = self.begin(origin, Kind::Transfer);
        let within = self.config.raft.election_timeout;
        self.events.push(Event::TransferLeadership { id, to, within });
    }

    pub(super) fn handle_transferred(&mut self, id: RequestId, out: &mut Outputs) {
        let (index, answer) = (self.applied(), Bytes::new());
        self.finish(id, Outcome::Done { index, answer }, out);
    }

    /// A peer passes a request on to us, or the outcome of one of ours back.
    pub(super) fn handle_peer_message(
        &mut self,
        from: NodeId,
        message: PeerMessage,
        out: &mut Outputs,
    ) {
        match message {
            PeerMessage::KeepAlive => {}
            PeerMessage::SnapshotAsk(ask) => self.handle_snapshot_ask(from, ask, out),
            PeerMessage::SnapshotPart(part) => self.handle_snapshot_part(from, part, out),
            PeerMessage::SnapshotNone(snapshot) => self.handle_snapshot_none(from, snapshot),
            PeerMessage::Reachable { address } => self.handle_reachable(from, address),
            PeerMessage::Priority(priority) => self.handle_priority(from, priority),
            PeerMessage::Forwarded(Forwarded { id, outcome }) => {
                let id = RequestId(id);
                // Only the server that was asked may answer.
                if self.requests.get_mut(id).is_some_and(|ours| ours.passed_to == Some(from)) {
                    self.end_by_peer(id, outcome, out);
                }
            }
            PeerMessage::Forward(Forward { id, body, .. }) => {
                let origin = Origin::Peer { node: from, id };
                if let Err(why) = self.admit() {
                    return self.respond(origin, Outcome::NotApplied(why), out);
                }
                // What was passed on once is not passed on again: the core refuses what it cannot
                // do, and whoever asked first tries another server.
                match body {
                    ForwardBody::Propose { command } => {
                        let id = self.begin_proposal(origin, out);
                        self.events.push(Event::Propose { id, command });
                    }
                    ForwardBody::ReadIndex => {
                        let id = self.begin(origin, Kind::ReadIndex);
                        self.events.push(Event::Read { id });
                    }
                }
            }
        }
    }

    fn propose(&mut self, origin: Origin, command: Bytes, out: &mut Outputs) {
        let leader = self.raft.status().leader;
        let id = self.begin_proposal(origin, out);
        match leader {
            Some(leader) if leader != self.config.raft.id => {
                let body = ForwardBody::Propose { command };
                if !self.pass_on(id, leader, Lane::Bulk, body) {
                    self.end_as_not_leader(id, Some(leader), out);
                }
            }
            // The core knows best, also that there is no leader.
            _ => self.events.push(Event::Propose { id, command }),
        }
    }

    /// One question to the leader for all queries of this step (thesis 6.4.1): it names an index,
    /// and this server answers once it has applied it.
    pub(super) fn ask_leader(&mut self, out: &mut Outputs) {
        if self.queries.is_empty() {
            return;
        }
        let queries = core::mem::take(&mut self.queries);
        let leader = self.raft.status().leader;
        let Some(leader) = leader.filter(|&leader| leader != self.config.raft.id) else {
            // Elected or deposed since the queries came in: the core knows best.
            self.events.extend(queries.into_iter().map(|id| Event::Read { id }));
            return;
        };
        let id = self.begin(Origin::Queries(queries), Kind::ReadIndex);
        if !self.pass_on(id, leader, Lane::Urgent, ForwardBody::ReadIndex) {
            self.end_as_not_leader(id, Some(leader), out);
        }
    }

    fn pass_on(&mut self, id: RequestId, leader: NodeId, lane: Lane, body: ForwardBody) -> bool {
        if let Some(pending) = self.requests.get_mut(id) {
            pending.passed_to = Some(leader);
        }
        let forward = Forward { id: id.0, hops: 0, body };
        self.send_peer_message(leader, lane, &PeerMessage::Forward(forward))
    }

    fn admit(&self) -> Result<(), NotApplied> {
        self.admit_anything()?;
        let is_full = self.requests.ordinary() >= self.config.requests_max
            || self.unapplied() > self.config.unapplied_entries_max;
        if is_full { Err(NotApplied::Busy) } else { Ok(()) }
    }

    pub(super) fn admit_anything(&self) -> Result<(), NotApplied> {
        if self.phase == Phase::Serving { Ok(()) } else { Err(NotApplied::ShuttingDown) }
    }

    /// Does it not get to see what others commit? That is applied here once it is durable here, so
    /// queries would wait for the disk, while the leader can answer them.
    pub(super) fn is_blind(&self) -> bool {
        self.raft.status().disk_hangs && !self.is_leader()
    }

    pub(super) fn is_leader(&self) -> bool {
        self.raft.status().leader == Some(self.config.raft.id)
    }

    fn begin_proposal(&mut self, origin: Origin, out: &mut Outputs) -> RequestId {
        let id = self.begin(origin, Kind::Propose);
        out.push(Output::Note(Note::ProposalBegan(id)));
        id
    }

    pub(super) fn begin(&mut self, origin: Origin, kind: Kind) -> RequestId {
        self.begin_for(origin, kind, self.config.request_timeout)
    }

    pub(super) fn begin_for(&mut self, origin: Origin, kind: Kind, time: Duration) -> RequestId {
        let (since, deadline) = (self.now, self.now.after(time));
        self.requests.insert(Pending { origin, kind, passed_to: None, since, deadline })
    }

    /// The core gave a proposal a place in the log.
    pub(super) fn handle_proposal_accepted(&mut self, id: RequestId, at: LogId, out: &mut Outputs) {
        // Cut from this log, but not from all: a later leader may yet commit it.
        while let Some(replaced) = self.proposals.pop_replaced(at) {
            self.end_without_answer(replaced, Unknown::LeadershipLost, out);
        }
        self.proposals.accept(at, id);
    }

    pub(super) fn handle_refused(&mut self, id: RequestId, why: Refusal, out: &mut Outputs) {
        let why = match why {
            Refusal::NotLeader { leader } => return self.end_as_not_leader(id, leader, out),
            Refusal::Busy | Refusal::Transferring => NotApplied::Busy,
            Refusal::TooLarge { bytes, bytes_max } => NotApplied::TooLarge { bytes, bytes_max },
            Refusal::LeadershipLost => NotApplied::LeadershipLost,
            Refusal::NoSuccessor => NotApplied::NoSuccessor,
            Refusal::TransferTimedOut => NotApplied::TransferTimedOut,
            Refusal::Halted => NotApplied::Halted,
            Refusal::MembershipIs { at } => NotApplied::MembershipIs { at },
            Refusal::ChangeUnderWay => NotApplied::ChangeUnderWay,
            Refusal::JointTarget => NotApplied::JointTarget,
        };
        self.end_as_not_applied(id, why, out);
    }

    /// A query may be served from `index` on.
    pub(super) fn handle_read_ready(&mut self, id: RequestId, index: Index, out: &mut Outputs) {
        let Some(pending) = self.requests.get_mut(id) else { return };
        match &mut pending.kind {
            Kind::Query(query) => {
                let query = core::mem::take(query);
                out.push(Output::Query { id, index, query });
            }
            Kind::Bounded(query, _) => {
                let query = core::mem::take(query);
                self.freshness.learn(pending.since, index);
                out.push(Output::Query { id, index, query });
            }
            Kind::ReadIndex
            | Kind::Propose
            | Kind::Transfer
            | Kind::Reconfigure
            | Kind::Watch
            | Kind::Call { .. }
            | Kind::Entries(_) => self.end_with_index(id, index, out),
        }
    }

    /// A question for an index has its answer.
    fn end_with_index(&mut self, id: RequestId, index: Index, out: &mut Outputs) {
        let Some(pending) = self.requests.remove(id) else { return };
        match pending.origin {
            Origin::Queries(queries) => {
                queries.into_iter().for_each(|query| self.handle_read_ready(query, index, out));
            }
            Origin::Peer { node, id } => {
                self.answer_peer(node, id, ForwardOutcome::ReadIndex { index });
            }
            Origin::Client { .. } | Origin::Local { .. } | Origin::Node => {
                unreachable!("nobody but peers and queries asks for an index")
            }
        }
    }

    /// Entries were applied: answers the requests that they carry.
    pub(super) fn handle_applied(
        &mut self,
        index: Index,
        answers: Vec<(LogId, Bytes)>,
        out: &mut Outputs,
    ) {
        for (applied, answer) in answers {
            while let Some((at, id)) = self.proposals.pop_up_to(applied.index) {
                if at == applied {
                    let index = at.index;
                    self.finish(id, Outcome::Done { index, answer: answer.clone() }, out);
                } else {
                    // Another entry was committed in its place (thesis 3.5).
                    self.end_as_not_applied(id, NotApplied::LeadershipLost, out);
                }
            }
        }
        self.feed.apply(index);
    }

    pub(super) fn handle_answered(
        &mut self,
        id: RequestId,
        index: Index,
        answer: Option<Bytes>,
        out: &mut Outputs,
    ) {
        match answer {
            Some(answer) => {
                let outcome = match self.requests.get_mut(id).map(|pending| &pending.kind) {
                    Some(Kind::Bounded(_, age)) => {
                        let age_us = u64::try_from(age.as_micros()).unwrap_or(u64::MAX);
                        Outcome::Aged { index, age_us, answer }
                    }
                    _ => Outcome::Done { index, answer },
                };
                self.finish(id, outcome, out);
            }
            None => self.end_as_not_applied(id, NotApplied::Busy, out),
        }
    }

    fn end_by_peer(&mut self, id: RequestId, outcome: ForwardOutcome, out: &mut Outputs) {
        match outcome {
            ForwardOutcome::Done { index, answer } => {
                self.finish(id, Outcome::Done { index, answer }, out);
            }
            ForwardOutcome::ReadIndex { index } => match self.requests.get_mut(id) {
                Some(pending) if matches!(pending.origin, Origin::Queries(_)) => {
                    self.end_with_index(id, index, out);
                }
                // The peer answers a proposal with an index: it may have carried it out.
                _ => self.end_without_answer(id, Unknown::ConnectionLost, out),
            },
            ForwardOutcome::NotApplied(why) => self.end_as_not_applied(id, why, out),
            ForwardOutcome::Unknown(why) => self.end_without_answer(id, why, out),
        }
    }

    pub(super) fn end_as_not_leader(
        &mut self,
        id: RequestId,
        leader: Option<NodeId>,
        out: &mut Outputs,
    ) {
        self.end_as_not_applied(id, self.not_leader(leader), out);
    }

    fn not_leader(&self, leader: Option<NodeId>) -> NotApplied {
        NotApplied::NotLeader { leader, address: self.leader_address(leader) }
    }

    pub(super) fn end_as_not_applied(&mut self, id: RequestId, why: NotApplied, out: &mut Outputs) {
        self.finish(id, Outcome::NotApplied(why), out);
    }

    /// Nobody can say what became of a command; a query without an answer did nothing.
    pub(super) fn end_without_answer(&mut self, id: RequestId, why: Unknown, out: &mut Outputs) {
        let Some(pending) = self.requests.get_mut(id) else { return };
        match &pending.kind {
            Kind::Propose | Kind::Transfer | Kind::Reconfigure => {
                self.finish(id, Outcome::Unknown(why), out);
            }
            Kind::Call { .. } => {
                out.push(Output::Forget(id));
                self.finish(id, Outcome::Unknown(why), out);
            }
            kind @ (Kind::Query(_)
            | Kind::Bounded(..)
            | Kind::ReadIndex
            | Kind::Entries(_)
            | Kind::Watch) => {
                if matches!(kind, Kind::Query(_) | Kind::Bounded(..)) {
                    out.push(Output::Forget(id));
                }
                let (leader, address) = (None, None);
                self.end_as_not_applied(id, NotApplied::NotLeader { leader, address }, out);
            }
        }
    }

    pub(super) fn finish(&mut self, id: RequestId, outcome: Outcome, out: &mut Outputs) {
        if let Some(pending) = self.requests.remove(id) {
            if matches!(pending.kind, Kind::Propose) {
                out.push(Output::Note(Note::ProposalEnded(id)));
            }
            self.respond(pending.origin, outcome, out);
        }
    }

    pub(super) fn respond(&mut self, origin: Origin, outcome: Outcome, out: &mut Outputs) {
        match origin {
            Origin::Client { connection, id } => {
                let group = self.group();
                let response = ClientMessage::Response(Response { id, outcome });
                self.say(connection, |bytes| response.encode(group, bytes));
            }
            Origin::Local { id } => out.push(Output::Respond { id, outcome }),
            Origin::Peer { node, id } => {
                let outcome = match outcome {
                    Outcome::Done { index, answer } => ForwardOutcome::Done { index, answer },
                    Outcome::NotApplied(why) => ForwardOutcome::NotApplied(why),
                    Outcome::Unknown(why) => ForwardOutcome::Unknown(why),
                    Outcome::Stopped(_) | Outcome::Aged { .. } => {
                        unreachable!("no peer asks for another membership, or for an age")
                    }
                };
                self.answer_peer(node, id, outcome);
            }
            Origin::Node => {}
            Origin::Queries(queries) => {
                queries.into_iter().for_each(|query| self.finish(query, outcome.clone(), out));
            }
        }
    }

    fn answer_peer(&mut self, node: NodeId, id: u64, outcome: ForwardOutcome) {
        let answer = PeerMessage::Forwarded(Forwarded { id, outcome });
        // If there is no way back, the asker's own time limit ends the request.
        let _was_sent = self.send_peer_message(node, Lane::Urgent, &answer);
    }

    fn respond_with_status(&mut self, origin: Origin, out: &mut Outputs) {
        let status = postcard::to_allocvec(&self.status()).expect("a status has no unsized parts");
        let outcome = Outcome::Done { index: self.applied(), answer: status.into() };
        self.respond(origin, outcome, out);
    }
}
