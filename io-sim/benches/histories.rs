//! How long each history takes to be judged: 199 of real systems and of generators, with known verdicts.

use core::time::Duration;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quorate_io_sim::history::History;
use quorate_io_sim::linearizability::{Budget, check};
use serde::Deserialize;

#[derive(Deserialize)]
struct Line {
    id: String,
    events: PathBuf,
}

fn histories(criterion: &mut Criterion) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/histories");
    let manifest = std::fs::read_to_string(data.join("manifest.jsonl")).expect("a manifest");
    let mut group = criterion.benchmark_group("histories");
    group.sample_size(10).warm_up_time(Duration::from_millis(20));
    group.measurement_time(Duration::from_millis(200));
    for line in manifest.lines() {
        let Line { id, events } = serde_json::from_str(line).expect("a line of the manifest");
        let file = BufReader::new(File::open(data.join(events)).expect("its history"));
        let history = History::read_from(file).expect("a history");
        group.throughput(Throughput::Elements(history.operations.len() as u64));
        group.bench_function(id, |bench| {
            bench.iter(|| check(&history, Budget::new()).expect("operations of its model").verdict);
        });
    }
    group.finish();
}

criterion_group!(benches, histories);
criterion_main!(benches);
