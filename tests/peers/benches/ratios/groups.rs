//! Very many groups that have nothing to do: what it costs that they stay alive.

use quorate_peers::RaftRs;
use quorate_peers::contest::{Lap, Work, nanos_each};
use quorate_peers::lockstep::Lockstep;
use quorate_peers::table::{Row, Unit};

use crate::Report;

const GROUPS: usize = 10_000;
const TURNS: usize = 11;

pub(crate) fn measure(report: &mut Report) {
    let mut ours: Vec<_> = (0..GROUPS).map(|_| <Lockstep>::new(3, 0)).collect();
    let mut theirs: Vec<_> = (0..GROUPS).map(|_| <RaftRs>::new(3)).collect();
    let contestants: [Work<'_>; 2] = [
        Box::new(|| Lap::of(|| ours.iter_mut().map(Lockstep::heartbeat).count())),
        Box::new(|| Lap::of(|| theirs.iter_mut().map(RaftRs::heartbeat).count())),
    ];
    let millis = nanos_each(TURNS, contestants).map(|nanos| nanos * GROUPS as f64 / 1e6);
    let row = Row::new("a round of 10,000 groups", Unit::Milliseconds, millis[0]);
    report.add(&row.against("raft-rs", millis[1], 1.0));
}
