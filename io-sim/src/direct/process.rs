//! A server while it runs: the node, its lanes, and what waits between them.

use std::cell::Cell;

use quorate_core::Instant;
use quorate_core::invariants::Watch;
use quorate_core::node::{ConnectionId, Idle, Input, Lane, LogLane, Node, Outputs};
use quorate_sm::ApplyLane;

use super::wires::Wires;
use crate::clock::Clock;
use crate::disk::SimDisk;
use crate::judge::{Given, Glance};
use crate::net::End;

/// From a start to an end.
pub(crate) struct Process {
    pub(crate) node: Node,
    pub(crate) watch: Watch,
    pub(crate) log: LaneDesk<LogLane<SimDisk>>,
    pub(crate) apply: LaneDesk<ApplyLane>,
    pub(crate) wires: Wires<ConnectionId>,
    /// Connections that were accepted so far.
    pub(crate) accepted: u64,
    /// What has happened since the last step.
    pub(crate) inputs: Vec<Input>,
    /// Is a step planned?
    pub(crate) is_stirred: bool,
    /// What the state machine was given.
    pub(crate) given: Given,
    /// The disk has failed.
    pub(crate) has_failed: bool,
    /// It was told to end, and does so once what is under way has ended.
    pub(crate) is_ending: bool,
    /// The node is done, and only the lanes go on.
    pub(crate) is_over: bool,
    /// When the node wants to be called, on the server's clock: known until its next step.
    pub(crate) deadline: Instant,
    pub(crate) due: Due,
}

/// When a server's clock shows what was asked for last: every server is asked at every moment, and
/// the answer seldom changes.
#[derive(Default)]
pub(crate) struct Due(Cell<Option<(Instant, Clock, u64)>>);

impl Due {
    /// The world's time at which the clock shows `at`.
    pub(crate) fn at(&self, at: Instant, clock: Clock) -> u64 {
        match self.0.get() {
            Some((known, by, when)) if (known, by) == (at, clock) => when,
            _ => {
                let when = clock.when(at);
                self.0.set(Some((at, clock, when)));
                when
            }
        }
    }
}

/// A lane, and what waits for it: the order of things is that of the threads that host lanes in
/// production.
pub(crate) struct LaneDesk<L: Lane> {
    pub(crate) lane: L,
    queue: Vec<L::Work>,
    is_busy: bool,
    /// Counts what it did, so that an idle moment is known to be one.
    steps: u64,
}

impl<L: Lane> LaneDesk<L> {
    pub(crate) fn new(lane: L) -> Self {
        Self { lane, queue: Vec::new(), is_busy: false, steps: 0 }
    }

    /// Takes an order. What is brief is done at once if nothing is before it; then this is what
    /// came of it.
    pub(crate) fn order(&mut self, work: L::Work) -> Vec<L::Done> {
        let mut done = Vec::new();
        if self.is_free() && self.lane.is_brief(&work) {
            self.lane.step(&mut vec![work], &mut done);
            self.lane.after_step(&mut done);
        } else {
            self.queue.push(work);
        }
        done
    }

    /// Does what has queued up, unless it is busy; what came of it, if there was something to do.
    /// It stays busy until [`LaneDesk::rest`].
    pub(crate) fn step(&mut self) -> Option<Vec<L::Done>> {
        if self.is_busy || self.queue.is_empty() {
            return None;
        }
        let mut done = Vec::new();
        self.is_busy = true;
        self.steps += 1;
        self.lane.step(&mut self.queue, &mut done);
        Some(done)
    }

    /// Everybody knows what came of the step; what comes of the rest of it.
    pub(crate) fn after_step(&mut self) -> Vec<L::Done> {
        let mut done = Vec::new();
        self.lane.after_step(&mut done);
        done
    }

    pub(crate) fn rest(&mut self) {
        self.is_busy = false;
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Has it nothing to do?
    pub(crate) fn is_free(&self) -> bool {
        !self.is_busy && self.queue.is_empty()
    }

    /// Uses a moment in which nothing happened since the step of this number; `None` if something
    /// did. It is busy from then on.
    pub(crate) fn idle(&mut self, since: u64) -> Option<(Vec<L::Done>, Idle)> {
        if !self.is_free() || self.steps != since {
            return None;
        }
        let mut done = Vec::new();
        self.is_busy = true;
        let idle = self.lane.idle(&mut done);
        Some((done, idle))
    }

    /// There will be no more orders.
    ///
    /// # Panics
    /// If there is something to do.
    pub(crate) fn finish(self) -> Vec<L::Done> {
        assert!(self.is_free(), "a lane finishes when all is done");
        let mut done = Vec::new();
        self.lane.finish(&mut done);
        done
    }
}

impl Process {
    pub(crate) fn glance(&self) -> Glance {
        Glance::of(self.node.raft().status())
    }

    /// Lets the node take in what has happened.
    pub(crate) fn step(&mut self, now: Instant, out: &mut Outputs) {
        self.is_stirred = false;
        self.node.step(now, &mut self.inputs, out);
        self.deadline = self.node.deadline().unwrap_or(Instant(u64::MAX));
    }

    /// Somebody connected.
    pub(crate) fn accept(&mut self, end: End) -> ConnectionId {
        let name = ConnectionId::accepted(self.accepted);
        self.accepted += 1;
        self.wires.join(name, end);
        name
    }
}
