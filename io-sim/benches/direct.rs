//! How fast the direct engine is, on one core, with all checks on.

use core::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quorate_io_sim::direct::{self, Options, Report};

/// Worlds as tests run them.
const SEEDS: core::ops::Range<u64> = 0..10;

fn chaos() -> Report {
    let mut sum = Report::default();
    for options in SEEDS.map(Options::from_seed) {
        sum += direct::run(&options).expect("all checks hold");
    }
    sum
}

/// Five servers that nobody asks for anything, and nothing is in the way.
fn idle() -> Report {
    let options = Options::idle(5, Duration::from_secs(1000));
    direct::run(&options).expect("all checks hold")
}

fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("direct");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Elements(chaos().events));
    group.bench_function("events of servers under attack", |bench| bench.iter(chaos));
    group.throughput(Throughput::Elements(idle().elapsed.as_secs()));
    group.bench_function("seconds of five idle servers", |bench| bench.iter(idle));
    group.finish();
}

criterion_group!(benches, engine);
criterion_main!(benches);
