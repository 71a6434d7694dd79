//! The callers: what they do, what they saw, and what they were promised.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_io_sim::history::{Call, History, ModelName, RecordError, Recorder};
use quorate_io_tokio::client::{CallError, Client, KvClient, KvError, Swap};
use quorate_sm::kv::Expected;
use serde_json::{Value, json};

/// Values are this long, so that a record of the log spans several sectors of a disk.
const VALUE_BYTES: usize = 700;

/// Registers that all callers share, anew in each epoch, so that the history of each stays short.
const REGISTERS: u64 = 6;
const EPOCH: Duration = Duration::from_secs(1);

/// Counters that all callers share for the whole demo.
pub(super) const COUNTERS: u64 = 3;

/// What callers saw, and what they were promised.
pub(super) struct Observed {
    recorder: Recorder,
    /// Keys that one caller wrote once: acknowledged or not.
    pub(super) owned: BTreeMap<String, Promise>,
    /// For each counter: what was acknowledged, and what may have been applied besides.
    pub(super) counted: BTreeMap<String, Count>,
    /// Of the present act.
    pub(super) calls: Calls,
}

/// Was a write acknowledged?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Promise {
    Acknowledged,
    Unknown,
}

/// Increments of one counter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) acknowledged: i64,
    pub(super) unknown: i64,
}

/// How the calls of an act went.
#[derive(Debug)]
pub(super) struct Calls {
    started: Instant,
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) longest_gap: Duration,
    last_done: Instant,
    /// How long each call took that was done in each half second, in microseconds.
    pub(super) beats: Vec<Vec<u32>>,
}

/// How long a beat is.
pub(super) const BEAT: Duration = Duration::from_millis(500);

impl Calls {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            started: now,
            done: 0,
            failed: 0,
            longest_gap: Duration::ZERO,
            last_done: now,
            beats: Vec::new(),
        }
    }

    fn done(&mut self, started: Instant) {
        let now = Instant::now();
        self.done += 1;
        self.longest_gap = self.longest_gap.max(now - self.last_done);
        self.last_done = now;
        let latency = u32::try_from((now - started).as_micros()).unwrap_or(u32::MAX);
        let beat = (now - self.started).as_millis() / BEAT.as_millis();
        let beat = usize::try_from(beat).unwrap_or(0);
        if self.beats.len() <= beat {
            self.beats.resize(beat + 1, Vec::new());
        }
        self.beats[beat].push(latency);
    }

    /// The act is over. Nothing was done since: the gap that is still open counts too. A half second
    /// that is not over is none.
    pub(super) fn close(&mut self) {
        self.longest_gap = self.longest_gap.max(self.last_done.elapsed());
        let whole = self.started.elapsed().as_millis() / BEAT.as_millis();
        self.beats.resize(usize::try_from(whole).unwrap_or(0), Vec::new());
    }
}

/// The latency that 99 of 100 calls did not exceed; nothing if there was none.
pub(super) fn p99(latencies_us: impl IntoIterator<Item = u32>) -> Option<Duration> {
    let mut latencies: Vec<_> = latencies_us.into_iter().collect();
    latencies.sort_unstable();
    let rank = (latencies.len() * 99).div_ceil(100).saturating_sub(1);
    latencies.get(rank).map(|&micros| Duration::from_micros(micros.into()))
}

impl Observed {
    pub(super) fn new() -> Self {
        Self {
            recorder: Recorder::new(ModelName::Kv, Value::Null),
            owned: BTreeMap::new(),
            counted: BTreeMap::new(),
            calls: Calls::new(),
        }
    }

    pub(super) fn finish(self) -> History {
        self.recorder.finish()
    }
}

/// Calls until it is told to stop.
pub(super) struct Caller {
    kv: KvClient,
    number: u64,
    /// Its name in the history; another one after each call of unknown outcome.
    process: u64,
    calls: u64,
    started: Instant,
    observed: Rc<RefCell<Observed>>,
}

impl Caller {
    pub(super) fn new(number: u64, client: Client, observed: Rc<RefCell<Observed>>) -> Self {
        let (kv, process) = (KvClient::new(client), number << 32);
        Self { kv, number, process, calls: 0, started: Instant::now(), observed }
    }

