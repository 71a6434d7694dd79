//! What servers say to each other, and what a follower does with it.

use quorate_core::Entry;
use quorate_peers::contest::{Lap, Work, nanos_each, repeated};
use quorate_peers::follower::{self, Follower};
use quorate_peers::lockstep::Lockstep;
use quorate_peers::table::{Row, Unit};
use quorate_peers::{KEPT, RaftRs};

use crate::Report;

const TURNS: usize = 200;
const REPEATS: usize = 64;

pub(crate) fn measure(report: &mut Report) {
    heartbeats(report);
    reads(report);
    for (entries, goal) in [(0, 0.57 / 0.2), (1, 1.36 / 0.4), (64, 20.7 / 5.0)] {
        appends(report, entries, goal);
    }
}

fn heartbeats(report: &mut Report) {
    let (mut ours, mut theirs) = clusters();
    let contestants =
        [repeated(REPEATS, || ours.heartbeat()), repeated(REPEATS, || theirs.heartbeat())];
    let [ours, theirs] = nanos_each(TURNS, contestants);
    let row = Row::new("a round of heartbeats", Unit::Nanoseconds, ours);
    report.add(&row.against("raft-rs", theirs, 1.9 / 0.6));
}

fn reads(report: &mut Report) {
    let (mut ours, mut theirs) = clusters();
    let contestants = [repeated(REPEATS, || ours.read()), repeated(REPEATS, || theirs.read())];
    let nanos = nanos_each(TURNS, contestants);
    assert!(ours.reads_ready() > 0 && theirs.reads_ready() > 0, "reads are confirmed");
    let row = Row::new("a confirmed read (ReadIndex)", Unit::Nanoseconds, nanos[0]);
    report.add(&row.beside("raft-rs", nanos[1]));
}

fn clusters() -> (Lockstep, RaftRs) {
    (Lockstep::new(3, 1 << 20), RaftRs::new(3))
}

/// Only what it takes to take messages in is timed, not what it takes to make them.
fn appends(report: &mut Report, entries: usize, goal: f64) {
    let cached_bytes_max = KEPT as u64 * (16 + Entry::OVERHEAD_BYTES);
    let followers: [Box<dyn Follower>; 2] = [
        Box::new(follower::Quorate::new(cached_bytes_max)),
        Box::new(follower::RaftRs::new(KEPT as u64)),
    ];
    let contestants = followers.map(|mut follower| {
        Box::new(move || {
            follower.prepare(REPEATS, entries, &[7; 16]);
            Lap::of(|| follower.take_in())
        }) as Work<'_>
    });
    let [ours, theirs] = nanos_each(TURNS, contestants);
    let what = format!("an append of {entries} to a follower");
    report.add(&Row::new(what, Unit::Nanoseconds, ours).against("raft-rs", theirs, goal));
}
