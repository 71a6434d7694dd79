//! What `#[machine]` costs per command, beside a match that was written by hand; and what very many
//! timers, sessions and subscriptions cost.
#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::hint::black_box;
use std::time::Duration;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quorate_core::{Entries, Entry, Index, LeaderTime, LogId, Payload, RequestId, System, Term};
use quorate_sm::{
    Applied, Applier, ByteMachine, Context, Envelope, Filter, MachineId, Position, SessionLimits,
    Since, StateMachine, Watch, client, machine,
};
use serde::{Deserialize, Serialize};

/// Adds up.
#[machine(brief)]
pub trait Sum {
    /// Adds; returns the sum.
    fn add(&mut self, cx: &mut SumCx, by: u64) -> u64;
    /// Starts again.
    fn reset(&mut self, cx: &mut SumCx, to: u64, why: u64);
    /// Adds later.
    fn add_later(&mut self, cx: &mut SumCx, by: u64);
    #[timer]
    fn due(&mut self, cx: &mut SumCx, by: u64);
    /// The sum.
    fn sum(&self) -> u64;
    /// The sum is another.
    fn changed(counter: u64) -> u64;
}

/// The state.
#[derive(Default, Serialize, Deserialize)]
pub struct Total(u64);

impl Sum for Total {
    fn add(&mut self, _: &mut SumCx, by: u64) -> u64 {
        self.0 = self.0.wrapping_add(by);
        self.0
    }

    fn reset(&mut self, cx: &mut SumCx, to: u64, why: u64) {
        self.0 = to;
        cx.emit_changed(why, to);
    }

    fn add_later(&mut self, cx: &mut SumCx, by: u64) {
        cx.due_after(Duration::from_secs(1), by);
    }

    fn due(&mut self, _: &mut SumCx, by: u64) {
        self.0 = self.0.wrapping_add(by);
    }

    fn sum(&self) -> u64 {
        self.0
    }
}

/// The same by hand.
#[derive(Default, Serialize, Deserialize)]
struct ByHand(u64);

#[derive(Serialize, Deserialize)]
enum HandCommand {
    Add { by: u64 },
    Reset { to: u64, why: u64 },
}

#[derive(Serialize, Deserialize)]
enum HandAnswer {
    Add(u64),
    Reset(()),
}

impl StateMachine for ByHand {
    type Command = HandCommand;
    type Answer = HandAnswer;
    type Query = ();
    type QueryAnswer = u64;

    fn apply(&mut self, _: &mut Context, command: HandCommand) -> HandAnswer {
        match command {
            HandCommand::Add { by } => {
                self.0 = self.0.wrapping_add(by);
                HandAnswer::Add(self.0)
            }
            HandCommand::Reset { to, why } => {
                self.0 = to.wrapping_add(why);
                HandAnswer::Reset(())
            }
        }
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }
}

const COMMANDS: u64 = 1 << 16;

fn dispatch(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dispatch");
    group.throughput(Throughput::Elements(COMMANDS));
    let command = postcard::to_allocvec(&SumCommand::Add { by: 7 }).expect("encoded");
    let by_hand = postcard::to_allocvec(&HandCommand::Add { by: 7 }).expect("encoded");
    assert_eq!(command, by_hand, "the same bytes");
    let id = LogId { term: Term(1), index: Index(1) };
    let apply_all = |machine: &mut dyn ByteMachine| {
        let (mut cx, mut answer) = (Context::new(id, None), Vec::new());
        for _ in 0..COMMANDS {
            answer.clear();
            machine.apply_bytes(&mut cx, black_box(&command), &mut answer).expect("a command");
        }
        answer
    };
    group.bench_function("by hand", |bencher| {
        let mut machine = ByHand::default();
        bencher.iter(|| apply_all(&mut machine));
    });
    group.bench_function("by macro", |bencher| {
        let mut machine = SumMachine(Total::default());
        bencher.iter(|| apply_all(&mut machine));
    });
    group.finish();
}

fn entry(index: u64, payload: Payload) -> Entry {
    Entry { id: LogId { term: Term(1), index: Index(index) }, payload }
}

fn command(command: &SumCommand) -> Payload {
    let command = postcard::to_allocvec(command).expect("encoded");
    let (machine, command) = (MachineId::FIRST, &command[..]);
    Payload::Command(Envelope::Sessionless { machine, command }.encode())
}

fn apply(applier: &mut Applier, payloads: impl IntoIterator<Item = Payload>) -> Applied {
    let first = applier.last_applied().index.0 + 1;
    let entries = (first..).zip(payloads).map(|(index, payload)| entry(index, payload));
    let mut applied = Applied::default();
    applier
        .apply(&Entries::new(entries).expect("a run"), &mut applied)
        .expect("nothing is lacking");
    applied
}

fn time(secs: u64) -> Payload {
    Payload::System(System::Time(LeaderTime::new(Duration::from_secs(secs))))
}

fn applier() -> Applier {
    Applier::new(SumMachine(Total::default()), SessionLimits::default())
}

const TIMERS: usize = 1_000_000;

fn timers(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("timers");
    group.sample_size(10).throughput(Throughput::Elements(TIMERS as u64));
    let armed = || {
        let mut applier = applier();
        apply(&mut applier, (0..TIMERS).map(|_| command(&SumCommand::AddLater { by: 1 })));
        applier
    };
    group.bench_function("a million due at once, to the last", |bencher| {
        bencher.iter_batched_ref(
            armed,
            |applier| {
                while applier.timers() > 0 {
                    apply(applier, [time(2)]);
                }
            },
            BatchSize::LargeInput,
        );
    });
    group.throughput(Throughput::Elements(1));
    group.bench_function("a million due at once, one entry", |bencher| {
        bencher.iter_batched_ref(armed, |applier| apply(applier, [time(2)]), BatchSize::LargeInput);
    });
    group.finish();
}

const SUBSCRIPTIONS: u64 = 100_000;

fn subscriptions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subscriptions");
    group.sample_size(10);
    let subscribed = || {
        let mut applier = applier();
        let mut applied = Applied::default();
        for counter in 0..SUBSCRIPTIONS {
            let topic = postcard::to_allocvec(&(0_u32, counter)).expect("encoded");
            let filter = Filter::Topic(Bytes::from(topic));
            let since = Since::Position(Position::START);
            let watch = Watch { machine: MachineId::FIRST, filter, since, until: None };
            applier.watch(RequestId(counter), &client::watch(&watch), &mut applied);
        }
        assert_eq!(applier.watches() as u64, SUBSCRIPTIONS);
        applier
    };
    group.bench_function("an event for none of a hundred thousand", |bencher| {
        let mut applier = subscribed();
        bencher.iter(|| {
            apply(&mut applier, [command(&SumCommand::Reset { to: 1, why: SUBSCRIPTIONS })])
        });
    });
    group.throughput(Throughput::Elements(SUBSCRIPTIONS));
    group.bench_function("an event for each of a hundred thousand", |bencher| {
        bencher.iter_batched_ref(
            subscribed,
            |applier| {
                let resets =
                    (0..SUBSCRIPTIONS).map(|why| command(&SumCommand::Reset { to: 1, why }));
                let mut told = 0;
                for run in resets.collect::<Vec<_>>().chunks(256) {
                    told += apply(applier, run.iter().cloned()).reads.len();
                }
                assert_eq!(told as u64, SUBSCRIPTIONS);
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, dispatch, timers, subscriptions);
criterion_main!(benches);
