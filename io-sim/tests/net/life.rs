//! How connections begin and end.

use quorate_io_sim::net::{Cause, ConnectError, Down, NetOptions};

use crate::driver::{A, B, C, Driver, MS, SECOND, pattern};
use crate::naive;

fn healthy() -> Driver {
    Driver::new(1, NetOptions::default())
}

#[test]
fn on_a_healthy_network_naive_components_work() {
    for naive in [naive::one_read_is_one_message, naive::asks_once, naive::believes_every_byte] {
        assert!(naive(&mut healthy(), A, B));
    }
}

#[test]
fn to_connect_takes_a_round_trip_and_a_listener() {
    let mut driver = healthy();
    let end = driver.net.connect(0, A, B);
    driver.run_for(SECOND);
    let opened_at = driver.heard(end).opened_at.expect("it opens");
    assert!((MS / 5..MS + MS / 5 + 1).contains(&opened_at), "{opened_at}");
    assert_eq!(driver.heard(end.other()).accepted_from, Some(A));

    driver.net.listen(B, false);
    let end = driver.net.connect(driver.now, A, B);
    driver.run_for(SECOND);
    assert_eq!(driver.heard(end).failed.expect("it fails").1, ConnectError::Refused);
    assert_eq!((driver.net.struck().refused, driver.net.connections()), (1, 1));
}

#[test]
fn a_connect_through_a_partition_hangs_and_times_out() {
    for (from, to) in [(A, B), (B, A)] {
        let mut driver = healthy();
        driver.net.block(from, to);
        let end = driver.net.connect(0, A, B);
        driver.run_until(59 * SECOND);
        assert!(driver.heard(end).failed.is_none() && driver.heard(end).opened_at.is_none());
        driver.run_until(61 * SECOND);
        assert_eq!(driver.heard(end).failed.expect("over").1, ConnectError::TimedOut);
        assert_eq!(driver.net.struck().connects_timed_out, 1);
        assert_eq!(driver.heard(end.other()).accepted_from, None);
        assert_eq!(driver.net.connections(), 0);
    }
}

#[test]
fn a_connect_gets_through_once_the_partition_is_mended() {
    let mut driver = healthy();
    driver.net.block(B, A);
    let end = driver.net.connect(0, A, B);
    driver.run_until(5 * SECOND);
    driver.net.mend(driver.now);
    driver.run_until(20 * SECOND);
    assert!(driver.heard(end).opened_at.is_some_and(|at| at > 5 * SECOND));
}

#[test]
fn what_is_sent_before_a_close_arrives_before_the_end() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    let all = pattern(3_000_000);
    driver.send(a, &all);
    driver.net.close(driver.now, a);
    driver.run_for(SECOND);
    assert!(driver.bytes(b) == all);
    assert_eq!(driver.ended(b), [Cause::Closed]);
    assert_eq!(driver.ended(a), [], "not mentioned again");
    driver.net.close(driver.now, b);
    driver.run_for(SECOND);
    assert_eq!(driver.net.connections(), 0);
}

#[test]
fn one_may_finish_and_go_on_reading() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.send(a, b"what is the time?");
    driver.net.finish(driver.now, a);
    driver.run_for(SECOND);
    assert_eq!(driver.ended(b), [Cause::Closed]);
    driver.send(b, b"late");
    driver.net.close(driver.now, b);
    driver.run_for(SECOND);
    assert_eq!((driver.bytes(a), driver.ended(a)), (b"late".to_vec(), vec![Cause::Closed]));
}

#[test]
fn whoever_sends_to_an_end_that_was_closed_gets_a_reset() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.close(driver.now, a);
    driver.run_for(SECOND);
    driver.send(b, b"are you there?");
    driver.run_for(SECOND);
    assert_eq!(driver.ended(b), [Cause::Closed, Cause::Reset]);
    assert_eq!((driver.net.connections(), driver.net.struck().stray), (0, 1));
}

#[test]
fn a_reset_is_heard_by_the_other_side_only() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.reset(driver.now, a);
    driver.run_for(SECOND);
    assert_eq!((driver.ended(a), driver.ended(b)), (vec![], vec![Cause::Reset]));
    assert_eq!(driver.net.connections(), 0);
}

#[test]
fn a_killed_process_is_noticed_at_once() {
    let mut causes = Vec::new();
    for seed in 0..20 {
        let mut driver = Driver::new(seed, NetOptions::default());
        let (a, b) = driver.connected(A, B);
        driver.send(b, b"last words");
        driver.net.host_down(driver.now, B, Down::Kill);
        driver.run_for(10 * MS);
        assert_eq!(driver.bytes(a), b"last words");
        let ended = driver.ended(a);
        assert_eq!(ended.len(), 1);
        causes.push(ended[0]);
        assert_eq!(driver.ended(b), []);
        let again = driver.net.connect(driver.now, A, B);
        driver.run_for(SECOND);
        assert_eq!(driver.heard(again).failed.expect("nobody").1, ConnectError::Refused);
    }
    assert!(causes.contains(&Cause::Closed) && causes.contains(&Cause::Reset));
}

