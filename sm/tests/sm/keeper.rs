//! Which sessions a leader lets expire, and which it must not.

use std::time::Duration;

use quorate_core::{Index, Instant};
use quorate_sm::{Envelope, SessionId, SessionKeeper};

const TIMEOUT: Duration = Duration::from_secs(8);
const STRIDE: Duration = Duration::from_secs(2);

fn at(seconds: u64) -> Instant {
    Instant(seconds * 1_000_000_000)
}

fn session(id: u64) -> SessionId {
    SessionId(Index(id))
}

fn expire(id: u64, last_active: u64) -> Envelope<'static> {
    Envelope::ExpireSession { session: session(id), last_active: Index(last_active) }
}

/// Polls as often as the keeper asks, up to `until`; returns what it expired, and when.
fn poll_until(
    keeper: &mut SessionKeeper,
    until: Instant,
    activity: &[(u64, u64)],
) -> Vec<(Instant, Envelope<'static>)> {
    let mut expired = Vec::new();
    while let Some(now) = keeper.deadline().filter(|now| *now <= until) {
        let activity = activity.iter().map(|&(id, last)| (session(id), Index(last)));
        expired.extend(keeper.poll(now, activity).into_iter().map(|envelope| (now, envelope)));
    }
    expired
}

fn leader() -> SessionKeeper {
    let mut keeper = SessionKeeper::new(TIMEOUT);
    keeper.become_leader(at(0));
    keeper
}

#[test]
fn a_silent_session_expires_within_half_a_timeout_more() {
    let expired = poll_until(&mut leader(), at(12), &[(1, 5)]);
    let [(when, envelope)] = &expired[..] else { panic!("{expired:?}") };
    assert_eq!(*envelope, expire(1, 5));
    assert!(*when >= at(0).after(TIMEOUT) && *when <= at(0).after(TIMEOUT + TIMEOUT / 2));
}

#[test]
fn a_session_that_is_active_stays() {
    let mut keeper = leader();
    for index in 1..100 {
        let now = keeper.deadline().expect("it leads");
        let activity = [(session(1), Index(index / 3)), (session(2), Index(7))];
        let expired = keeper.poll(now, activity);
        assert!(expired.iter().all(|envelope| *envelope == expire(2, 7)), "{expired:?}");
    }
}

#[test]
fn a_follower_expires_nothing() {
    let mut keeper = leader();
    poll_until(&mut keeper, at(7), &[(1, 5)]);
    keeper.become_follower();
    assert_eq!(keeper.deadline(), None);
    assert!(keeper.poll(at(1000), [(session(1), Index(5))]).is_empty());
}

#[test]
fn a_new_leader_grants_a_full_timeout() {
    let mut keeper = leader();
    poll_until(&mut keeper, at(7), &[(1, 5)]);
    keeper.become_leader(at(100));
    let expired = poll_until(&mut keeper, at(200), &[(1, 5)]);
    assert!(expired[0].0 >= at(100).after(TIMEOUT));
}

#[test]
fn a_leader_that_slept_does_not_hold_it_against_the_clients() {
    let mut keeper = leader();
    poll_until(&mut keeper, at(4), &[(1, 5), (2, 6)]);
    assert!(keeper.poll(at(104), [(session(1), Index(5)), (session(2), Index(6))]).is_empty());
    // One client speaks in time, the other one stays silent.
    let expired = poll_until(&mut keeper, at(104).after(2 * STRIDE), &[(1, 5), (2, 9)]);
    assert!(expired.iter().all(|(_, envelope)| *envelope == expire(1, 5)), "{expired:?}");
    assert_eq!(expired.len(), 1);
}

#[test]
fn a_lost_proposal_is_made_again_after_another_timeout() {
    let expired = poll_until(&mut leader(), at(40), &[(1, 5)]);
    assert!(expired.len() >= 3, "{expired:?}");
    for pair in expired.windows(2) {
        assert!(pair[1].0.since(pair[0].0) >= TIMEOUT);
    }
}

#[test]
fn a_poll_before_its_time_expires_nobody_early() {
    let mut keeper = leader();
    for millis in 0..8000 {
        let expired = keeper.poll(Instant(millis * 1_000_000), [(session(1), Index(5))]);
        assert!(expired.is_empty(), "at {millis} ms");
    }
}

#[test]
fn many_expire_in_batches() {
    let mut keeper = leader();
    let count = SessionKeeper::EXPIRED_MAX as u64 + 10;
    let silent: Vec<_> = (1..=count).map(|id| (id, id)).collect();
    let expired = poll_until(&mut keeper, at(14), &silent);
    let first = expired[0].0;
    let in_first = expired.iter().filter(|(when, _)| *when == first).count();
    assert_eq!(in_first, SessionKeeper::EXPIRED_MAX);
    assert_eq!(expired.len(), silent.len(), "the rest follows");
}
