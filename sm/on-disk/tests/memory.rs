//! How much of a state is in memory while it goes from one server to another. Alone in its process, since all of
//! that is counted.

use peak_alloc::PeakAlloc;
use quorate_sm::Applied;

#[allow(dead_code, reason = "what other tests do with files")]
mod support;

use support::{Scratch, fill, last, on_disk};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

#[test]
fn a_state_goes_from_file_to_file_and_never_through_memory_as_a_whole() {
    const ROWS: u64 = 512;
    const ROW_BYTES: usize = 128 << 10;
    const BOUND: usize = 16 << 20;
    let scratch = Scratch::new("on-disk-large");
    let mut ahead = on_disk(&scratch.path("ahead"), ROW_BYTES);
    fill(&mut ahead, ROWS);
    let mut behind = on_disk(&scratch.path("behind"), ROW_BYTES);
    MEMORY.reset_peak_usage();
    let (mut capture, mut bytes, mut is_last) = (ahead.capture(), 0, false);
    while !is_last {
        let mut part = Vec::new();
        is_last = capture.write(&mut part, 256 << 10);
        behind.load(&part);
        bytes += part.len();
    }
    behind.restore_loaded(ahead.last_applied(), &mut Applied::default()).expect("a state");
    let peak = MEMORY.peak_usage();
    assert_eq!(last(&behind), ROWS);
    assert!(bytes > 4 * BOUND, "{bytes} bytes");
    assert!(peak < BOUND, "{peak} bytes in use at most, for a state of {bytes}");
}
