//! The lane of the state machine: a slow command delays no heartbeat.

use alloc::boxed::Box;
use alloc::string::ToString;
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::node::{Answers, Input, Lane, Reign};
use quorate_core::snapshot::{Parser, Piece};
use quorate_core::wire::RequestBody;
use quorate_core::{Entries, Index, Instant, LogId, RequestId};

use crate::applier::{Applied, Applier, Read};
use crate::capture::Capture;
use crate::keeper::SessionKeeper;
use crate::timer_keeper::TimerKeeper;

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
    /// See [`Output::Capture`](quorate_core::node::Output::Capture).
    Capture(Index),
    /// See [`Output::CaptureMore`](quorate_core::node::Output::CaptureMore).
    CaptureMore,
    /// See [`Output::CaptureEnd`](quorate_core::node::Output::CaptureEnd).
    CaptureEnd,
    /// See [`Output::Restore`](quorate_core::node::Output::Restore).
    Restore {
        /// Which snapshot.
        snapshot: LogId,
        /// Its next bytes.
        bytes: Bytes,
    },
    /// See [`Output::Tend`](quorate_core::node::Output::Tend).
    Tend {
        /// By this server's clock.
        now: Instant,
        /// If it leads.
        reign: Option<Reign>,
    },
    /// See [`Output::Watch`](quorate_core::node::Output::Watch).
    Watch {
        /// The node's name for it.
        id: RequestId,
        /// For the state machine.
        watch: Bytes,
    },
    /// See [`Output::Forget`](quorate_core::node::Output::Forget).
    Forget(RequestId),
}

/// The most entries that are applied without waking the lane's thread. More of them are worth it:
/// the node goes on in the meantime.
const BRIEF_ENTRIES_MAX: usize = 16;

/// Owns the state machine and the sessions of its clients.
pub struct ApplyLane {
    applier: Applier,
    keeper: SessionKeeper,
    timers: TimerKeeper,
    applied: Applied,
    /// What is being written down, and as of which entry.
    capture: Option<(Index, Box<dyn Capture>)>,
    /// What is being loaded to take the place of the state.
    restoring: Option<(LogId, Parser)>,
    is_unfit: bool,
}

/// About how much of a state is written down between two runs of entries.
const PART_BYTES: usize = 256 << 10;

impl ApplyLane {
    /// The name of the requests that the lane makes itself: nobody waits for what comes of them.
    pub const NOBODY: u64 = u64::MAX;

    /// The lane of a replica; `keeper` finds the clients that are silent.
    pub fn new(applier: Applier, keeper: SessionKeeper) -> Self {
        let applied = Applied::default();
        let timers = TimerKeeper::default();
        let (capture, restoring) = (None, None);
        Self { applier, keeper, timers, applied, capture, restoring, is_unfit: false }
    }

    /// The replica, to look at.
    pub fn applier(&self) -> &Applier {
        &self.applier
    }

    fn apply(&mut self, entries: &Entries, answers: Answers, done: &mut Vec<Input>) {
        if let Err(why) = self.applier.apply(entries, &mut self.applied) {
            return self.be_unfit(why, done);
        }
        let all = &mut self.applied.answers;
        let answered = match answers {
            Answers::Wanted => all.drain(..).map(|answer| (answer.at, answer.outcome)).collect(),
            Answers::Unwanted => {
                all.clear();
                Vec::new()
            }
        };
        // Events come first: whoever is told that something is done has seen what came of it.
        self.tell(done);
        done.push(Input::Applied(self.applier.last_applied().index, answered));
        let (now, due) = (self.applier.now(), self.applier.timer_due());
        done.extend(self.timers.handle_applied(now, due).map(Input::TendIn));
    }

    fn tell(&mut self, done: &mut Vec<Input>) {
        for Read { id, reflects, outcome } in self.applied.reads.drain(..) {
            done.push(Input::Answered { id, index: reflects, answer: Some(outcome) });
        }
    }

    fn query(&mut self, id: RequestId, index: Index, query: Bytes, done: &mut Vec<Input>) {
        let last = self.applier.last_applied().index;
        if self.applier.query_at(index, id, query, &mut self.applied).is_err() {
            done.push(Input::Answered { id, index: last, answer: None });
        }
        if let Err(why) = self.applier.check_machines() {
            self.be_unfit(why, done);
        }
    }

