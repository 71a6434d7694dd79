//! Every fault of a stream strikes, and breaks whoever does not expect it.

use quorate_io_sim::net::{Cause, StreamOptions};

use crate::driver::{A, B, Driver, MS, SECOND, pattern};
use crate::naive;

fn with(seed: u64, stream: StreamOptions) -> Driver {
    Driver::with(seed, |link| link.stream = stream)
}

const ALWAYS: u32 = 1_000_000;

#[test]
fn one_read_is_not_one_message_where_runs_are_cut() {
    let stream = StreamOptions { cut_ppm: ALWAYS, cut_gap_max_ns: MS, ..Default::default() };
    let mut driver = with(1, stream);
    assert!(!naive::one_read_is_one_message(&mut driver, A, B));
    assert!(driver.net.struck().cuts > 0);
}

#[test]
fn one_read_may_be_one_byte() {
    let stream = StreamOptions { single_byte_ppm: ALWAYS, ..Default::default() };
    let mut driver = with(1, stream);
    assert!(!naive::one_read_is_one_message(&mut driver, A, B));
    assert_eq!(driver.net.struck().single_bytes, 3);
    let (a, b) = driver.connected(A, B);
    driver.send(a, &pattern(200));
    driver.run_for(SECOND);
    assert!(driver.heard(b).reads.iter().all(|(_, read)| read.len() == 1));
    driver.send(a, &pattern(256 << 10));
    driver.run_for(SECOND);
    assert_eq!(driver.heard(b).reads.len(), 200 + 256, "large runs are bounded work");
}

#[test]
fn one_read_may_be_several_messages() {
    let stream =
        StreamOptions { coalesce_ppm: ALWAYS, coalesce_wait_ns: 3 * SECOND, ..Default::default() };
    let mut driver = with(1, stream);
    driver.net.set_link(B, A, Default::default());
    let (a, b) = driver.connected(A, B);
    for line in [&b"one\n"[..], b"two\n", b"three\n"] {
        driver.send(a, line);
    }
    driver.run_for(10 * SECOND);
    assert!(driver.heard(b).reads.len() < 3);
    assert_eq!(driver.bytes(b), b"one\ntwo\nthree\n");
    assert!(driver.net.struck().joined > 0);
}

#[test]
fn a_flipped_bit_fools_whoever_believes_every_byte() {
    let mut driver = with(1, StreamOptions { corrupt_ppm: ALWAYS, ..Default::default() });
    assert!(!naive::believes_every_byte(&mut driver, A, B));
    let (a, b) = driver.connected(A, B);
    driver.send(a, &[0; 1000]);
    driver.run_for(SECOND);
    let ones: u32 = driver.bytes(b).iter().map(|byte| byte.count_ones()).sum();
    assert_eq!((ones, driver.bytes(b).len()), (1, 1000), "exactly one bit");
    assert_eq!(driver.net.struck().corrupted, 2);
}

#[test]
fn a_reset_strikes_after_any_byte_and_both_sides_hear_of_it() {
    let mut lengths = Vec::new();
    for seed in 0..50 {
        let mut driver = with(seed, StreamOptions { reset_ppm: ALWAYS, ..Default::default() });
        let (a, b) = driver.connected(A, B);
        driver.send(a, &pattern(100));
        driver.send(a, b"into the void");
        driver.run_for(SECOND);
        let heard = driver.bytes(b);
        assert!(heard.len() < 100 && pattern(100).starts_with(&heard));
        assert_eq!((driver.ended(a), driver.ended(b)), (vec![Cause::Reset], vec![Cause::Reset]));
        assert_eq!((driver.net.struck().resets, driver.net.connections()), (1, 0));
        assert_eq!(driver.heard(a).room, 113, "nothing is left to wait for");
        lengths.push(heard.len() / 25);
    }
    assert!((0..4).all(|quarter| lengths.contains(&quarter)));
}

#[test]
fn a_stall_makes_whoever_asks_only_once_hang_but_loses_nothing() {
    let stream =
        StreamOptions { stall_ppm: ALWAYS, stall_max_ns: 60 * SECOND, ..Default::default() };
    let mut driver = with(1, stream);
    assert!(!naive::asks_once(&mut driver, A, B));
    assert!(driver.net.struck().stalls > 0);
    let (a, b) = driver.connected(A, B);
    driver.send(a, b"slow");
    driver.run_for(100 * SECOND);
    assert_eq!(driver.bytes(b), b"slow");
}

#[test]
fn an_acceptor_may_never_read() {
    let mut driver = with(1, StreamOptions { deaf_ppm: ALWAYS, ..Default::default() });
    let end = driver.net.connect(0, A, B);
    driver.run_for(SECOND);
    assert!(driver.heard(end).opened_at.is_some());
    driver.send(end, &pattern(1 << 20));
    driver.run_for(10_000 * SECOND);
    assert_eq!(driver.heard(end).room, 256 << 10, "a window, and never more");
    assert_eq!((driver.ended(end), driver.net.struck().deaf), (vec![], 1));
    assert_eq!(driver.bytes(end.other()), b"");
    driver.net.reset(driver.now, end);
    driver.run_for(SECOND);
}

#[test]
fn a_slow_reader_can_be_had_by_hand() {
    let mut driver = with(1, StreamOptions::default());
    let (a, b) = driver.connected(A, B);
    driver.net.stall(driver.now, b, Some(driver.now + 5 * SECOND));
    driver.send(a, b"x");
    driver.run_for(4 * SECOND);
    assert_eq!(driver.bytes(b), b"");
    driver.run_for(2 * SECOND);
    assert_eq!(driver.bytes(b), b"x");
}
