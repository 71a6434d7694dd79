//! Committed and applied entries per second.

use quorate_peers::contest::{nanos_each, repeated};
use quorate_peers::table::{Row, Unit};
use quorate_peers::{CONTESTANTS, Shape};

use crate::Report;

const TURNS: usize = 150;

pub(crate) fn measure(report: &mut Report) {
    for shape in Shape::all() {
        let Shape { servers, command_bytes, batch } = shape;
        let command = vec![7; command_bytes];
        let contestants = CONTESTANTS.map(|(_, start)| {
            let (mut cluster, command) = (start(shape), &command);
            repeated(1 + 256 / batch, move || cluster.commit(command, batch))
        });
        let rates = nanos_each(TURNS, contestants).map(|nanos| batch as f64 * 1e9 / nanos);
        let [ours, raft_rs, omnipaxos, bare] = rates;
        let what = format!("{servers} servers, {command_bytes:>4} B, batch {batch:>4}");
        let row = Row::new(what, Unit::PerSecond, ours);
        let row = match goal(shape) {
            Some(goal) => row.against("raft-rs", raft_rs, goal),
            None => row.beside("raft-rs", raft_rs),
        };
        report.add(&row.against("omnipaxos", omnipaxos, 1.0).beside("bare", bare));
    }
}

/// How many times faster than raft-rs it should be.
fn goal(shape: Shape) -> Option<f64> {
    match (shape.servers, shape.command_bytes, shape.batch) {
        (3, 16, 1) => Some(5.0),
        (3, 16, 64) => Some(3.3),
        (3, 256, 1) => Some(3.5),
        (3, 256, 64) => Some(2.5),
        (3, 4096, 1) => Some(2.5),
        (3, 4096, 64) => Some(1.4),
        _ => None,
    }
}
