//! What links do to connections.

use quorate_io_sim::net::{Cause, Down, LinkOptions, NetOptions, Shape};

use crate::driver::{A, B, C, Driver, MS, SECOND, pattern};
use crate::naive;

fn healthy() -> Driver {
    Driver::new(1, NetOptions::default())
}

#[test]
fn a_partition_makes_whoever_asks_only_once_hang() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.partition(&Shape::Isolate(B).blocked(&[A, B, C]));
    driver.send(a, b"ping");
    driver.run_for(10 * SECOND);
    assert_eq!(driver.bytes(b), b"");
    assert!(driver.net.struck().blocked > 3);
    let others = driver.connected(A, C);
    driver.send(others.0, b"ping");
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(others.1), b"ping", "others are not concerned");
}

#[test]
fn after_a_partition_what_was_sent_arrives_late_but_whole() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.block(A, B);
    driver.send(a, &pattern(100_000));
    driver.run_for(20 * SECOND);
    driver.net.mend(driver.now);
    let mended_at = driver.now;
    driver.run_for(20 * SECOND);
    assert_eq!(driver.bytes(b), pattern(100_000));
    let first_at = driver.heard(b).reads[0].0;
    assert!(first_at > mended_at + MS, "with the next repetition, not at once: {first_at}");
}

#[test]
fn a_connection_dies_of_a_long_partition_and_the_other_side_does_not_know() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.block(A, B);
    driver.send(a, b"x");
    driver.run_for(200 * SECOND);
    assert_eq!((driver.ended(a), driver.ended(b)), (vec![Cause::TimedOut], vec![]));
    driver.net.mend(driver.now);
    driver.send(b, b"still there?");
    driver.run_for(SECOND);
    assert_eq!(driver.ended(b), [Cause::Reset]);
    assert_eq!(driver.net.connections(), 0);
}

#[test]
fn over_a_link_that_is_blocked_one_way_a_window_gets_through_and_then_nothing() {
    let mut driver = Driver::new(1, NetOptions { window_bytes: 1000, ..NetOptions::default() });
    let (a, b) = driver.connected(A, B);
    driver.net.block(B, A);
    driver.send(a, &pattern(5000));
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b), pattern(1000));
    assert_eq!(driver.net.unsent(a), 4000);
    driver.net.unblock(B, A);
    driver.run_for(20 * SECOND);
    assert_eq!(driver.bytes(b), pattern(5000));
    assert_eq!(driver.heard(a).room, 5000);

    driver.net.block(B, A);
    driver.send(a, b"x");
    driver.run_for(200 * SECOND);
    assert_eq!(driver.ended(a), [Cause::TimedOut], "nothing was acknowledged");
}

/// While it waits for an acknowledgement, the sender looks again and again: that moves nothing.
#[test]
fn a_look_for_acknowledgements_delivers_nothing_to_whoever_does_not_read() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.block(B, A);
    driver.send(a, b"x");
    driver.run_for(MS);
    driver.net.pause_reading(driver.now, b);
    driver.send(a, b"y");
    driver.run_for(10 * SECOND);
    assert_eq!(driver.bytes(b), b"x");
    driver.net.resume_reading(driver.now, b);
    driver.net.stall(driver.now, b, Some(driver.now + 20 * SECOND));
    driver.run_for(10 * SECOND);
    assert_eq!(driver.bytes(b), b"x");
    driver.net.hold(driver.now, A, B, Some(driver.now + 20 * SECOND));
    driver.run_for(15 * SECOND);
    assert_eq!(driver.bytes(b), b"x");
    driver.run_for(10 * SECOND);
    assert_eq!(driver.bytes(b), b"xy");
}

#[test]
fn a_reset_that_cannot_come_back_is_no_acknowledgement() {
    let mut driver = healthy();
    let (a, _) = driver.connected(A, B);
    driver.net.host_down(driver.now, B, Down::PowerLoss);
    driver.net.host_up(driver.now, B);
    driver.net.block(B, A);
    driver.send(a, b"x");
    driver.run_for(200 * SECOND);
    assert_eq!((driver.ended(a), driver.net.connections()), (vec![Cause::TimedOut], 0));
}

#[test]
fn nothing_is_left_of_a_connection_that_died_before_it_was_taken() {
    let mut driver = healthy();
    let end = driver.net.connect(0, A, B);
    while driver.heard(end).opened_at.is_none() {
        driver.run_for(MS / 100);
    }
    driver.net.block(A, B);
    driver.net.host_down(driver.now, A, Down::PowerLoss);
    driver.run_for(200 * SECOND);
    assert_eq!(driver.net.connections(), 0);
}

#[test]
fn a_process_that_is_gone_does_not_repeat_itself() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.block(A, B);
    driver.send(a, b"lost");
    driver.run_for(SECOND);
    driver.net.host_down(driver.now, A, Down::PowerLoss);
    driver.run_for(20 * SECOND);
    driver.net.mend(driver.now);
    driver.run_for(200 * SECOND);
    assert_eq!((driver.bytes(b), driver.ended(b)), (vec![], vec![]));
    driver.net.close(driver.now, b);
    driver.run_for(200 * SECOND);
    assert_eq!(driver.net.connections(), 0);
}

