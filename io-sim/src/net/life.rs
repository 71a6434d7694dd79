//! How connections end, and how hosts go down and come up.

use super::Net;
use super::chance::strikes;
use super::connection::{ConnId, End, Side, State};
use super::delivery::{Cause, NetEvent};
use super::host::{Down, HostId};
use super::pipe::Fin;

impl Net {
    /// The process is done with this end: what was sent still goes out, and then an end; what comes
    /// in is answered with a reset. The end is not mentioned again.
    pub fn close(&mut self, now: u64, end: End) {
        self.finish(now, end);
        self.leave(end);
    }

    /// Breaks the connection off: what has not left the process never will. The end is not mentioned
    /// again.
    pub fn reset(&mut self, now: u64, end: End) {
        self.advance(now);
        self.send_reset(end);
    }

    /// A host goes down. It is up to whoever drives it to forget its ends: nothing is delivered to
    /// it any more.
    pub fn host_down(&mut self, now: u64, host: HostId, how: Down) {
        self.advance(now);
        let entry = &mut self.hosts[usize::from(host.0)];
        entry.is_listening = false;
        entry.is_dark = how == Down::PowerLoss;
        self.ready.retain(|delivery| delivery.host != host);
        for connection in self.connections.ids() {
            for side in Side::BOTH {
                let end = End::new(connection, side);
                if self.connections.get(connection).is_some_and(|all| all.host(side) == host) {
                    match how {
                        Down::Kill => self.end_of_process(end),
                        Down::PowerLoss => self.lose_power(end),
                    }
                }
            }
        }
    }

    /// The host has power again and knows of no connection. It takes new ones once it
    /// [listens](Self::listen).
    pub fn host_up(&mut self, now: u64, host: HostId) {
        self.advance(now);
        self.hosts[usize::from(host.0)].is_dark = false;
    }

    /// The kernel ends a connection whose process is gone: in good order, or not.
    fn end_of_process(&mut self, end: End) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        let is_known = connection.state(Side::Dialer) != State::Unborn;
        match connection.state(end.side) {
            State::Unborn if end.side == Side::Dialer => self.send_reset(end),
            // It was never taken: what arrives finds nobody.
            State::Unborn if is_known => connection.states[end.side as usize] = State::Gone,
            State::Open => {
                connection.pipes[end.side as usize].drop_backlog();
                if strikes(&mut self.chance.kill, 500_000) {
                    self.send_reset(end);
                } else {
                    self.close(self.now, end);
                }
            }
            State::Unborn | State::Closed | State::Gone => {}
        }
    }

    /// Nobody says or knows anything any more; what is under way is under way.
    fn lose_power(&mut self, end: End) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        let is_known = connection.state(Side::Dialer) != State::Unborn;
        let pipe = &mut connection.pipes[end.side as usize];
        pipe.drop_backlog();
        pipe.stuck = None;
        if end.side == Side::Dialer || is_known {
            self.pass_away(end);
        }
    }

    /// The process will not read any more.
    fn leave(&mut self, end: End) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        if connection.state(end.side) == State::Unborn {
            return self.pass_away(end);
        }
        if connection.state(end.side) == State::Open {
            connection.states[end.side as usize] = State::Closed;
            connection.pipes[end.side as usize].orphan(self.now, self.options.give_up_ns);
        }
        let incoming = &mut connection.pipes[end.side.other() as usize];
        incoming.is_paused = false;
        // Its kernel reads on, if only to say no.
        incoming.stalled_until = 0;
        self.ready.retain(|delivery| delivery.end != end);
        self.settle_closed(end);
        self.schedule(end);
        self.schedule(end.other());
    }

    /// Everything has been said and heard: there is nothing more to know.
    pub(super) fn settle_closed(&mut self, end: End) {
        let Some(connection) = self.connections.get(end.connection) else { return };
        let pipe = &connection.pipes[end.side as usize];
        let is_done = pipe.fin == Fin::Sent && pipe.wire.is_empty();
        if connection.state(end.side) == State::Closed && is_done {
            self.pass_away(end);
        }
    }

    /// This end says that the connection is no more, and knows nothing of it from then on.
    pub(super) fn send_reset(&mut self, end: End) {
        let Some(connection) = self.connections.get(end.connection) else { return };
        let (from, to) = (connection.host(end.side), connection.host(end.side.other()));
        let has_begun = connection.state(Side::Dialer) != State::Unborn;
        if has_begun && connection.state(end.side.other()) != State::Gone {
            let at = self.one_way(from, to);
            let connection = self.connections.get_mut(end.connection).expect("it was there");
            connection.pipes[end.side as usize].break_off(at);
            self.schedule(end);
        }
        self.pass_away(end);
    }

    /// What this end sent was not acknowledged for too long.
    pub(super) fn give_up(&mut self, end: End) {
        self.struck.given_up += 1;
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        connection.pipes[end.side as usize].clear();
        let (state, other) = (connection.state(end.side), end.other());
        if connection.state(other.side) == State::Unborn {
            connection.states[other.side as usize] = State::Gone;
        }
        if state == State::Open {
            self.tell(end, NetEvent::Ended(Cause::TimedOut));
        }
        self.pass_away(end);
    }

    /// The host of this end knows nothing of it any more.
    pub(super) fn pass_away(&mut self, end: End) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        connection.states[end.side as usize] = State::Gone;
        connection.pipes[end.side as usize].drop_backlog();
        connection.pipes[end.side as usize].orphan(self.now, self.options.give_up_ns);
        let other = end.side.other();
        let never_was = connection.state(other) == State::Unborn
            && connection.pipes[end.side as usize].wire.is_empty();
        if never_was {
            connection.states[other as usize] = State::Gone;
        }
        self.schedule(end);
        self.forget_if_over(end.connection);
    }

    fn forget_if_over(&mut self, id: ConnId) {
        if self.connections.get(id).is_some_and(|connection| connection.is_over()) {
            self.connections.remove(id);
        }
    }
}
