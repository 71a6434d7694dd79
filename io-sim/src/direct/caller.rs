//! A caller: one client, that does one thing after the other.

use quorate_core::{Index, Instant};
use quorate_sm::courier::{
    Answered, CallError, ClientConfig, ConnectionId, Courier, Input, NewCall, Order,
};

use super::wires::Wires;
use crate::judge::{Checked, Freshness, Point, Sight};
use crate::net::HostId;
use crate::rng::Rng;
use crate::scenario::{CallingOptions, Options};
use crate::trace::Trace;
use crate::workload::{Subject, may_go_back};

/// A client, and what it does next.
pub(crate) struct Caller {
    pub(crate) host: HostId,
    /// Its number among the callers, from 0.
    number: u16,
    courier: Courier<()>,
    pub(crate) inputs: Vec<Input<()>>,
    pub(crate) orders: Vec<Order<()>>,
    pub(crate) wires: Wires<ConnectionId>,
    rng: Rng,
    is_waiting: bool,
    /// May the answer come from a server that is behind what was answered before?
    may_go_back: bool,
    sight: Sight,
    freshness: Freshness,
    /// When it calls next.
    next_at: u64,
    /// When it wants to be called.
    wakes_at: u64,
    pub(crate) done: u64,
    calls: u64,
    /// It calls this often, and then no more.
    calls_max: u64,
}

impl Caller {
    pub(crate) fn new(
        host: HostId,
        number: u16,
        addresses: Vec<String>,
        mut rng: Rng,
        options: &Options,
    ) -> Self {
        let CallingOptions { timeout, calls_max, .. } = options.calling;
        let config = ClientConfig { call_timeout: timeout, ..ClientConfig::default() };
        let (seed, nonce) = (rng.next(), u128::from(rng.next()) << 64 | u128::from(rng.next()));
        Self {
            host,
            number,
            courier: Courier::new(addresses, config, seed, nonce, Instant(0)),
            inputs: Vec::new(),
            orders: Vec::new(),
            wires: Wires::new(),
            rng,
            is_waiting: false,
            may_go_back: false,
            sight: Sight::default(),
            freshness: Freshness::new(options.raft.lease.is_some()),
            next_at: 0,
            wakes_at: 0,
            done: 0,
            calls: 0,
            calls_max: calls_max.unwrap_or(u64::MAX),
        }
    }

    /// When it wants to be called.
    pub(crate) fn timer(&self) -> u64 {
        self.wakes_at
    }

    /// All that has happened is taken in: thinks about when to wake up.
    pub(crate) fn rest(&mut self) {
        let next = if self.may_call() { self.next_at } else { u64::MAX };
        self.wakes_at = self.courier.deadline().0.min(next);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    fn may_call(&self) -> bool {
        !self.is_waiting && self.calls < self.calls_max
    }

    /// Calls as often as it likes.
    pub(crate) fn lift_limit(&mut self) {
        self.calls_max = u64::MAX;
        self.rest();
    }

    /// Asks for nothing more.
    pub(crate) fn retire(&mut self) {
        self.next_at = u64::MAX;
        self.rest();
    }

    /// Its number among the callers, and that of the call that it made last.
    pub(crate) fn call_name(&self) -> (u16, u64) {
        (self.number, self.calls)
    }

    /// Takes in what has happened, and calls if it is time; so much is committed anywhere.
    pub(crate) fn step(
        &mut self,
        now: u64,
        committed: Index,
        options: &CallingOptions,
        subject: &mut dyn Subject,
        trace: &mut Trace,
    ) {
        self.freshness.note(now, committed);
        if self.may_call() && self.next_at <= now {
            self.call(now, committed, options, subject, trace);
        }
        self.courier.step(Instant(now), &mut self.inputs, &mut self.orders);
    }

    /// An answer has come.
    pub(crate) fn answer(
        &mut self,
        now: u64,
        answer: Result<Answered, CallError>,
        options: &CallingOptions,
        subject: &mut dyn Subject,
        trace: &mut Trace,
    ) -> Checked<Option<Point>> {
        self.is_waiting = false;
        if let Ok(answered) = &answer {
            self.done += 1;
            match self.may_go_back {
                true => self.sight.reflects(answered.index)?,
                false => self.sight.see(answered.index)?,
            }
        }
        let told = trace.is_told().then(|| answer.clone());
        let ended = subject.ended(self.number, answer);
        trace.see(now, |recorder| recorder.ended(self.host, self.number, told, subject));
        let point = ended?;
        let pause = u64::try_from(options.pause_max.as_nanos()).expect("a short pause");
        if self.next_at < u64::MAX {
            self.next_at = now + self.rng.within(1, pause.max(1));
        }
        Ok(point)
    }

    fn call(
        &mut self,
        now: u64,
        committed: Index,
        options: &CallingOptions,
        subject: &mut dyn Subject,
        trace: &mut Trace,
    ) {
        let ask = subject.ask(self.number, &mut self.rng);
        trace.see(now, |recorder| recorder.called(self.host, self.number, &ask, subject));
        self.is_waiting = true;
        self.calls += 1;
        self.may_go_back = may_go_back(&ask);
        self.sight.ask(self.freshness.least(&ask, now, committed));
        let new = NewCall { ask, to: None, timeout: options.timeout, token: () };
        self.inputs.push(Input::Call(new));
    }
}
