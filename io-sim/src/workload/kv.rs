//! The workload of a world that is not given another: a few keys that all clients share, and the
//! whole history judged by the linearizability checker.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::wire::Consistency;
use quorate_sm::kv::{Answer, Command, Expected, Query, QueryAnswer};
use quorate_sm::{EventLimits, Kv};
use serde_json::{Value, json};

use super::{Broken, End, Judgement, Look, Request, Workload};
use crate::history::{Call, History, ModelName, Operation, Recorder};
use crate::judge::{Ending, Property, Values};
use crate::linearizability::{Budget, Stuck, Verdict, check};
use crate::rng::Rng;
use crate::scenario::{CallingOptions, Options, Sabotage};

/// Puts, deletions, swaps, counters and linearizable reads.
#[derive(Debug)]
pub struct KvWorkload {
    keys: u64,
    value_bytes_max: u64,
    recorder: Recorder,
    values: Values,
    sabotage: Sabotage,
    clients: BTreeMap<u16, Client>,
}

/// What the history knows of a client.
#[derive(Debug)]
struct Client {
    /// Its name; another one after each call of unknown outcome, which may still be at work.
    process: u64,
    calls: u64,
    asked: Asked,
}

impl Client {
    /// Is this the call about which a lie is told, if there are lies?
    fn lies(&self) -> bool {
        self.calls.is_multiple_of(Sabotage::CALLS)
    }
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

impl KvWorkload {
    /// Clients that share `keys` keys, with values of at most about `value_bytes_max` bytes.
    pub fn new(keys: u64, value_bytes_max: u64) -> Self {
        let recorder = Recorder::new(ModelName::Kv, Value::Null);
        Self {
            keys,
            value_bytes_max,
            recorder,
            values: Values::default(),
            sabotage: Sabotage::None,
            clients: BTreeMap::new(),
        }
    }

    /// The workload that these options ask for.
    pub fn of(options: &Options) -> Self {
        let CallingOptions { keys, value_bytes_max, .. } = options.calling;
        Self { sabotage: options.sabotage, ..Self::new(keys, value_bytes_max) }
    }
}

impl Workload for KvWorkload {
    type Machine = Kv;

    /// With few changes in its snapshots: servers that lag behind get these in pieces of some bytes, and
    /// have to be as fast with that as the others are with new commands.
    fn machine(&self) -> Kv {
        Kv::keeping(EventLimits { events_max: 32, bytes_max: 2048 })
    }

    fn ask(&mut self, client: u16, rng: &mut Rng) -> Request<Kv> {
        let process = u64::from(client) << 32;
        let known = self.clients.entry(client);
        let known = known.or_insert(Client { process, calls: 0, asked: Asked::Get });
        known.calls += 1;
        let key = format!("k{}", rng.below(self.keys));
        let name = format!("{client}.{}", known.calls);
        let length = usize::try_from(rng.below(self.value_bytes_max + 1)).expect("short");
        let value = Bytes::from(format!("{name:.<length$}"));
        if self.sabotage == Sabotage::ForgottenWrites && known.lies() {
            let put = Call::new("put").key(&key).argument(format!("{name} is forgotten"));
            self.recorder.invoke(known.process, put).expect("one call at a time");
            self.recorder.ok(known.process, None).expect("it was just invoked");
        }
        let (asked, call, request) = draw(key, name, value, rng);
        if let Asked::Put(value) | Asked::Swap(value) = &asked {
            self.values.ask(value);
        }
        known.asked = asked;
        self.recorder.invoke(known.process, call).expect("one call at a time");
        request
    }

    fn ended(&mut self, client: u16, end: End<Kv>) -> Result<(), Broken> {
        let known = self.clients.get_mut(&client).expect("a client that has asked");
        let process = known.process;
        let (ending, answer) = match end {
            End::Answered(answer) => match read(&known.asked, answer)? {
                Some(answer) => (Ending::Done, answer),
                // The machine declined: it had no effect.
                None => (Ending::Refused, None),
            },
            End::Looked(QueryAnswer::Value(found)) => {
                let value = found.map_or(Value::Null, |found| unpad(&found.value));
                if let Value::String(value) = &value {
                    self.values.see(value)?;
                }
                let is_altered = self.sabotage == Sabotage::AlteredAnswers && known.lies();
                (Ending::Done, Some(if is_altered { json!("altered") } else { value }))
            }
            End::Looked(answer) => return Err(Broken::new(format!("no value: {answer:?}"))),
            End::NotApplied => (Ending::Refused, None),
            End::Unknown => (Ending::Unknown, None),
            End::Watched(_) => return Err(Broken::new("events that nobody asked for")),
        };
        match &known.asked {
            Asked::Put(value) | Asked::Swap(value) => self.values.end(value, ending)?,
            Asked::Count(counter) => self.values.count(counter, ending),
            Asked::Delete | Asked::Get => {}
        }
        let recorded = match ending {
            Ending::Done => self.recorder.ok(process, answer),
            Ending::Refused => self.recorder.fail(process),
            Ending::Unknown => {
                known.process += 1;
                self.recorder.info(process)
            }
        };
        recorded.expect("one call at a time");
        Ok(())
    }