    pub(super) async fn run(mut self, is_over: Rc<std::cell::Cell<bool>>) -> Self {
        while !is_over.get() {
            let started = Instant::now();
            self.calls += 1;
            let is_done = match self.calls % 8 {
                0 | 3 => self.own().await,
                1 | 5 => self.count().await,
                2 => self.put().await,
                4 => self.swap().await,
                _ => self.get(&self.register()).await.is_some(),
            };
            self.note(started, is_done);
            // A person would pause too; and a history of millions of calls takes long to judge.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self
    }

    fn note(&self, started: Instant, is_done: bool) {
        let calls = &mut self.observed.borrow_mut().calls;
        if is_done {
            calls.done(started);
        } else {
            calls.failed += 1;
        }
    }

    /// A key of this epoch, in turn.
    fn register(&self) -> String {
        let epoch = self.started.elapsed().as_secs() / EPOCH.as_secs();
        format!("register/{epoch}/{}", (self.calls * 7 + self.number) % REGISTERS)
    }

    /// A value that nobody else writes.
    fn name(&self) -> String {
        format!("{}-{}", self.number, self.calls)
    }

    /// A linearizable read; nothing if it failed, else what was there.
    pub(super) async fn get(&mut self, key: &str) -> Option<Value> {
        self.record(|recorder, process| recorder.invoke(process, Call::new("get").key(key)));
        match self.kv.get(bytes(key)).await {
            Ok(found) => {
                let answer = found.map_or(Value::Null, |found| unpad(&found.value));
                self.record(|recorder, process| recorder.ok(process, Some(answer.clone())));
                Some(answer)
            }
            Err(_) => {
                self.record(|recorder, process| recorder.fail(process));
                None
            }
        }
    }

    async fn put(&mut self) -> bool {
        let (key, name) = (self.register(), self.name());
        self.invoke(Call::new("put").key(&key).argument(name.clone()));
        let outcome = self.kv.put(bytes(&key), pad(&name)).await;
        self.complete(outcome.map(|_| None)) == Some(Promise::Acknowledged)
    }

    /// Writes a key of its own, once.
    async fn own(&mut self) -> bool {
        let (key, name) = (format!("own/{}", self.name()), self.name());
        self.invoke(Call::new("put").key(&key).argument(name.clone()));
        let outcome = self.kv.put(bytes(&key), pad(&name)).await;
        let promise = self.complete(outcome.map(|_| None));
        if let Some(promise) = promise {
            self.observed.borrow_mut().owned.insert(key, promise);
        }
        promise == Some(Promise::Acknowledged)
    }

    async fn count(&mut self) -> bool {
        let key = format!("counter/{}", self.calls % COUNTERS);
        self.invoke(Call::new("incr").key(&key).argument(1));
        let outcome = self.kv.increment(bytes(&key), 1).await;
        let promise = self.complete(outcome.map(|sum| Some(json!(sum))));
        let mut observed = self.observed.borrow_mut();
        let count = observed.counted.entry(key).or_default();
        match promise {
            Some(Promise::Acknowledged) => count.acknowledged += 1,
            Some(Promise::Unknown) => count.unknown += 1,
            None => {}
        }
        promise == Some(Promise::Acknowledged)
    }

    /// Reads a key, and replaces what it saw unless somebody else did so in between.
    async fn swap(&mut self) -> bool {
        let (key, name) = (self.register(), self.name());
        let Some(seen) = self.get(&key).await else { return false };
        let expected = match seen.as_str() {
            Some(seen) => Expected::Value(pad(seen)),
            None => Expected::Absent,
        };
        self.invoke(Call::new("cas").key(&key).argument(json!([seen, name.clone()])));
        let outcome = self.kv.compare_and_swap(bytes(&key), expected, Some(pad(&name))).await;
        let answered = outcome.map(|swap| Some(json!(matches!(swap, Swap::Done(_)))));
        self.complete(answered) == Some(Promise::Acknowledged)
    }

    fn invoke(&self, call: Call) {
        self.record(|recorder, process| recorder.invoke(process, call));
    }

    /// Notes how a command ended; `None` if it certainly had no effect.
    fn complete(&mut self, outcome: Result<Option<Value>, KvError>) -> Option<Promise> {
        match outcome {
            Ok(answer) => {
                self.record(|recorder, process| recorder.ok(process, answer));
                Some(Promise::Acknowledged)
            }
            Err(KvError::Call(CallError::Unknown(_))) => {
                self.record(|recorder, process| recorder.info(process));
                self.process += 1;
                Some(Promise::Unknown)
            }
            Err(_) => {
                self.record(|recorder, process| recorder.fail(process));
                None
            }
        }
    }

    fn record(&self, event: impl FnOnce(&mut Recorder, u64) -> Result<(), RecordError>) {
        let mut observed = self.observed.borrow_mut();
        event(&mut observed.recorder, self.process).expect("one call at a time");
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The name of a value, and filling.
fn pad(name: &str) -> Bytes {
    format!("{name:.<VALUE_BYTES$}").into()
}

/// The name of a value; a counter's is a number.
fn unpad(value: &[u8]) -> Value {
    let text = String::from_utf8_lossy(value);
    match text.parse::<i64>() {
        Ok(number) => json!(number),
        Err(_) => json!(text.trim_end_matches('.')),
    }
}
