//! Runs many seeds on several threads.

use std::num::NonZero;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use crate::seeds::Shard;

/// Runs every seed of a part, on `jobs` threads, each seed on one. What comes of each goes to
/// `ended`, in no particular order, until that says that it is enough: what has begun then is still
/// brought to its end.
///
/// # Panics
/// If `run` panics.
pub fn sweep<R: Send>(
    seeds: Range<u64>,
    shard: Shard,
    jobs: NonZero<usize>,
    run: impl Fn(u64) -> R + Sync,
    mut ended: impl FnMut(u64, R) -> ControlFlow<()>,
) {
    let next = AtomicU64::new(seeds.start);
    let is_enough = AtomicBool::new(false);
    let take = || loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= seeds.end || is_enough.load(Ordering::Relaxed) {
            return None;
        }
        if shard.has(seed) {
            return Some(seed);
        }
    };
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs.get() {
            let (sender, take, run) = (sender.clone(), &take, &run);
            scope.spawn(move || {
                while let Some(seed) = take() {
                    // Nobody listens once it is enough.
                    let _ = sender.send((seed, run(seed)));
                }
            });
        }
        drop(sender);
        for (seed, result) in results {
            if ended(seed, result).is_break() {
                is_enough.store(true, Ordering::Relaxed);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(seeds: Range<u64>, shard: Shard, jobs: usize, most: usize) -> Vec<u64> {
        let jobs = NonZero::new(jobs).expect("some");
        let mut ran = Vec::new();
        sweep(
            seeds,
            shard,
            jobs,
            |seed| seed * 2,
            |seed, twice| {
                assert_eq!(twice, seed * 2);
                ran.push(seed);
                if ran.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            },
        );
        ran.sort_unstable();
        ran
    }

    #[test]
    fn every_seed_runs_once_on_any_number_of_threads() {
        for jobs in [1, 2, 5] {
            let all: Vec<u64> = (3..103).collect();
            assert_eq!(run(3..103, Shard::WHOLE, jobs, usize::MAX), all);
        }
    }

    #[test]
    fn parts_together_run_every_seed_once() {
        let parts = (0..3).flat_map(|index| run(0..20, Shard { index, count: 3 }, 2, usize::MAX));
        let mut all: Vec<_> = parts.collect();
        all.sort_unstable();
        assert_eq!(all, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn enough_is_enough() {
        assert_eq!(run(0..u64::MAX, Shard::WHOLE, 1, 5).first(), Some(&0));
    }
}