    fn capture_more(&mut self, done: &mut Vec<Input>) {
        let Some((index, capture)) = &mut self.capture else { return };
        let (index, mut part) = (*index, Vec::new());
        let is_last = capture.write(&mut part, PART_BYTES);
        if let Err(why) = self.applier.check_machines() {
            return self.be_unfit(why, done);
        }
        if is_last {
            self.capture = None;
        }
        done.push(Input::Captured { index, part: part.into(), is_last });
    }

    fn restore(&mut self, snapshot: LogId, bytes: &[u8], done: &mut Vec<Input>) {
        let begun = self.restoring.take().filter(|(begun, _)| *begun == snapshot);
        let (_, mut parser) = begun.unwrap_or_else(|| {
            self.applier.abandon_loading();
            (snapshot, Parser::new())
        });
        let pushed = parser.push(bytes, |piece| {
            if let Piece::State(part) = piece {
                self.applier.load(part);
            }
        });
        if let Err(why) = pushed {
            return self.be_unfit(why, done);
        }
        let is_done = parser.complete().is_some();
        if is_done {
            self.capture = None;
            if let Err(why) = self.applier.restore_loaded(snapshot, &mut self.applied) {
                return self.be_unfit(why, done);
            }
        } else {
            self.restoring = Some((snapshot, parser));
        }
        done.push(Input::Restored { snapshot, is_done });
    }

    /// The state is of no use any more, and nothing is done with it.
    fn be_unfit(&mut self, why: impl ToString, done: &mut Vec<Input>) {
        self.is_unfit = true;
        self.applied.reads.clear();
        done.push(Input::Unfit(why.to_string()));
    }

    /// Looks after what only time brings, and says when it wants to do so again.
    fn tend(&mut self, now: Instant, reign: Option<Reign>, done: &mut Vec<Input>) {
        let Some(reign) = reign else {
            self.keeper.become_follower();
            return self.timers.become_follower();
        };
        if self.keeper.deadline().is_none() {
            self.keeper.become_leader(now);
        }
        let expired = self.keeper.poll(now, self.applier.sessions().activity());
        for envelope in self.applier.founding().into_iter().chain(expired) {
            let body = RequestBody::Propose { command: envelope.encode() };
            done.push(Input::Request { id: Self::NOBODY, body });
        }
        let again = self.keeper.deadline().map(|at| at.since(now));
        done.extend(again.map(Input::TendIn));
        if let Some(led) = reign.led {
            let estimate = self.applier.estimate(reign.term, led);
            let (written, due) = (self.applier.now(), self.applier.timer_due());
            let (is_time_wanted, again) = self.timers.tend(written, estimate, due);
            done.extend(is_time_wanted.then_some(Input::WriteTime));
            done.extend(again.map(Input::TendIn));
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
            ApplyOrder::Query { .. } | ApplyOrder::Watch { .. } | ApplyOrder::Forget(_) => {
                self.applier.is_brief()
            }
            ApplyOrder::Capture(_)
            | ApplyOrder::CaptureMore
            | ApplyOrder::CaptureEnd
            | ApplyOrder::Restore { .. }
            | ApplyOrder::Tend { .. } => false,
        }
    }

    fn step(&mut self, work: &mut Vec<ApplyOrder>, done: &mut Vec<Input>) {
        for order in work.drain(..) {
            if self.is_unfit {
                continue;
            }
            match order {
                ApplyOrder::Apply { entries, answers } => self.apply(&entries, answers, done),
                ApplyOrder::Query { id, index, query } => self.query(id, index, query, done),
                ApplyOrder::Capture(index) => {
                    assert_eq!(index, self.applier.last_applied().index, "the state as of now");
                    self.capture = Some((index, self.applier.capture()));
                    self.capture_more(done);
                }
                ApplyOrder::CaptureMore => self.capture_more(done),
                ApplyOrder::CaptureEnd => self.capture = None,
                ApplyOrder::Restore { snapshot, bytes } => self.restore(snapshot, &bytes, done),
                ApplyOrder::Tend { now, reign } => self.tend(now, reign, done),
                ApplyOrder::Watch { id, watch } => {
                    self.applier.watch(id, &watch, &mut self.applied);
                }
                ApplyOrder::Forget(id) => self.applier.cancel_read(id),
            }
            self.tell(done);
        }
    }
}
