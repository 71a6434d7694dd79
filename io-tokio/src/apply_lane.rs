//! The lane of the state machine: a slow command delays no heartbeat.

use bytes::Bytes;
use quorate_core::node::{Answers, Input};
use quorate_core::wire::RequestBody;
use quorate_core::{Entries, Index, Instant, RequestId};
use quorate_sm::{Applied, Applier, SessionKeeper};

use crate::lane::Lane;

/// Orders for the state machine.
#[derive(Debug)]
pub(crate) enum ApplyWork {
    Apply {
        entries: Entries,
        answers: Answers,
    },
    Query {
        id: RequestId,
        index: Index,
        query: Bytes,
    },
    /// This server leads from now on, or no longer.
    Lead(Option<Instant>),
    /// Time to look for clients that are silent.
    Look(Instant),
}

/// The name of requests that nobody waits for.
pub(crate) const NOBODY: u64 = u64::MAX;

/// The most entries that are applied without waking the lane's thread. More of them are worth it:
/// the node goes on in the meantime.
const BRIEF_ENTRIES_MAX: usize = 16;

/// Owns the state machine and the sessions of its clients.
pub(crate) struct ApplyLane {
    applier: Applier,
    keeper: SessionKeeper,
    applied: Applied,
}

impl ApplyLane {
    pub(crate) fn new(applier: Applier, keeper: SessionKeeper) -> Self {
        Self { applier, keeper, applied: Applied::default() }
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
            done.push(Input::Request { id: NOBODY, body });
        }
    }
}

impl Lane for ApplyLane {
    type Work = ApplyWork;
    type Done = Input;

    fn is_brief(&self, work: &ApplyWork) -> bool {
        match work {
            ApplyWork::Apply { entries, .. } => {
                self.applier.is_brief() && entries.len() <= BRIEF_ENTRIES_MAX
            }
            ApplyWork::Query { .. } => self.applier.is_brief(),
            ApplyWork::Lead(_) | ApplyWork::Look(_) => false,
        }
    }

    fn step(&mut self, work: &mut Vec<ApplyWork>, done: &mut Vec<Input>) {
        for order in work.drain(..) {
            match order {
                ApplyWork::Apply { entries, answers } => self.apply(&entries, answers, done),
                ApplyWork::Query { id, index, query } => {
                    let index_now = self.applier.last_applied().index;
                    if self.applier.query_at(index, id, query, &mut self.applied).is_err() {
                        done.push(Input::Answered { id, index: index_now, answer: None });
                    }
                }
                ApplyWork::Lead(Some(since)) => self.keeper.become_leader(since),
                ApplyWork::Lead(None) => self.keeper.become_follower(),
                ApplyWork::Look(now) => self.expire(now, done),
            }
            self.answer_reads(done);
        }
    }
}
