//! How much faster than its peers the core is: all of them in turn, in slices so short that
//! whatever else the machine does hits all of them alike.
//!
//! `cargo bench -p quorate-peers --bench ratios`

use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_peers::{CONTESTANTS, Cluster, SHAPES};

/// How long a contestant runs before it is the turn of the next, and how often.
const SLICE: Duration = Duration::from_millis(2);
const TURNS: usize = 400;

fn main() {
    println!(
        "entries per second in the best tenth of {TURNS} slices; how often that goes into ours"
    );
    for (batch, command_bytes) in SHAPES {
        let command = Bytes::from(vec![7; command_bytes]);
        let mut clusters = CONTESTANTS.map(|(_, start)| start(batch, command_bytes));
        let mut rates = CONTESTANTS.map(|_| Vec::new());
        for _ in 0..TURNS {
            for (rates, cluster) in rates.iter_mut().zip(&mut clusters) {
                rates.push(slice(&mut **cluster, &command, batch));
            }
        }
        println!("\n{batch} x {command_bytes} bytes");
        let best = rates.map(best_tenth);
        for ((name, _), rate) in CONTESTANTS.iter().zip(best) {
            println!("{name:>10} {rate:>12.0} {:>6.2}", best[0] / rate);
        }
    }
}

/// Committed entries per second of one slice.
fn slice(cluster: &mut dyn Cluster, command: &Bytes, batch: usize) -> f64 {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < SLICE {
        for _ in 0..1 + 256 / batch {
            cluster.commit(command, batch);
            count += batch;
        }
    }
    count as f64 / start.elapsed().as_secs_f64()
}

/// Where the best tenth starts: other work on the machine only ever slows a slice down.
fn best_tenth(mut rates: Vec<f64>) -> f64 {
    rates.sort_unstable_by(f64::total_cmp);
    rates[rates.len() * 9 / 10]
}