#[test]
fn what_a_killed_process_had_not_handed_over_is_lost() {
    let mut driver = Driver::new(1, NetOptions { window_bytes: 1000, ..NetOptions::default() });
    let (a, b) = driver.connected(A, B);
    driver.send(a, &pattern(5000));
    driver.net.host_down(driver.now, A, Down::Kill);
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b), pattern(1000));
}

/// The half-open connection: the other side hears nothing, until it speaks.
#[test]
fn a_loss_of_power_is_silent_until_the_restart_answers_with_a_reset() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.net.host_down(driver.now, B, Down::PowerLoss);
    driver.run_for(3600 * SECOND);
    assert_eq!(driver.ended(a), []);
    driver.net.host_up(driver.now, B);
    driver.net.listen(B, true);
    driver.run_for(3600 * SECOND);
    assert_eq!(driver.ended(a), [], "it has said nothing");
    driver.send(a, b"hello?");
    driver.run_for(SECOND);
    assert_eq!(driver.ended(a), [Cause::Reset]);
    assert_eq!(driver.bytes(b), b"");
    assert_eq!(driver.net.connections(), 0);
}

#[test]
fn what_is_sent_to_a_dark_host_is_repeated_until_it_is_given_up() {
    let mut driver = healthy();
    let (a, _) = driver.connected(A, B);
    driver.net.host_down(driver.now, B, Down::PowerLoss);
    driver.send(a, b"hello?");
    driver.run_for(110 * SECOND);
    assert_eq!(driver.ended(a), []);
    driver.run_for(30 * SECOND);
    assert_eq!(driver.ended(a), [Cause::TimedOut]);
    assert_eq!((driver.net.struck().given_up, driver.net.connections()), (1, 0));
}

#[test]
fn a_connect_to_a_dark_host_meets_silence() {
    let mut driver = healthy();
    driver.net.host_down(0, B, Down::PowerLoss);
    let end = driver.net.connect(0, A, B);
    driver.run_for(100 * SECOND);
    assert_eq!(driver.heard(end).failed.expect("over").1, ConnectError::TimedOut);
}

#[test]
fn a_dead_host_is_told_nothing() {
    let mut driver = healthy();
    let (a, b) = driver.connected(A, B);
    driver.send(a, b"for the dead");
    driver.net.host_down(driver.now, B, Down::Kill);
    driver.net.host_up(driver.now, B);
    driver.net.listen(B, true);
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(b), b"");
    assert_eq!(driver.ended(a).last(), Some(&Cause::Reset), "what it said met nobody");
}

#[test]
fn a_connection_that_the_last_process_was_about_to_take_is_not_the_next_ones() {
    let mut driver = healthy();
    driver.net.hold(0, A, B, None);
    driver.net.release(0, A, B);
    let end = driver.net.connect(0, A, B);
    while driver.heard(end).opened_at.is_none() {
        driver.run_for(MS / 100);
    }
    driver.net.host_down(driver.now, B, Down::PowerLoss);
    driver.net.host_up(driver.now, B);
    driver.net.listen(B, true);
    driver.run_for(SECOND);
    assert_eq!(driver.heard(end.other()).accepted_from, None);
    assert_eq!(driver.ended(end), [Cause::Reset]);
}

#[test]
fn another_host_may_answer() {
    let mut driver = healthy();
    driver.net.reroute(B, C);
    let (_, at_c) = driver.connected(A, B);
    let host = driver.log.iter().find(|(_, delivery)| delivery.end == at_c).expect("heard").1.host;
    assert_eq!((host, driver.net.struck().rerouted), (C, 1));
    driver.net.reroute(B, B);
    driver.connected(A, B);
    assert_eq!(driver.net.struck().rerouted, 1);
}

#[test]
fn a_dialer_may_change_its_mind() {
    let mut driver = healthy();
    let end = driver.net.connect(0, A, B);
    driver.net.close(0, end);
    driver.run_for(SECOND);
    assert_eq!((driver.log.len(), driver.net.connections()), (0, 0));
    let end = driver.net.connect(driver.now, A, B);
    driver.send(end, b"in a hurry");
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(end.other()), b"in a hurry");
}

#[test]
fn names_of_connections_are_not_reused() {
    let mut driver = healthy();
    let first = driver.net.connect(0, A, B);
    driver.net.reset(0, first);
    let second = driver.net.connect(0, A, B);
    assert_ne!(first.connection, second.connection);
    driver.run_for(SECOND);
    driver.send(first, b"from the past");
    driver.run_for(SECOND);
    assert_eq!(driver.bytes(second.other()), b"");
}
