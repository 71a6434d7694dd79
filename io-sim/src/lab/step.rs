//! One step of one server: the events go in, the effects are carried out, everything is checked.

use quorate_core::{Cause, Effect, Event, Index, Message, NodeId, Write};

use super::sabotage::Sabotage;
use super::world::{Body, Fetch, Happening, World};
use crate::clock::nanos;
use crate::judge::Glance;
use crate::judge::{Checked, Properties, Property, Violation, hold};

impl World<'_> {
    /// The server handles what has come in.
    pub(crate) fn flush(&mut self, at: usize) -> Checked {
        let server = &mut self.servers[at];
        let Some(life) = &mut server.life else { return Ok(()) };
        let id = server.id.get();
        for event in &life.inbox {
            self.trace.happened(self.now, id, event);
        }
        let now = server.clock.read(self.now);
        let was = life.glance();
        let deadline = life.raft.deadline();
        let is_spurious =
            life.inbox == [Event::Timeout] && deadline.is_none_or(|deadline| now < deadline);
        if life.inbox.len() == 1 {
            let event = life.inbox.pop().expect("there is one");
            life.raft.step(now, event, &mut self.effects);
        } else {
            life.raft.step_batch(now, &mut life.inbox, &mut self.effects);
        }
        life.watch.check(&life.raft).map_err(|broken| Violation {
            property: Property::InvariantsHold,
            evidence: format!("n{id}: {broken}"),
        })?;
        let is = life.glance();
        let inflight_max = self.options.config.inflight_messages_max as usize;
        let mut peers = life.raft.status().peers.iter();
        hold(
            peers.all(|peer| peer.inflight_messages() <= inflight_max),
            Property::EffectsAreWellFormed,
            || format!("n{id} has more than {inflight_max} messages under way to one peer"),
        )?;
        hold(
            !is_spurious || self.effects.is_empty() && was == is,
            Property::EffectsAreWellFormed,
            || format!("n{id} reacts to a timer that was not set"),
        )?;
        let effects: Vec<_> = self.effects.drain().collect();
        self.carry_out(at, was, is, effects)
    }

    fn carry_out(&mut self, at: usize, was: Glance, is: Glance, effects: Vec<Effect>) -> Checked {
        let id = self.servers[at].id;
        for effect in &effects {
            self.trace.happened(self.now, id.get(), effect);
        }
        self.trace.line(self.now, id.get(), || {
            let Glance { role, hard_state, last, durable, commit } = is;
            let (term, vote) = (hard_state.term.0, hard_state.vote);
            let ends = (last.index.0, last.term.0, durable.0, commit.0);
            format!("  = {role:?} term {term} vote {vote:?} last@term durable commit {ends:?}")
        });
        // Answers first: what is written must have been answered.
        effects.iter().try_for_each(|effect| self.answer(at, effect))?;
        for effect in &effects {
            if let Effect::Write(write) = effect {
                self.write(at, write, was, is)?;
            }
        }
        self.checks.stepped(at, was, is, &self.servers)?;
        Properties::counts_its_own(was, is, &self.servers[at].disk)?;
        if is.leads() && !was.leads() {
            self.mark_leader(at);
        }
        effects.into_iter().try_for_each(|effect| self.carry_out_one(at, is, effect))
    }

    fn answer(&mut self, at: usize, effect: &Effect) -> Checked {
        let id = self.servers[at].id;
        match effect {
            Effect::Accepted { id: request, at } => self.requests.accepted(id, *request, *at),
            Effect::Refused { id: request, why } => {
                let bytes_max = self.options.config.command_bytes_max;
                self.requests.refused(id, *request, *why, bytes_max)
            }
            Effect::ReadReady { id: request, index } => {
                self.requests.read_ready(id, *request, *index)
            }
            Effect::Transferred { id: request } => self.requests.transferred(id, *request),
            Effect::Reconfigured { id: request, at: index } => {
                let written = self.servers[at].disk.written();
                let said = written.entry(*index).and_then(|entry| entry.payload.membership());
                let founders = self.options.membership.clone();
                let said = if *index == Index(0) { Some(founders) } else { said };
                self.requests.reconfigured(id, *request, said.as_ref())
            }
            Effect::ReconfigurationStopped { id: request, .. } => {
                self.requests.change_stopped(id, *request)
            }
            _ => Ok(()),
        }
    }

    fn carry_out_one(&mut self, at: usize, is: Glance, effect: Effect) -> Checked {
        match effect {
            Effect::Send(message) => self.send(message, is),
            Effect::Commit(index) => self.commit(at, index),
            Effect::Fetch { to, first, bytes_max } => self.fetch(at, is, to, first, bytes_max),
            Effect::Halt(violation) => Err(Violation {
                property: Property::ServersRun,
                evidence: format!("{:?} halts: {violation}", self.servers[at].id),
            }),
            Effect::FetchSnapshot { from, snapshot } => self.fetch_snapshot(at, from, snapshot),
            Effect::Restore(snapshot) => self.restore(at, snapshot),
            Effect::Compact(index) => self.compact(at, index),
            Effect::RoleChanged(change) => {
                self.report.hung += u64::from(change.cause == Cause::DiskHung);
                Ok(())
            }
            Effect::Write(_)
            | Effect::Accepted { .. }
            | Effect::Refused { .. }
            | Effect::Transferred { .. }
            | Effect::Reconfigured { .. }
            | Effect::ReconfigurationStopped { .. }
            | Effect::MembershipChanged(_)
            | Effect::ReadReady { .. } => Ok(()),
        }
    }

    fn write(&mut self, at: usize, write: &Write, was: Glance, is: Glance) -> Checked {
        let body = self.body(at);
        let written = self.servers[at].disk.written();
        let write = self.checks.spelled_out(write.clone(), was, written, &self.servers)?;
        let server = &mut self.servers[at];
        self.checks.writes(&write, was, is, &server.disk)?;
        let truncates = server.disk.write(write.clone())?;
        self.report.truncations += u64::from(truncates);
        if let Some(append) = &write.append {
            for entry in self.checks.wrote(&append.entries, server.disk.written())? {
                self.requests.appended(entry)?;
            }
        }
        if !server.is_disk_busy {
            server.is_disk_busy = true;
            self.plan_sync(body);
        }
        if self.is_sabotaged(Sabotage::LyingDisks) {
            let lie = Event::Persisted(write.ticket);
            self.queue.plan(self.now, Happening::Tell(body, lie));
        }
        Ok(())
    }

    fn plan_sync(&mut self, body: Body) {
        let delay = self.disk_rng.within(0, nanos(self.options.disk_delay_max));
        self.queue.plan(self.now + delay, Happening::Sync(body));
    }

    /// The disk catches up by some writes, and says so.
    pub(crate) fn sync(&mut self, body: Body) -> Checked {
        self.with_awake(body, Happening::Sync(body), |world| {
            let server = &mut world.servers[body.at];
            if server.disk_hung_until > world.now {
                world.queue.plan(server.disk_hung_until, Happening::Sync(body));
                return Ok(());
            }
            let count = 1 + world.disk_rng.index(server.disk.pending());
            let (ticket, truncated) = server.disk.sync(count);
            server.is_disk_busy = server.disk.pending() > 0;
            if server.is_disk_busy {
                world.plan_sync(body);
            }
            if truncated {
                world.checks.still_durable(&world.servers)?;
            }
            if world.is_sabotaged(Sabotage::LyingDisks) {
                return Ok(());
            }
            let ticket = ticket.expect("at least one write was pending");
            world.give(body.at, Event::Persisted(ticket))
        })
    }

    fn send(&mut self, message: Message, is: Glance) -> Checked {
        self.checks.said(&message, is, &self.options.config, &self.servers)?;
        self.report.sent += 1;
        let message = self.sabotage_message(message);
        let mut arrivals = std::mem::take(&mut self.arrivals);
        self.network.send(self.now, message, &mut arrivals);
        for (when, message) in arrivals.drain(..) {
            self.queue.plan(when, Happening::Arrive(message));
        }
        self.arrivals = arrivals;
        Ok(())
    }

    /// A state machine reads what is new from memory, or from the disk after a restart.
    fn commit(&mut self, at: usize, index: Index) -> Checked {
        let server = &mut self.servers[at];
        let (id, disk) = (server.id, &server.disk);
        let life = server.life.as_mut().expect("it has just stepped");
        let applied = life.applied;
        let is_durable = disk.is_durable(index);
        hold(
            applied < index && (!self.checks.looks_into_disks || is_durable),
            Property::EffectsAreWellFormed,
            || format!("{id:?} hands out {index:?} after {applied:?}, durable: {is_durable}"),
        )?;
        let first = life.recovered.max(applied).next();
        life.applied = index;
        self.may_take_snapshot(at, index);
        if first > index {
            return Ok(());
        }
        let server = &self.servers[at];
        let (disk, life) = (&server.disk, server.life.as_ref().expect("as before"));
        let cached = life.raft.cached(first, u64::MAX).map(|entries| entries.up_to(index));
        let is_whole = cached.as_ref().is_some_and(|run| disk.written().is_run(first, index, run));
        hold(is_whole, Property::EffectsAreWellFormed, || {
            format!("{id:?} hands out {first:?} to {index:?}, and has {cached:?} in memory")
        })
    }

    fn fetch(
        &mut self,
        at: usize,
        is: Glance,
        to: NodeId,
        first: Index,
        bytes_max: u64,
    ) -> Checked {
        let body = self.body(at);
        let server = &mut self.servers[at];
        hold(is.leads(), Property::EffectsAreWellFormed, || {
            format!("{:?} leads no more, and fetches {first:?} for {to:?}", server.id)
        })?;
        let is_new = server.life.as_mut().is_some_and(|life| life.fetches.insert(to));
        hold(is_new, Property::EffectsAreWellFormed, || {
            format!("{:?} fetches {first:?} for {to:?}, and waits for another answer", server.id)
        })?;
        self.report.fetches += 1;
        let reads_at_once = self.disk_rng.chance(500);
        let entries = reads_at_once.then(|| server.read(first, bytes_max));
        let fetch = Fetch { to, first, bytes_max, entries };
        // Some reads take long enough for leaderships to end and begin.
        let slower = if self.disk_rng.chance(100) { 20 } else { 1 };
        let delay = self.disk_rng.within(0, slower * nanos(self.options.disk_delay_max));
        self.queue.plan(self.now + delay, Happening::Fetched(body, fetch));
        Ok(())
    }

    pub(crate) fn fetched(&mut self, body: Body, fetch: Fetch) -> Checked {
        let later = Happening::Fetched(body, fetch.clone());
        self.with_awake(body, later, |world| {
            let Fetch { to, first, bytes_max, entries } = fetch;
            let server = &mut world.servers[body.at];
            if let Some(life) = &mut server.life {
                life.fetches.remove(&to);
            }
            let entries = entries.unwrap_or_else(|| server.read(first, bytes_max));
            world.give(body.at, Event::Fetched { to, entries })
        })
    }
}
