//! A caller: one client of the key-value store, that does one thing after the other.

use bytes::Bytes;
use quorate_core::Instant;
use quorate_core::wire::Consistency;
use quorate_sm::courier::{
    Answered, Ask, CallError, ClientConfig, ConnectionId, Courier, Input, NewCall, Order,
};
use quorate_sm::kv::{Answer, Command, Expected, Query, QueryAnswer};
use quorate_sm::{Kv, MachineId, client};
use serde_json::{Value, json};

use super::wires::Wires;
use crate::history::{Call, RecordError, Recorder};
use crate::net::HostId;
use crate::rng::Rng;
use crate::scenario::{CallingOptions, Options, Sabotage};

/// A client, and what it does next.
pub(crate) struct Caller {
    pub(crate) host: HostId,
    courier: Courier<()>,
    pub(crate) inputs: Vec<Input<()>>,
    pub(crate) orders: Vec<Order<()>>,
    pub(crate) wires: Wires<ConnectionId>,
    rng: Rng,
    /// Its name in the history; another one after each call of unknown outcome.
    process: u64,
    calls: u64,
    /// What it waits for.
    asked: Option<Asked>,
    /// When it calls next.
    next_at: u64,
    pub(crate) done: u64,
    /// It calls this often, and then no more.
    calls_max: u64,
    sabotage: Sabotage,
}

/// What was asked: how to read the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Put,
    Delete,
    Swap,
    Count,
    Get,
}

impl Caller {
    pub(crate) fn new(
        host: HostId,
        addresses: Vec<String>,
        mut rng: Rng,
        options: &Options,
    ) -> Self {
        let CallingOptions { timeout, calls_max, .. } = options.calling;
        let config = ClientConfig { call_timeout: timeout, ..ClientConfig::default() };
        let (seed, nonce) = (rng.next(), u128::from(rng.next()) << 64 | u128::from(rng.next()));
        Self {
            host,
            courier: Courier::new(addresses, config, seed, nonce, Instant(0)),
            inputs: Vec::new(),
            orders: Vec::new(),
            wires: Wires::new(),
            rng,
            process: u64::from(host.0) << 32,
            calls: 0,
            asked: None,
            next_at: 0,
            done: 0,
            calls_max: calls_max.unwrap_or(u64::MAX),
            sabotage: options.sabotage,
        }
    }

