//! What happens when something reaches the other host, or cannot.

use bytes::Bytes;

use super::chance::strikes;
use super::connection::{ConnId, End, Side, State};
use super::delivery::{Cause, ConnectError, NetEvent};
use super::host::HostId;
use super::link::FOREVER;
use super::pipe::{Cargo, Stuck};
use super::plan::Event;
use super::run::{join, pause};
use super::{Net, link};

impl Net {
    pub(super) fn handle(&mut self, now: u64, at: u64, event: Event) {
        match event {
            Event::Wire(connection, side) => self.look(now, at, End::new(connection, side)),
            Event::Aside(connection, side) => self.release_aside(now, End::new(connection, side)),
            Event::Knock(connection) => self.knock(now, connection),
            Event::Welcome(connection) => self.open(now, connection),
            Event::Refusal(connection) => self.refuse(now, connection),
        }
    }

    /// An attempt to connect: it needs both ways, and somebody who listens.
    fn knock(&mut self, now: u64, id: ConnId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        let [from, to] = connection.hosts;
        let (deadline, tries) = (connection.deadline, connection.tries);
        if now >= deadline {
            self.struck.connects_timed_out += 1;
            return self.fail(id, ConnectError::TimedOut);
        }
        connection.tries += 1;
        let is_lost = self.is_lost(from, to) || self.is_lost(to, from);
        if is_lost || self.hosts[usize::from(to.0)].is_dark {
            let again = now.saturating_add(pause(&self.options, tries)).min(deadline);
            return self.plan.add(again, Event::Knock(id));
        }
        let at = self.one_way(to, from);
        let answer = if self.hosts[usize::from(to.0)].is_listening {
            Event::Welcome(id)
        } else {
            Event::Refusal(id)
        };
        self.plan.add(at, answer);
    }

    /// Does something that goes over a link now get lost?
    fn is_lost(&mut self, from: HostId, to: HostId) -> bool {
        let now = self.now;
        let link = link(&mut self.links, &self.options, self.hosts.len(), from, to);
        let is_lost = strikes(&mut self.chance.loss, link.options.loss_ppm);
        let is_held = link.held_until > now;
        self.struck.losses += u64::from(is_lost);
        self.struck.held += u64::from(is_held);
        self.struck.blocked += u64::from(!link.is_open(now));
        is_lost || is_held || !link.is_open(now)
    }

