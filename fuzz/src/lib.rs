//! What fuzzers run.
//!
//! A target is a function of any bytes that panics if something does not hold. Its module says what.
//!
//! * [`decode`]: bytes from the network;
//! * [`round_trip`]: messages to bytes and back;
//! * [`step`]: one core, and events that may be impossible;
//! * [`schedule`]: a cluster of cores, and a schedule that may be anything;
//! * [`recovery`]: a log on a disk that forgets, rots or lies;
//! * [`snapshot`]: the bytes of a snapshot, and the files that hold them.
//!
//! A run returns how much it came to, so that `tests/corpus` can tell that the seeds come to
//! something. `TESTING.md` has the commands.
#![forbid(unsafe_code)]

pub mod decode;
pub mod input;
pub mod messages;
pub mod recovery;
pub mod round_trip;
pub mod schedule;
pub mod snapshot;
pub mod step;

/// Runs `act`, and asserts that at no time it held more than so many bytes that it had allocated.
///
/// # Panics
/// If it did.
pub fn within<T>(bytes_max: u64, act: impl FnOnce() -> T) -> T {
    let mut result = None;
    let counted = allocation_counter::measure(|| result = Some(act()));
    assert!(
        counted.bytes_max <= bytes_max,
        "{} bytes were allocated at a time, which exceeds {bytes_max}",
        counted.bytes_max
    );
    result.expect("it has run")
}

/// Runs a target on the files that the command line names.
///
/// # Panics
/// If a file cannot be read, or the target panics.
pub fn replay<T: std::fmt::Debug>(target: impl Fn(&[u8]) -> T) {
    for name in std::env::args().skip(1) {
        let input = std::fs::read(&name).unwrap_or_else(|error| panic!("{name}: {error}"));
        println!("{name}: {} bytes", input.len());
        println!("  {:?}", target(&input));
    }
}