    /// When it wants to be called.
    pub(crate) fn timer(&self) -> u64 {
        let is_free = self.asked.is_none() && self.calls < self.calls_max;
        let next = if is_free { self.next_at } else { u64::MAX };
        self.courier.deadline().0.min(next)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    /// Calls as often as it likes.
    pub(crate) fn lift_limit(&mut self) {
        self.calls_max = u64::MAX;
    }

    /// Asks for nothing more.
    pub(crate) fn retire(&mut self) {
        self.next_at = u64::MAX;
    }

    /// Takes in what has happened, and calls if it is time.
    pub(crate) fn step(&mut self, now: u64, options: &CallingOptions, recorder: &mut Recorder) {
        if self.asked.is_none() && self.next_at <= now && self.calls < self.calls_max {
            self.call(options, recorder);
        }
        self.courier.step(Instant(now), &mut self.inputs, &mut self.orders);
    }

    /// An answer has come.
    pub(crate) fn answer(
        &mut self,
        now: u64,
        answer: Result<Answered, CallError>,
        options: &CallingOptions,
        recorder: &mut Recorder,
    ) {
        let asked = self.asked.take().expect("one call at a time");
        let noted = match answer.map(|answered| read(asked, &answered.answer)) {
            Ok(Some(answer)) => {
                self.done += 1;
                let is_altered = self.lies(Sabotage::AlteredAnswers) && asked == Asked::Get;
                let answer = if is_altered { Some(json!("altered")) } else { answer };
                recorder.ok(self.process, answer)
            }
            // The machine declined: it had no effect.
            Ok(None) | Err(CallError::NotApplied(_)) => recorder.fail(self.process),
            Err(CallError::Unknown(_)) => {
                let noted = recorder.info(self.process);
                self.process += 1;
                noted
            }
        };
        noted.expect("one call at a time");
        let pause = u64::try_from(options.pause_max.as_nanos()).expect("a short pause");
        if self.next_at < u64::MAX {
            self.next_at = now + self.rng.within(1, pause.max(1));
        }
    }

    /// Is this the call about which a lie is told?
    fn lies(&self, how: Sabotage) -> bool {
        self.sabotage == how && self.calls.is_multiple_of(Sabotage::CALLS)
    }

    fn call(&mut self, options: &CallingOptions, recorder: &mut Recorder) {
        self.calls += 1;
        let key = format!("k{}", self.rng.below(options.keys));
        let key_bytes = Bytes::copy_from_slice(key.as_bytes());
        let name = format!("{}.{}", self.host.0, self.calls);
        let length = usize::try_from(self.rng.below(options.value_bytes_max + 1)).expect("short");
        let value = Bytes::from(format!("{name:.<length$}"));
        let (asked, call, ask) = match self.rng.below(10) {
            0..3 => {
                let call = Call::new("put").key(&key).argument(name);
                (Asked::Put, call, command(&Command::Put { key: key_bytes, value }))
            }
            3 => {
                let call = Call::new("put").key(&key).argument(Value::Null);
                (Asked::Delete, call, command(&Command::Delete { key: key_bytes }))
            }
            4 => {
                let call = Call::new("cas").key(&key).argument(json!([Value::Null, name]));
                let swap = Command::CompareAndSwap {
                    key: key_bytes,
                    expected: Expected::Absent,
                    value: Some(value),
                };
                (Asked::Swap, call, command(&swap))
            }
            5..7 => {
                let counter = format!("counter/{}", self.rng.below(2));
                let call = Call::new("incr").key(&counter).argument(1);
                let count = Command::Increment { key: counter.into(), by: 1 };
                (Asked::Count, call, command(&count))
            }
            _ => {
                let query = client::query::<Kv>(MachineId::FIRST, &Query::Get { key: key_bytes });
                let call = Call::new("get").key(&key);
                (Asked::Get, call, Ask::Query(Consistency::Linearizable, query))
            }
        };
        let invoked: Result<(), RecordError> = recorder.invoke(self.process, call);
        invoked.expect("one call at a time");
        if asked == Asked::Put && self.lies(Sabotage::ForgottenWrites) {
            return recorder.ok(self.process, None).expect("it was just invoked");
        }
        self.asked = Some(asked);
        let new = NewCall { ask, to: None, timeout: options.timeout, token: () };
        self.inputs.push(Input::Call(new));
    }
}

fn command(command: &Command) -> Ask {
    Ask::Command(postcard::to_allocvec(command).expect("a command can be encoded").into())
}

/// What the history says that the answer was; `None` if the machine declined.
fn read(asked: Asked, answer: &[u8]) -> Option<Option<Value>> {
    if asked == Asked::Get {
        let answer: QueryAnswer = postcard::from_bytes(answer).expect("an answer of the machine");
        let QueryAnswer::Value(found) = answer else { panic!("no value: {answer:?}") };
        return Some(Some(found.map_or(Value::Null, |found| unpad(&found.value))));
    }
    match (asked, postcard::from_bytes(answer).expect("an answer of the machine")) {
        (Asked::Put, Answer::Written { .. }) | (Asked::Delete, Answer::Removed { .. }) => {
            Some(None)
        }
        (Asked::Swap, Answer::Written { .. }) => Some(Some(json!(true))),
        (Asked::Swap, Answer::Conflict { .. }) => Some(Some(json!(false))),
        (Asked::Count, Answer::Number { value, .. }) => Some(Some(json!(value))),
        (_, Answer::Refused(_)) => None,
        (asked, answer) => panic!("{asked:?} was answered by {answer:?}"),
    }
}

/// The name in a value; a counter's is a number.
fn unpad(value: &[u8]) -> Value {
    let text = String::from_utf8_lossy(value);
    match text.parse::<i64>() {
        Ok(number) => json!(number),
        Err(_) => json!(text.trim_end_matches('.')),
    }
}