#[test]
fn a_held_link_bursts() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.hold(driver.now, A, B, None);
    for _ in 0..10 {
        driver.send(a, b"tick");
        driver.run_for(100 * SECOND);
    }
    assert_eq!(driver.bytes(b), b"");
    assert!(driver.net.struck().held > 0);
    driver.net.release(driver.now, A, B);
    let released_at = driver.now;
    driver.run_for(SECOND);
    let reads = &driver.heard(b).reads;
    assert_eq!(reads.len(), 10);
    assert!(reads.iter().all(|(at, _)| *at == released_at), "all at once");
    assert_eq!(driver.ended(a), [], "a held connection is not given up");

    driver.net.hold(driver.now, A, B, Some(driver.now + SECOND));
    let until = driver.now + SECOND;
    driver.send(a, b"more");
    driver.run_for(2 * SECOND);
    assert_eq!(driver.heard(b).reads[10].0, until);
}

#[test]
fn a_flapping_link_is_up_half_of_the_time() {
    let mut driver = Driver::new(1, NetOptions { retransmit_max_ns: MS, ..NetOptions::default() });
    let (a, b) = driver.connected(A, B);
    driver.net.flap(A, B, SECOND);
    for _ in 0..100 {
        driver.send(a, b"x");
        driver.run_for(100 * MS);
    }
    let late = driver.heard(b).reads.iter().filter(|(at, _)| (at / SECOND) % 2 == 1).count();
    assert_eq!(late, 0, "nothing arrives while it is down");
    assert!(driver.net.struck().blocked > 0);
    driver.net.mend(driver.now);
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b).len(), 100);
}

#[test]
fn a_loss_delays_all_that_follows() {
    let hung = (0..20).filter(|&seed| {
        let mut driver = Driver::with(seed, |link| link.loss_ppm = 500_000);
        let is_answered = naive::asks_once(&mut driver, A, B);
        assert!(driver.net.struck().losses > 0);
        !is_answered
    });
    assert!(hung.count() > 5);
}

#[test]
fn a_narrow_link_is_shared() {
    let mut driver = Driver::with(1, |link| link.bytes_per_second = 100_000);
    let (one, at_one) = driver.connected(A, B);
    let (two, at_two) = driver.connected(A, B);
    let start = driver.now;
    driver.send(one, &pattern(100_000));
    driver.send(two, b"behind it");
    driver.run_for(10 * SECOND);
    let (one_at, two_at) = (driver.heard(at_one).reads[0].0, driver.heard(at_two).reads[0].0);
    assert!(one_at >= start + SECOND && one_at < start + SECOND + 2 * MS, "{one_at}");
    assert!(two_at >= start + SECOND, "{two_at}");
}

#[test]
fn spikes_are_rare_and_large() {
    let mut driver = Driver::with(1, |link| {
        link.spike_ppm = 100_000;
        link.spike_max_ns = SECOND;
    });
    let (a, b) = driver.connected(A, B);
    let mut late = 0;
    for count in 1..=200 {
        driver.send(a, b"x");
        driver.run_for(10 * MS);
        late += usize::from(driver.heard(b).reads.len() < count);
        driver.run_for(SECOND);
    }
    assert!((5..40).contains(&late) && driver.net.struck().spikes >= late as u64, "{late}");
}

#[test]
fn a_link_is_one_way_and_can_change() {
    let mut driver = healthy();
    let slow = LinkOptions {
        latency: quorate_io_sim::net::Latency { min_ns: SECOND, ..Default::default() },
        ..LinkOptions::default()
    };
    let (a, b) = driver.connected(A, B);
    driver.net.set_link(A, B, slow);
    assert_eq!(driver.net.link(A, B), &slow);
    assert_eq!(driver.net.link(B, A), &LinkOptions::default());
    driver.send(a, b"slow");
    driver.send(b, b"fast");
    driver.run_for(10 * MS);
    assert_eq!((driver.bytes(a), driver.bytes(b)), (b"fast".to_vec(), vec![]));
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b), b"slow");
    driver.net.set_links(slow);
    assert_eq!(driver.net.link(B, A), &slow);
}

#[test]
fn a_reader_that_pauses_fills_the_window_and_no_more() {
    let mut driver = Driver::new(1, NetOptions { window_bytes: 1000, ..NetOptions::default() });
    let (a, b) = driver.connected(A, B);
    driver.net.pause_reading(driver.now, b);
    for _ in 0..10 {
        driver.send(a, &pattern(250));
        driver.run_for(1000 * SECOND);
    }
    assert_eq!((driver.heard(a).room, driver.net.unsent(a)), (1000, 1500));
    assert_eq!((driver.bytes(b).len(), driver.ended(a)), (0, vec![]));
    driver.net.resume_reading(driver.now, b);
    driver.run_for(SECOND);
    assert_eq!((driver.heard(a).room, driver.bytes(b).len()), (2500, 2500));
}
