//! What a recording of a world is told; nothing is looked at unless there is one.

use quorate_core::node::{ConnectionId, Input};

use super::world::World;
use crate::boot::host_at;
use crate::net::{Down, End};
use crate::show::{Standing, What};

impl World<'_> {
    /// Something about a server, whose number is filled in.
    pub(crate) fn tell(&mut self, at: usize, what: impl FnOnce(u16) -> What) {
        let n = self.servers[at].host.0;
        self.trace.see(self.now, |recorder| recorder.put(what(n)));
    }

    pub(crate) fn tell_noted(&mut self, at: usize, text: impl FnOnce() -> String) {
        self.tell(at, |n| What::Noted { n, text: text() });
    }

    /// How a server stands.
    pub(crate) fn tell_standing(&mut self, at: usize) {
        let server = &self.servers[at];
        let Some(process) = &server.process else { return };
        self.trace.see(self.now, |recorder| {
            let is = process.glance();
            let standing = Standing {
                role: is.role,
                term: is.term().0,
                vote: is.hard_state.vote.map_or(0, |vote| vote.get()),
                last: is.last.index.0,
                last_term: is.last.term.0,
                durable: is.durable.0,
                commit: is.commit.0,
                applied: process.apply.lane.applier().last_applied().index.0,
            };
            recorder.stands(server.host, standing);
        });
    }

    pub(crate) fn tell_down(&mut self, at: usize, how: Down) {
        let server = &self.servers[at];
        self.trace.see(self.now, |recorder| {
            let how = match how {
                Down::Kill => "killed",
                Down::PowerLoss => "power lost",
            };
            let when = if server.drive.is_dead() { " in an operation of its disk" } else { "" };
            recorder.down(server.host, format!("{how}{when}"));
        });
    }

    pub(crate) fn tell_connected(&mut self, end: End, at: usize, address: &str) {
        let from = self.servers[at].host;
        self.trace.see(self.now, |recorder| recorder.connected(end, from, host_at(address)));
    }

    pub(crate) fn tell_sent(&mut self, at: usize, name: ConnectionId, bytes: &[u8]) {
        let Some(process) = &self.servers[at].process else { return };
        let Some(end) = process.wires.end(name) else { return };
        self.trace.see(self.now, |recorder| recorder.sent(end, bytes));
    }

    /// The disk works until then, and this comes of it.
    pub(crate) fn tell_disk(&mut self, at: usize, until: u64, done: &[Input]) {
        self.tell(at, |n| What::Disk { n, until, text: words(done) });
    }
}

fn words(done: &[Input]) -> String {
    let persisted = done.iter().rev().find_map(|input| match input {
        Input::Persisted(ticket) => Some(format!("durable up to ticket {}", ticket.0)),
        _ => None,
    });
    let others = done.iter().filter_map(|input| match input {
        Input::LogRead(..) => Some("entries are read".to_owned()),
        Input::DiskFailed(why) => Some(format!("failed: {why}")),
        Input::DiskFull(why) => Some(format!("full: {why}")),
        _ => None,
    });
    let words: Vec<_> = persisted.into_iter().chain(others).collect();
    if words.is_empty() { "what can wait".to_owned() } else { words.join(", ") }
}
