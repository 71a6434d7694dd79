//! Puts of a 16-byte key and a 256-byte value, applied per second on one core.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quorate_core::{Entries, Entry, Index, LogId, Payload, Term};
use quorate_sm::kv::{Command, Kv};
use quorate_sm::{
    Applied, Applier, MachineId, Order, Sequence, SessionId, SessionLimits, Stamp, client,
};

const PUTS: u64 = 1 << 17;
const RUN: usize = 256;
const KEYS: u64 = 1 << 15;
const SESSIONS: u64 = 64;
/// How many answers each client has not acknowledged.
const IN_FLIGHT: u64 = 16;

fn put_of(number: u64) -> Command {
    let key = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - KEYS.ilog2());
    Command::Put { key: format!("{key:016x}").into(), value: Bytes::from(vec![0x61; 256]) }
}

fn in_session(number: u64) -> Bytes {
    let sequence = number / SESSIONS;
    let stamp = Stamp {
        session: SessionId(Index(1 + number % SESSIONS)),
        sequence: Sequence(sequence),
        acknowledged_below: Sequence(sequence.saturating_sub(IN_FLIGHT)),
        order: Order::Any,
    };
    client::apply::<Kv>(stamp, MachineId::FIRST, &put_of(number))
}

fn sessionless(number: u64) -> Bytes {
    client::sessionless::<Kv>(MachineId::FIRST, &put_of(number))
}

/// Entries that follow one another from `first`.
fn log(first: u64, commands: impl Iterator<Item = Bytes>) -> Entries {
    let entry = |(index, command)| Entry {
        id: LogId { term: Term(1), index: Index(index) },
        payload: Payload::Command(command),
    };
    Entries::new((first..).zip(commands).map(entry)).expect("they follow one another")
}

/// The log in runs, as commits come.
fn runs(log: &Entries) -> Vec<Entries> {
    let first = log.first_index().expect("not empty").0;
    let starts = (first..first + log.len() as u64).step_by(RUN);
    starts.map(|start| log.from(Index(start)).take(RUN)).collect()
}

/// A replica whose clients have opened their sessions.
fn opened() -> (Applier, Applied) {
    let mut applier = Applier::new(Kv::default(), SessionLimits::default());
    let mut applied = Applied::default();
    applier
        .apply(&log(1, (0..SESSIONS).map(|n| client::open_session(n.into()))), &mut applied)
        .expect("nothing is lacking");
    applied.answers.clear();
    (applier, applied)
}

/// A bench of rejections would be fast.
fn assert_applied(runs: &[Entries]) {
    let (mut applier, mut applied) = opened();
    runs.iter().for_each(|run| applier.apply(run, &mut applied).expect("nothing is lacking"));
    for answer in &applied.answers {
        client::answer::<Kv>(&answer.outcome).expect("each put is applied");
    }
}

fn bench(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    group.throughput(Throughput::Elements(PUTS)).sample_size(20);
    let cases = [("kv put, 64 sessions", in_session as fn(u64) -> Bytes), ("kv put", sessionless)];
    for (name, command) in cases {
        let runs = runs(&log(1 + SESSIONS, (0..PUTS).map(command)));
        assert_applied(&runs);
        group.bench_function(name, |b| {
            let apply_all = |(mut applier, mut applied): (Applier, Applied)| {
                for run in &runs {
                    applier.apply(run, &mut applied).expect("nothing is lacking");
                    black_box(&applied.answers);
                    applied.answers.clear();
                }
                (applier, applied)
            };
            b.iter_batched(opened, apply_all, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
