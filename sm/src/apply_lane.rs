//! The lane of the state machine: a slow command delays no heartbeat.

use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::node::{Answers, Input, Lane};
use quorate_core::wire::RequestBody;
use quorate_core::{Entries, Index, Instant, RequestId};

use crate::applier::{Applied, Applier};
use crate::keeper::SessionKeeper;

/// An order for the state machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ApplyOrder {
    /// See [`Output::Apply`](quorate_core::node::Output::Apply).
    Apply {
        /// The next committed entries.
        entries: Entries,
        /// Is what comes of them wanted?
        answers: Answers,
    },
    /// See [`Output::Query`](quorate_core::node::Output::Query).
    Query {
        /// The node's name for the query.
        id: RequestId,
        /// The state must include this entry.
        index: Index,
        /// For the state machine.
        query: Bytes,
    },
    /// This server leads from now on, or no longer.
    Lead(Option<Instant>),
    /// Time to look for clients that are silent.
    Look(Instant),
}

/// The most entries that are applied without waking the lane's thread. More of them are worth it:
/// the node goes on in the meantime.
const BRIEF_ENTRIES_MAX: usize = 16;

/// Owns the state machine and the sessions of its clients.
pub struct ApplyLane {
    applier: Applier,
    keeper: SessionKeeper,
    applied: Applied,
}

impl ApplyLane {
    /// The name of the requests that the lane makes itself: nobody waits for what comes of them.
    pub const NOBODY: u64 = u64::MAX;

    /// The lane of a replica; `keeper` finds the clients that are silent.
    pub fn new(applier: Applier, keeper: SessionKeeper) -> Self {
        Self { applier, keeper, applied: Applied::default() }
    }

    /// The replica, to look at.
    pub fn applier(&self) -> &Applier {
        &self.applier
    }

    fn apply(&mut self, entries: &Entries, answers: Answers, done: &mut Vec<Input>) {
        self.applier.apply(entries, &mut self.applied);
        let answered = self.applied.answers.drain(..).map(|answer| (answer.at, answer.outcome));
        let answered = match answers {
            Answers::Wanted => answered.collect(),
            Answers::Unwanted => Vec::new(),
        };
        done.push(Input::Applied(self.applier.last_applied().index, answered));
    }

    fn answer_reads(&mut self, done: &mut Vec<Input>) {
        let index = self.applier.last_applied().index;
        for (id, answer) in self.applied.reads.drain(..) {
            done.push(Input::Answered { id, index, answer: Some(answer) });
        }
    }

    fn expire(&mut self, now: Instant, done: &mut Vec<Input>) {
        for envelope in self.keeper.poll(now, self.applier.sessions().activity()) {
            let body = RequestBody::Propose { command: envelope.encode() };
            done.push(Input::Request { id: Self::NOBODY, body });
        }
    }
}

impl Lane for ApplyLane {
    type Work = ApplyOrder;
    type Done = Input;

    fn is_brief(&self, work: &ApplyOrder) -> bool {
        match work {
            ApplyOrder::Apply { entries, .. } => {
                self.applier.is_brief() && entries.len() <= BRIEF_ENTRIES_MAX
            }
            ApplyOrder::Query { .. } => self.applier.is_brief(),
            ApplyOrder::Lead(_) | ApplyOrder::Look(_) => false,
        }
    }

    fn step(&mut self, work: &mut Vec<ApplyOrder>, done: &mut Vec<Input>) {
        for order in work.drain(..) {
            match order {
                ApplyOrder::Apply { entries, answers } => self.apply(&entries, answers, done),
                ApplyOrder::Query { id, index, query } => {
                    let index_now = self.applier.last_applied().index;
                    if self.applier.query_at(index, id, query, &mut self.applied).is_err() {
                        done.push(Input::Answered { id, index: index_now, answer: None });
                    }
                }
                ApplyOrder::Lead(Some(since)) => self.keeper.become_leader(since),
                ApplyOrder::Lead(None) => self.keeper.become_follower(),
                ApplyOrder::Look(now) => self.expire(now, done),
            }
            self.answer_reads(done);
        }
    }
}