    fn operation(&self, client: u16) -> Option<&Operation> {
        let mut latest = self.recorder.history().operations.iter().rev();
        latest.find(|operation| operation.process >> 32 == u64::from(client))
    }

    fn history(&self) -> Option<&History> {
        Some(self.recorder.history())
    }

    fn judge(&mut self, look: Look<'_, Kv>) -> Result<Judgement, Broken> {
        self.count(look)?;
        let history = self.recorder.history();
        let checked = check(history, Budget::new()).expect("callers speak the model's language");
        match checked.verdict {
            Verdict::Violation(violation) => Err(Broken {
                property: Property::HistoryIsLinearizable,
                evidence: format!("history.jsonl: {}", Stuck::of(history, &violation)),
            }),
            Verdict::Undecided(_) => Ok(Judgement::Undecided),
            Verdict::Linearizable(..) => Ok(Judgement::Sound),
        }
    }
}

impl KvWorkload {
    /// H2 and H7: counters have counted each call that was answered, once, and none that was refused.
    fn count(&self, look: Look<'_, Kv>) -> Result<(), Broken> {
        for counter in self.values.counters() {
            let answer = look(&Query::Get { key: counter.clone().into() });
            let QueryAnswer::Value(found) = answer else {
                return Err(Broken::new(format!("no value: {answer:?}")));
            };
            let value = found.map_or(Ok(0), |found| String::from_utf8_lossy(&found.value).parse());
            let value = value.map_err(|_| Broken::new(format!("{counter} is no number")))?;
            self.values.stands(&counter, value)?;
        }
        Ok(())
    }
}

fn draw(key: String, name: String, value: Bytes, rng: &mut Rng) -> (Asked, Call, Request<Kv>) {
    let key_bytes = Bytes::copy_from_slice(key.as_bytes());
    match rng.below(10) {
        0..3 => {
            let call = Call::new("put").key(&key).argument(name.clone());
            (Asked::Put(name), call, Request::Command(Command::Put { key: key_bytes, value }))
        }
        3 => {
            let call = Call::new("put").key(&key).argument(Value::Null);
            (Asked::Delete, call, Request::Command(Command::Delete { key: key_bytes }))
        }
        4 => {
            let call = Call::new("cas").key(&key).argument(json!([Value::Null, name]));
            let (expected, value) = (Expected::Absent, Some(value));
            let swap = Command::CompareAndSwap { key: key_bytes, expected, value };
            (Asked::Swap(name), call, Request::Command(swap))
        }
        5..7 => {
            let counter = format!("counter/{}", rng.below(2));
            let call = Call::new("incr").key(&counter).argument(1);
            let count = Command::Increment { key: counter.clone().into(), by: 1 };
            (Asked::Count(counter), call, Request::Command(count))
        }
        _ => {
            let query = Query::Get { key: key_bytes };
            let call = Call::new("get").key(&key);
            // Of every other key, where leaders have leases; elsewhere they are all the same.
            let by_lease = key.as_bytes().last().is_some_and(|last| last % 2 == 0);
            let consistency = if by_lease { Consistency::Lease } else { Consistency::Linearizable };
            (Asked::Get, call, Request::Query(query, consistency))
        }
    }
}

/// What the history says that the answer was; `None` if the machine declined.
fn read(asked: &Asked, answer: Answer) -> Result<Option<Option<Value>>, Broken> {
    Ok(match (asked, answer) {
        (Asked::Put(_), Answer::Written { .. }) | (Asked::Delete, Answer::Removed { .. }) => {
            Some(None)
        }
        (Asked::Swap(_), Answer::Written { .. }) => Some(Some(json!(true))),
        (Asked::Swap(_), Answer::Conflict { .. }) => Some(Some(json!(false))),
        (Asked::Count(_), Answer::Number { value, .. }) => Some(Some(json!(value))),
        (_, Answer::Refused(_)) => None,
        (asked, answer) => {
            return Err(Broken::new(format!("{asked:?} was answered by {answer:?}")));
        }
    })
}

/// The name in a value; a counter's is a number.
fn unpad(value: &[u8]) -> Value {
    let text = String::from_utf8_lossy(value);
    match text.parse::<i64>() {
        Ok(number) => json!(number),
        Err(_) => json!(text.trim_end_matches('.')),
    }
}
