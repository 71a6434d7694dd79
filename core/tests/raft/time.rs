//! What leaders write down of the time: thesis 6.3.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::bench::{Bench, id, propose};
use quorate_core::{Config, Effect, Entry, Event, Index, LogId, Payload, RequestId, System};

const RESOLUTION: Duration = Duration::from_millis(10);
/// A leader counts no more than this of what it slept.
const STRIDE: Duration = Duration::from_millis(300);

fn timed(config: &mut Config) {
    config.time_resolution_ms = NonZeroU32::new(10);
}

fn written(effects: &[Effect]) -> Vec<Entry> {
    let writes = effects.iter().filter_map(|effect| match effect {
        Effect::Write(write) => write.append.as_ref(),
        _ => None,
    });
    writes.flat_map(|append| append.entries.to_vec()).collect()
}

/// The times in what is written, each with its place.
fn times(effects: &[Effect]) -> Vec<(LogId, Duration)> {
    let time = |entry: &Entry| match entry.payload {
        Payload::System(System::Time(time)) => Some((entry.id, time.led())),
        _ => None,
    };
    written(effects).iter().filter_map(time).collect()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A leader lets time pass, as it does: from heartbeat to heartbeat, which its peers answer.
fn lead_on(bench: &mut Bench, span: Duration) {
    let stop = bench.now.after(span);
    while bench.raft.deadline().expect("a deadline") < stop {
        bench.time_out();
        bench.acknowledge(2, 1);
    }
    bench.now = stop;
    bench.step(Event::Timeout);
}

#[test]
fn a_command_is_preceded_by_the_time_unless_that_was_written_a_moment_ago() {
    let mut bench = Bench::settled_leader(timed);
    assert_eq!(bench.raft.led(), Some(Duration::ZERO));
    assert_eq!(times(&bench.propose(1, 1)), [(id(1, 2), Duration::ZERO)], "the first one");

    lead_on(&mut bench, RESOLUTION - Duration::from_nanos(1));
    assert_eq!(times(&bench.propose(2, 1)), [], "a moment ago");
    lead_on(&mut bench, Duration::from_nanos(1));
    let effects = bench.step_batch(vec![propose(3, 1), propose(4, 1)]);
    assert_eq!(times(&effects), [(id(1, 5), RESOLUTION)], "once, and ahead of both");
    let accepted = effects.iter().filter_map(|effect| match effect {
        Effect::Accepted { id, at } => Some((*id, at.index)),
        _ => None,
    });
    assert!(accepted.eq([(RequestId(3), Index(6)), (RequestId(4), Index(7))]));
}

#[test]
fn nobody_writes_the_time_who_was_not_told_to() {
    let mut bench = Bench::settled_leader(|_| {});
    lead_on(&mut bench, ms(1000));
    assert_eq!(bench.raft.led(), None);
    assert_eq!(times(&bench.propose(1, 1)), []);
    assert_eq!(written(&bench.step(Event::WriteTime)), []);

    let mut follower = Bench::with(1, &[(1, 1)], timed);
    assert_eq!(follower.raft.led(), None);
    assert_eq!(written(&follower.step(Event::WriteTime)), []);
}

#[test]
fn who_waits_for_the_time_gets_it_at_once() {
    let mut bench = Bench::settled_leader(timed);
    bench.propose(1, 1);
    lead_on(&mut bench, ms(1));
    assert_eq!(times(&bench.step(Event::WriteTime)), [(id(1, 4), ms(1))]);
    assert_eq!(times(&bench.propose(2, 1)), [], "that was a moment ago");
}

#[test]
fn time_passes_while_nothing_is_written() {
    let mut bench = Bench::settled_leader(timed);
    lead_on(&mut bench, ms(3_600_000));
    assert_eq!(bench.raft.led(), Some(ms(3_600_000)));
    assert_eq!(times(&bench.step(Event::WriteTime)), [(id(1, 2), ms(3_600_000))]);
}

#[test]
fn a_leader_that_slept_counts_an_election_timeout_of_it() {
    // Without it, the first thing that a sleeper does is to step down.
    let mut bench = Bench::settled_leader(|config| {
        timed(config);
        config.check_quorum = false;
    });
    lead_on(&mut bench, ms(50));
    bench.now = bench.now.after(ms(3_600_000));
    bench.step(Event::Timeout);
    assert_eq!(bench.raft.led(), Some(ms(50) + STRIDE));
    lead_on(&mut bench, ms(5));
    assert_eq!(bench.raft.led(), Some(ms(55) + STRIDE), "and goes on from there");
}

#[test]
fn time_starts_anew_with_each_leader() {
    let mut bench = Bench::settled_leader(timed);
    lead_on(&mut bench, ms(1000));
    let term = bench.raft.status().hard_state.term.0;
    bench.heartbeat((2, term + 1), 1);
    assert_eq!(bench.raft.led(), None, "deposed");
    bench.persist();
    bench.become_leader();
    assert_eq!(bench.raft.led(), Some(Duration::ZERO));
}

#[test]
fn a_leader_that_hands_over_writes_no_time() {
    let mut bench = Bench::settled_leader(timed);
    let (id, to) = (RequestId(1), None);
    bench.step(Event::TransferLeadership { id, to, within: ms(200) });
    assert_eq!(written(&bench.step(Event::WriteTime)), []);
}