    /// The dialer's end is open; the acceptor gets to know it with the first that arrives.
    fn open(&mut self, now: u64, id: ConnId) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        if connection.state(Side::Dialer) != State::Unborn {
            return;
        }
        let [from, to] = connection.hosts;
        if !self.link_mut(to, from).is_open(now) {
            return self.knock(now, id);
        }
        let connection = self.connections.get_mut(id).expect("it was there");
        connection.states[Side::Dialer as usize] = State::Open;
        let at = self.one_way(from, to);
        let link = link(&mut self.links, &self.options, self.hosts.len(), from, to);
        let is_deaf = strikes(&mut self.chance.stall, link.options.stream.deaf_ppm);
        let connection = self.connections.get_mut(id).expect("it was there");
        connection.pipes[Side::Dialer as usize].load(at, Cargo::Open);
        if is_deaf {
            self.struck.deaf += 1;
            connection.pipes[Side::Dialer as usize].stalled_until = FOREVER;
        }
        let end = End::new(id, Side::Dialer);
        self.tell(end, NetEvent::Opened);
        let left = self.pump(now, end);
        self.tell_room(end, left);
    }

    fn refuse(&mut self, now: u64, id: ConnId) {
        let Some(connection) = self.connections.get(id) else { return };
        let [from, to] = connection.hosts;
        if !self.link_mut(to, from).is_open(now) {
            return self.knock(now, id);
        }
        self.struck.refused += 1;
        self.fail(id, ConnectError::Refused);
    }

    fn fail(&mut self, id: ConnId, why: ConnectError) {
        let end = End::new(id, Side::Dialer);
        let dialer = self.connections.get(id).map(|connection| connection.state(Side::Dialer));
        if dialer == Some(State::Unborn) {
            self.tell(end, NetEvent::Failed(why));
            self.pass_away(end);
        }
    }

    fn release_aside(&mut self, now: u64, end: End) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        let pipe = &mut connection.pipes[end.side as usize];
        pipe.framing.release(now, &mut self.chunks);
        pipe.backlog.extend(self.chunks.drain(..));
        if let Some(at) = pipe.framing.release_at() {
            self.plan.add(at, Event::Aside(end.connection, end.side));
        }
        let left = self.pump(now, end);
        self.tell_room(end, left);
    }

    /// Looks at what this end has said: has anything arrived, or been acknowledged?
    fn look(&mut self, now: u64, at: u64, end: End) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        let (from, to) = (connection.host(end.side), connection.host(end.side.other()));
        let receiver = connection.state(end.side.other());
        let pipe = &mut connection.pipes[end.side as usize];
        if pipe.wake_at != Some(at) {
            return;
        }
        pipe.wake_at = None;
        let is_dark = self.hosts[usize::from(to.0)].is_dark;
        let hosts = self.hosts.len();
        let is_back_open = link(&mut self.links, &self.options, hosts, to, from).is_open(now);
        let forth = link(&mut self.links, &self.options, hosts, from, to);
        // Whoever does not know the connection must be able to say so.
        let is_known = matches!(receiver, State::Open | State::Unborn);
        let is_forth_open = forth.is_open(now) && !is_dark && (is_known || is_back_open);
        let has_arrived = pipe.wire.front().is_some_and(|front| {
            front.at.max(pipe.stalled_until).max(forth.held_until) <= now && !pipe.is_paused
        });
        if is_forth_open && is_back_open && pipe.unacked > 0 {
            pipe.occupied -= pipe.unacked;
            pipe.unacked = 0;
        }
        if has_arrived && is_forth_open {
            self.take_off(now, end, is_back_open);
        }
        self.after_look(now, end, has_arrived && !is_forth_open);
    }

    /// Takes the front off the wire and hands it to whom it may concern.
    fn take_off(&mut self, now: u64, end: End, is_back_open: bool) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        let (from, to) = (connection.host(end.side), connection.host(end.side.other()));
        let forth = link(&mut self.links, &self.options, self.hosts.len(), from, to);
        let joins = forth.options.stream.coalesce_ppm > 0;
        let pipe = &mut connection.pipes[end.side as usize];
        let segment = pipe.wire.pop_front().expect("something has arrived");
        let receiver = end.other();
        match segment.cargo {
            Cargo::Open => self.accept(receiver),
            Cargo::Bytes(bytes) => {
                let bytes = if joins { join(pipe, now, bytes, &mut self.struck) } else { bytes };
                if is_back_open {
                    pipe.occupied -= bytes.len() as u64;
                } else {
                    pipe.unacked += bytes.len() as u64;
                }
                self.receive(receiver, bytes);
            }
            Cargo::Fin => self.receive_fin(receiver),
            Cargo::Reset => self.receive_reset(receiver),
        }
    }

    /// Retries what could not be done, puts more on the wire, and plans the next look.
    fn after_look(&mut self, now: u64, end: End, is_blocked: bool) {
        let Some(connection) = self.connections.get_mut(end.connection) else { return };
        let is_gone = connection.state(end.side) == State::Gone;
        let pipe = &mut connection.pipes[end.side as usize];
        self.struck.blocked += u64::from(is_blocked);
        if is_gone && (is_blocked || pipe.unacked > 0) {
            // Nobody is left to repeat it.
            pipe.clear();
            pipe.is_broken = false;
            return self.pass_away(end);
        } else if is_blocked || pipe.unacked > 0 {
            let first = Stuck { since: now, retry_at: now, tries: 0, is_blocked };
            let mut stuck = pipe.stuck.unwrap_or(first);
            if now - stuck.since >= self.options.give_up_ns {
                return self.give_up(end);
            }
            stuck.is_blocked = is_blocked;
            if stuck.retry_at <= now {
                stuck.retry_at = now.saturating_add(pause(&self.options, stuck.tries));
                stuck.tries += 1;
            }
            pipe.stuck = Some(stuck);
        } else {
            pipe.stuck = None;
        }
        if !pipe.backlog.is_empty() {
            let left = self.pump(now, end);
            self.tell_room(end, left);
        }
        self.schedule(end);
    }

    fn accept(&mut self, receiver: End) {
        let Some(connection) = self.connections.get_mut(receiver.connection) else { return };
        let (host, from) = (connection.host(receiver.side), connection.host(Side::Dialer));
        let is_expected = connection.state(receiver.side) == State::Unborn;
        if !is_expected || !self.hosts[usize::from(host.0)].is_listening {
            return self.turn_away(receiver);
        }
        connection.states[receiver.side as usize] = State::Open;
        self.tell(receiver, NetEvent::Accepted(from));
    }

    fn receive(&mut self, receiver: End, bytes: Bytes) {
        match self.state(receiver) {
            Some(State::Open) => self.tell(receiver, NetEvent::Bytes(bytes)),
            Some(_) => self.turn_away(receiver),
            None => {}
        }
    }

    fn receive_fin(&mut self, receiver: End) {
        match self.state(receiver) {
            Some(State::Open) => self.tell(receiver, NetEvent::Ended(Cause::Closed)),
            Some(State::Gone) if self.state(receiver.other()) == Some(State::Open) => {
                self.turn_away(receiver);
            }
            _ => {}
        }
        self.settle_closed(receiver.other());
    }

    fn receive_reset(&mut self, receiver: End) {
        for end in [receiver, receiver.other()] {
            if matches!(self.state(end), Some(State::Open)) {
                self.tell(end, NetEvent::Ended(Cause::Reset));
            }
        }
        self.pass_away(receiver.other());
        self.pass_away(receiver);
    }

    /// What came in finds nobody: the kernel says so, and what follows it is not waited for.
    fn turn_away(&mut self, receiver: End) {
        self.struck.stray += 1;
        let Some(connection) = self.connections.get_mut(receiver.connection) else { return };
        connection.pipes[receiver.side.other() as usize].clear();
        if connection.state(receiver.side.other()) == State::Open {
            self.send_reset(receiver);
        } else {
            self.pass_away(receiver.other());
            self.pass_away(receiver);
        }
    }

    fn state(&self, end: End) -> Option<State> {
        self.connections.get(end.connection).map(|connection| connection.state(end.side))
    }
}
