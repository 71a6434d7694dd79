//! Callers that wait for their answers, and what they measure.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_core::wire::Consistency;
use quorate_io_sim::history::{Call, ModelName, Recorder};
use quorate_io_tokio::client::{CallError, Client, KvClient, KvError};
use serde_json::Value;

use crate::codes;
use crate::diagnostic::Diagnostic;

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    Writes,
    Reads,
}

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) done: u64,
    pub(crate) failed: u64,
    span: Duration,
    /// Of each that was done, sorted.
    latencies_us: Vec<u32>,
}

impl Figures {
    pub(crate) fn per_second(&self) -> f64 {
        self.done as f64 / self.span.as_secs_f64().max(1e-9)
    }

    /// The latency that `percent` of the calls did not exceed; 0 if there were none.
    pub(crate) fn percentile_us(&self, percent: usize) -> u32 {
        let rank = (self.latencies_us.len() * percent).div_ceil(100).saturating_sub(1);
        self.latencies_us.get(rank).copied().unwrap_or(0)
    }
}

/// Keys and values of all measurements.
pub(crate) struct Load {
    value_bytes: usize,
    recorder: Option<Rc<RefCell<Recorder>>>,
    /// Makes processes and values unlike all before.
    callers_so_far: u64,
}

/// As many keys as a caller uses in turn.
const KEYS_PER_CALLER: u64 = 16;

impl Load {
    pub(crate) fn new(value_bytes: usize, is_recorded: bool) -> Self {
        let recorder = is_recorded.then(|| Recorder::new(ModelName::Kv, Value::Null));
        Self {
            value_bytes,
            recorder: recorder.map(|recorder| Rc::new(RefCell::new(recorder))),
            callers_so_far: 0,
        }
    }

    /// Lets `callers` call for a while.
    pub(crate) async fn run(
        &mut self,
        clients: &[Client],
        callers: usize,
        target: Target,
        span: Duration,
    ) -> Figures {
        let local = tokio::task::LocalSet::new();
        let started = Instant::now();
        let mut tasks = Vec::new();
        for caller in 0..callers {
            self.callers_so_far += 1;
            let caller = Caller {
                kv: KvClient::new(clients[caller % clients.len()].clone())
                    .reading(Consistency::Linearizable),
                process: self.callers_so_far << 20,
                lane: caller as u64,
                value_bytes: self.value_bytes,
                recorder: self.recorder.clone(),
                until: started + span,
            };
            tasks.push(local.spawn_local(caller.run(target)));
        }
        let mut sum = Figures::default();
        local
            .run_until(async {
                for task in tasks {
                    let figures = task.await.expect("a caller does not panic");
                    sum.done += figures.done;
                    sum.failed += figures.failed;
                    sum.latencies_us.extend(figures.latencies_us);
                }
            })
            .await;
        sum.span = started.elapsed();
        sum.latencies_us.sort_unstable();
        sum
    }

    /// Writes down what the callers saw.
    pub(crate) fn write_history(self, file: &Path) -> Result<(), Box<Diagnostic>> {
        let Some(recorder) = self.recorder.and_then(Rc::into_inner) else { return Ok(()) };
        let write = || {
            let mut out = BufWriter::new(File::create(file)?);
            recorder.into_inner().finish().write_to(&mut out)?;
            out.flush()
        };
        write().map_err(|error: std::io::Error| {
            Diagnostic::new(codes::BAD_BENCH, format!("{} cannot be written", file.display()))
                .because(&error)
        })
    }
}

struct Caller {
    kv: KvClient,
    /// Its name in the history; another one after each call of unknown outcome.
    process: u64,
    lane: u64,
    value_bytes: usize,
    recorder: Option<Rc<RefCell<Recorder>>>,
    until: Instant,
}

impl Caller {
    async fn run(mut self, target: Target) -> Figures {
        let mut figures = Figures::default();
        let mut call = 0;
        while Instant::now() < self.until {
            let key = format!("bench/{}/{}", self.lane, call % KEYS_PER_CALLER);
            let started = Instant::now();
            let is_done = match target {
                Target::Writes => self.write(&key, call).await,
                Target::Reads => self.read(&key).await,
            };
            let latency = u32::try_from(started.elapsed().as_micros()).unwrap_or(u32::MAX);
            if is_done {
                figures.done += 1;
                figures.latencies_us.push(latency);
            } else {
                figures.failed += 1;
            }
            call += 1;
        }
        figures
    }

    async fn write(&mut self, key: &str, call: u64) -> bool {
        // No two values are the same, so that a history tells which write a read saw.
        let mut value = format!("{}.{call}.", self.process);
        value.extend(std::iter::repeat_n('x', self.value_bytes.saturating_sub(value.len())));
        self.record(|recorder, process| {
            recorder.invoke(process, Call::new("put").key(key).argument(value.clone()))
        });
        let outcome = self.kv.put(Bytes::copy_from_slice(key.as_bytes()), value).await;
        match outcome {
            Ok(_) => {
                self.record(|recorder, process| recorder.ok(process, None));
                true
            }
            Err(KvError::Call(CallError::Unknown(_))) => {
                self.record(|recorder, process| recorder.info(process));
                self.process += 1;
                false
            }
            Err(_) => {
                self.record(|recorder, process| recorder.fail(process));
                false
            }
        }
    }

    async fn read(&mut self, key: &str) -> bool {
        self.record(|recorder, process| recorder.invoke(process, Call::new("get").key(key)));
        match self.kv.get(Bytes::copy_from_slice(key.as_bytes())).await {
            Ok(found) => {
                let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned().into();
                let answer = found.map_or(Value::Null, |found| text(&found.value));
                self.record(|recorder, process| recorder.ok(process, Some(answer)));
                true
            }
            Err(_) => {
                self.record(|recorder, process| recorder.fail(process));
                false
            }
        }
    }

    fn record<E: std::fmt::Debug>(&self, event: impl FnOnce(&mut Recorder, u64) -> Result<(), E>) {
        if let Some(recorder) = &self.recorder {
            event(&mut recorder.borrow_mut(), self.process).expect("one call at a time");
        }
    }
}
