//! Committed and applied entries per second, of the core and its peers. On a machine that has
//! other work to do, `ratios` says more.

use std::time::Duration;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quorate_peers::{CONTESTANTS, SHAPES};

fn lockstep(criterion: &mut Criterion) {
    for (batch, command_bytes) in SHAPES {
        let mut group = criterion.benchmark_group(format!("{batch} x {command_bytes} bytes"));
        group.throughput(Throughput::Elements(batch as u64));
        group.warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
        let command = Bytes::from(vec![7; command_bytes]);
        for (name, start) in CONTESTANTS {
            let mut cluster = start(batch, command_bytes);
            group.bench_function(name, |bencher| bencher.iter(|| cluster.commit(&command, batch)));
        }
    }
}

criterion_group!(benches, lockstep);
criterion_main!(benches);
