//! Who is faster: all in turn, in slices so short that whatever else the machine does hits all of
//! them alike.

use std::time::{Duration, Instant};

/// How long a contestant runs before it is the turn of the next.
const SLICE: Duration = Duration::from_millis(2);

/// Some work that was done, and the time that it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lap {
    units: usize,
    elapsed: Duration,
}

impl Lap {
    /// Times some work, which says how much it was. It should take many times what it takes to look
    /// at a clock.
    pub fn of(work: impl FnOnce() -> usize) -> Self {
        let start = Instant::now();
        let units = work();
        Self { units, elapsed: start.elapsed() }
    }
}

/// One contestant: does a lap of its work.
pub type Work<'a> = Box<dyn FnMut() -> Lap + 'a>;

/// The same small piece of work, so often that it can be timed.
pub fn repeated<'a>(times: usize, mut work: impl FnMut() + 'a) -> Work<'a> {
    Box::new(move || {
        Lap::of(|| {
            (0..times).for_each(|_| work());
            times
        })
    })
}

/// Nanoseconds per unit of work of each contestant, where the best tenth of its slices ends: other
/// work on the machine only ever slows a slice down.
pub fn nanos_each<const N: usize>(turns: usize, mut contestants: [Work<'_>; N]) -> [f64; N] {
    let mut all = [const { Vec::new() }; N];
    for _ in 0..turns {
        for (nanos, work) in all.iter_mut().zip(&mut contestants) {
            nanos.push(slice(work));
        }
    }
    all.map(best_tenth)
}

fn slice(work: &mut Work<'_>) -> f64 {
    let mut sum = Lap::default();
    while sum.elapsed < SLICE {
        let lap = work();
        sum.units += lap.units;
        sum.elapsed += lap.elapsed;
    }
    sum.elapsed.as_secs_f64() * 1e9 / sum.units as f64
}

fn best_tenth(mut nanos: Vec<f64>) -> f64 {
    nanos.sort_unstable_by(f64::total_cmp);
    nanos[nanos.len() / 10]
}
