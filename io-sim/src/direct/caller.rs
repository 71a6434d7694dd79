//! A caller: one client of the key-value store, that does one thing after the other.

use std::time::Duration;

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
use crate::judge::{Checked, Ending, Point, Sight, Values};
use crate::net::HostId;
use crate::rng::Rng;

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
    sight: Sight,
    /// When it calls next.
    next_at: u64,
    /// When it wants to be called.
    wakes_at: u64,
    pub(crate) done: u64,
}

/// What was asked, and the value that it writes or the counter that it counts.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Asked {
    Put(String),
    Delete,
    Swap(String),
    Count(String),
    Get,
}

/// How callers call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct CallerOptions {
    /// Keys that all share.
    pub(crate) keys: u64,
    /// Between two calls, at most.
    pub(crate) pause_max: Duration,
    /// How long a call may take.
    pub(crate) timeout: Duration,
    /// The longest value.
    pub(crate) value_bytes_max: u64,
}

impl Caller {
    pub(crate) fn new(
        host: HostId,
        addresses: Vec<String>,
        mut rng: Rng,
        timeout: Duration,
    ) -> Self {
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
            sight: Sight::default(),
            next_at: 0,
            wakes_at: 0,
            done: 0,
        }
    }

    /// When it wants to be called.
    pub(crate) fn timer(&self) -> u64 {
        self.wakes_at
    }

    /// All that has happened is taken in: thinks about when to wake up.
    pub(crate) fn rest(&mut self) {
        let next = if self.asked.is_none() { self.next_at } else { u64::MAX };
        self.wakes_at = self.courier.deadline().0.min(next);
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.asked.is_some()
    }

    /// Asks for nothing more.
    pub(crate) fn retire(&mut self) {
        self.next_at = u64::MAX;
        self.rest();
    }

    /// Takes in what has happened, and calls if it is time.
    pub(crate) fn step(
        &mut self,
        now: u64,
        options: &CallerOptions,
        recorder: &mut Recorder,
        values: &mut Values,
    ) {
        if self.asked.is_none() && self.next_at <= now {
            self.call(options, recorder, values);
        }
        self.courier.step(Instant(now), &mut self.inputs, &mut self.orders);
    }

    /// An answer has come.
    pub(crate) fn answer(
        &mut self,
        now: u64,
        answer: Result<Answered, CallError>,
        options: &CallerOptions,
        recorder: &mut Recorder,
        values: &mut Values,
    ) -> Checked<Option<Point>> {
        let asked = self.asked.take().expect("one call at a time");
        if let Ok(answered) = &answer {
            self.sight.see(answered.index)?;
        }
        let (noted, ending) = match answer.map(|answered| read(&asked, &answered.answer)) {
            Ok(Some(answer)) => {
                self.done += 1;
                if let (Asked::Get, Some(Value::String(value))) = (&asked, &answer) {
                    values.see(value)?;
                }
                (recorder.ok(self.process, answer), Ending::Done)
            }
            // The machine declined: it had no effect.
            Ok(None) | Err(CallError::NotApplied(_)) => {
                (recorder.fail(self.process), Ending::Refused)
            }
            Err(CallError::Unknown(_)) => {
                let noted = recorder.info(self.process);
                self.process += 1;
                (noted, Ending::Unknown)
            }
        };
        noted.expect("one call at a time");
        match &asked {
            Asked::Put(value) | Asked::Swap(value) => values.end(value, ending)?,
            Asked::Count(counter) => values.count(counter, ending),
            Asked::Delete | Asked::Get => {}
        }
        let pause = u64::try_from(options.pause_max.as_nanos()).expect("a short pause");
        if self.next_at < u64::MAX {
            self.next_at = now + self.rng.within(1, pause.max(1));
        }
        Ok(match (asked, ending) {
            (Asked::Get, Ending::Done) => Some(Point::ReadConfirmed),
            (Asked::Get, Ending::Refused) => Some(Point::ReadRefused),
            (_, Ending::Unknown) => Some(Point::OutcomeUnknown),
            _ => None,
        })
    }

    fn call(&mut self, options: &CallerOptions, recorder: &mut Recorder, values: &mut Values) {
        self.calls += 1;
        let key = format!("k{}", self.rng.below(options.keys));
        let key_bytes = Bytes::copy_from_slice(key.as_bytes());
        let name = format!("{}.{}", self.host.0, self.calls);
        let length = usize::try_from(self.rng.below(options.value_bytes_max + 1)).expect("short");
        let value = Bytes::from(format!("{name:.<length$}"));
        let (asked, call, ask) = match self.rng.below(10) {
            0..3 => {
                let call = Call::new("put").key(&key).argument(name.clone());
                values.ask(&name);
                (Asked::Put(name), call, command(&Command::Put { key: key_bytes, value }))
            }
            3 => {
                let call = Call::new("put").key(&key).argument(Value::Null);
                (Asked::Delete, call, command(&Command::Delete { key: key_bytes }))
            }
            4 => {
                let call = Call::new("cas").key(&key).argument(json!([Value::Null, name]));
                values.ask(&name);
                let swap = Command::CompareAndSwap {
                    key: key_bytes,
                    expected: Expected::Absent,
                    value: Some(value),
                };
                (Asked::Swap(name), call, command(&swap))
            }
            5..7 => {
                let counter = format!("counter/{}", self.rng.below(2));
                let call = Call::new("incr").key(&counter).argument(1);
                let count = Command::Increment { key: counter.clone().into(), by: 1 };
                (Asked::Count(counter), call, command(&count))
            }
            _ => {
                let query = client::query::<Kv>(MachineId::FIRST, &Query::Get { key: key_bytes });
                let call = Call::new("get").key(&key);
                (Asked::Get, call, Ask::Query(Consistency::Linearizable, query))
            }
        };
        let invoked: Result<(), RecordError> = recorder.invoke(self.process, call);
        invoked.expect("one call at a time");
        self.asked = Some(asked);
        let new = NewCall { ask, to: None, timeout: options.timeout, token: () };
        self.inputs.push(Input::Call(new));
    }
}

fn command(command: &Command) -> Ask {
    Ask::Command(postcard::to_allocvec(command).expect("a command can be encoded").into())
}

/// What the history says that the answer was; `None` if the machine declined.
fn read(asked: &Asked, answer: &[u8]) -> Option<Option<Value>> {
    if *asked == Asked::Get {
        let answer: QueryAnswer = postcard::from_bytes(answer).expect("an answer of the machine");
        let QueryAnswer::Value(found) = answer else { panic!("no value: {answer:?}") };
        return Some(Some(found.map_or(Value::Null, |found| unpad(&found.value))));
    }
    match (asked, postcard::from_bytes(answer).expect("an answer of the machine")) {
        (Asked::Put(_), Answer::Written { .. }) | (Asked::Delete, Answer::Removed { .. }) => {
            Some(None)
        }
        (Asked::Swap(_), Answer::Written { .. }) => Some(Some(json!(true))),
        (Asked::Swap(_), Answer::Conflict { .. }) => Some(Some(json!(false))),
        (Asked::Count(_), Answer::Number { value, .. }) => Some(Some(json!(value))),
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
