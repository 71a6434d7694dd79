//! Committed and applied entries per second, of the core and its peers. On a machine that has
//! other work to do, `ratios` says more.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quorate_peers::{CONTESTANTS, Shape};

fn lockstep(criterion: &mut Criterion) {
    for shape in Shape::all() {
        let Shape { servers, command_bytes, batch } = shape;
        let name = format!("{servers} servers, {command_bytes} bytes, batch {batch}");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(batch as u64));
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        let command = vec![7; command_bytes];
        for (name, start) in CONTESTANTS {
            let mut cluster = start(shape);
            group.bench_function(name, |bencher| bencher.iter(|| cluster.commit(&command, batch)));
        }
    }
}

criterion_group!(benches, lockstep);
criterion_main!(benches);
