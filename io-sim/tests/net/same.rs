//! The same seed and the same calls give the same deliveries; one concern's chance is its own.

use quorate_core::wire::MAGIC;
use quorate_io_sim::net::{Down, FrameOptions, LinkOptions, NetOptions, Rule, StreamOptions};

use crate::driver::{A, B, C, Driver, MS, SECOND};

fn everything() -> LinkOptions {
    let rule = Rule { ppm: 100_000, ..Rule::default() };
    LinkOptions {
        spike_ppm: 50_000,
        spike_max_ns: SECOND,
        loss_ppm: 100_000,
        bytes_per_second: 10_000_000,
        stream: StreamOptions {
            cut_ppm: 300_000,
            single_byte_ppm: 10_000,
            cut_gap_max_ns: MS,
            coalesce_ppm: 100_000,
            coalesce_wait_ns: MS,
            corrupt_ppm: 10_000,
            reset_ppm: 2_000,
            stall_ppm: 10_000,
            stall_max_ns: SECOND,
            deaf_ppm: 10_000,
        },
        frames: FrameOptions {
            lose: rule,
            duplicate: rule,
            reorder: rule,
            replay: rule,
            reorder_window: 4,
            reorder_wait_max_ns: MS,
            ..FrameOptions::default()
        },
        ..LinkOptions::default()
    }
}

/// Magic, and frames that look like heartbeats.
fn speech(bytes: usize) -> Vec<u8> {
    let frame = [&[18, 0, 0, 0][..], &[0; 8], &[1, 1, 0, 0, 0, 0, 0, 0, 8, 0, 6], &[9; 7]].concat();
    MAGIC.into_iter().chain(frame.into_iter().cycle().take(bytes / 30 * 30)).collect()
}

fn a_wild_hour(seed: u64) -> Driver {
    let impatient = NetOptions {
        link: everything(),
        give_up_ns: 300 * MS,
        connect_timeout_ns: 80 * MS,
        ..NetOptions::default()
    };
    let mut driver = Driver::new(seed, impatient);
    for round in 0..200 {
        for (from, to) in [(A, B), (B, C), (C, A)] {
            let end = driver.net.connect(driver.now, from, to);
            driver.send(end, &speech(700));
            driver.run_for(50 * MS);
            driver.send(end.other(), &speech(300));
            driver.run_for(50 * MS);
            driver.net.close(driver.now, end);
            driver.net.close(driver.now, end.other());
        }
        match round % 10 {
            1 => driver.net.hold(driver.now, B, C, None),
            2 => driver.net.reroute(C, A),
            3 => driver.net.block(A, B),
            5 => driver.net.host_down(driver.now, A, Down::Kill),
            6 => driver.net.listen(A, true),
            7 => driver.net.reroute(C, C),
            8 => driver.net.mend(driver.now),
            _ => {}
        }
    }
    driver.run_for(1000 * SECOND);
    assert_eq!(driver.net.connections(), 0, "all were closed: none is left");
    driver
}

#[test]
fn a_seed_fixes_everything() {
    let (one, same, other) = (a_wild_hour(7), a_wild_hour(7), a_wild_hour(8));
    assert!(one.log == same.log && one.net.struck() == same.net.struck());
    assert!(one.log != other.log);
    // And in that hour there was nothing that did not happen.
    let struck = format!("{:?}", one.net.struck());
    assert!(!struck.contains(": 0"), "{struck}");
}

/// When each of a hundred single bytes arrives, counted from when it was sent.
fn latencies(change: impl FnOnce(&mut LinkOptions)) -> Vec<u64> {
    let mut driver = Driver::with(3, |_| {});
    let (a, b) = driver.connected(A, B);
    let mut link = LinkOptions::default();
    change(&mut link);
    driver.net.set_link(A, B, link);
    let mut all = Vec::new();
    for _ in 0..100 {
        let sent_at = driver.now;
        driver.send(a, b"xy");
        driver.run_for(100_000 * SECOND);
        all.push(driver.heard(b).reads.last().expect("it arrives").0 - sent_at);
    }
    all
}

#[test]
fn a_fault_that_is_switched_on_leaves_the_draws_of_latency_as_they_were() {
    let plain = latencies(|_| {});
    let faults: [fn(&mut LinkOptions); 6] = [
        |link| link.loss_ppm = 300_000,
        |link| (link.spike_ppm, link.spike_max_ns) = (300_000, SECOND),
        |link| link.stream.cut_ppm = 500_000,
        |link| link.stream.corrupt_ppm = 500_000,
        |link| (link.stream.stall_ppm, link.stream.stall_max_ns) = (300_000, SECOND),
        |link| (link.stream.coalesce_ppm, link.stream.coalesce_wait_ns) = (300_000, SECOND),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let with = latencies(fault);
        let same = with.iter().zip(&plain).filter(|(a, b)| a == b).count();
        // Where the fault did not strike, nothing moved.
        assert!(same >= 40, "fault {number}: {same} of 100 are as before");
        assert!(with.iter().zip(&plain).all(|(with, plain)| with >= plain), "fault {number}");
    }
}

#[test]
fn what_happens_at_one_moment_happens_in_the_order_in_which_it_was_planned() {
    let mut driver = Driver::with(1, |_| {});
    let ends: Vec<_> = (0..20).map(|_| driver.connected(A, B)).collect();
    driver.net.hold(driver.now, A, B, Some(driver.now + SECOND));
    for (a, _) in &ends {
        driver.send(*a, b"x");
    }
    driver.log.clear();
    driver.run_for(2 * SECOND);
    let heard: Vec<_> = driver.log.iter().map(|(_, delivery)| delivery.end).collect();
    assert!(heard == ends.iter().map(|(_, b)| *b).collect::<Vec<_>>());
}

#[test]
fn what_is_overdue_happens_now() {
    let mut driver = Driver::with(1, |_| {});
    let (a, b) = driver.connected(A, B);
    driver.send(a, b"x");
    driver.now += SECOND;
    driver.send(a, b"y");
    assert_eq!(driver.net.next_at(), Some(driver.now));
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b), b"xy");
}
