//! One step of one server: events go in, effects are told and carried out, everything is checked.

use quorate_core::{Effect, Effects, Entries, Event, Index, Message, Violation as Broken, Write};
use quorate_io_sim::engine::{
    Checked, Glance, Properties, Property, Reached, Violation, Witness as _, hold,
};

use super::server::Server;
use super::words;
use super::world::World;

/// More steps than any command takes: whoever needs more never comes to an end.
const STEPS_MAX: usize = 20_000;

impl World {
    /// A server handles these events together; then its disk does what it was told, unless it is
    /// held.
    pub(super) fn give(&mut self, at: usize, events: Vec<Event>) -> Checked {
        self.step(at, events)?;
        while !self.servers[at].is_held && self.servers[at].life.is_some() {
            if let Some((to, entries)) = self.servers[at].fetches.pop() {
                self.step(at, vec![Event::Fetched { to, entries }])?;
            } else if self.servers[at].disk.pending() > 0 {
                self.persist(at, usize::MAX)?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// So many of the writes under way become durable, and the server is told once.
    pub(super) fn persist(&mut self, at: usize, count: usize) -> Checked {
        let (ticket, truncated) = self.servers[at].disk.sync(count);
        if truncated {
            self.properties().still_durable(&self.servers)?;
        }
        let ticket = ticket.expect("something is written");
        self.step(at, vec![Event::Persisted(ticket)])
    }

    fn step(&mut self, at: usize, mut events: Vec<Event>) -> Checked {
        self.steps += 1;
        hold(self.steps < STEPS_MAX, Property::Liveness, || "it never comes to an end".to_owned())?;
        let now = self.now;
        let server = &mut self.servers[at];
        let Some(life) = &mut server.life else { return Ok(()) };
        let id = server.config.id;
        let was = Glance::of(life.raft.status());
        let mut effects = Effects::default();
        match events.len() {
            1 => life.raft.step(now, events.remove(0), &mut effects),
            _ => life.raft.step_batch(now, &mut events, &mut effects),
        }
        life.watch.check(&life.raft).map_err(|broken| Violation {
            property: Property::InvariantsHold,
            evidence: format!("{id:?}: {broken}"),
        })?;
        let is = Glance::of(life.raft.status());
        let effects: Vec<_> = effects.drain().collect();
        effects.iter().for_each(|effect| self.tell(at, effect));
        effects.iter().try_for_each(|effect| self.answer(at, effect))?;
        for effect in &effects {
            if let Effect::Write(write) = effect {
                self.write(at, write, was, is)?;
            }
        }
        self.judge(at, was, is)?;
        effects.into_iter().try_for_each(|effect| self.carry_out(at, is, effect))
    }

    fn judge(&mut self, at: usize, was: Glance, is: Glance) -> Checked {
        let checks = self.checks.as_mut().expect("it has begun");
        checks.stepped(at, was, is, &self.servers)?;
        let Some(life) = &self.servers[at].life else { return Ok(()) };
        checks.watch_leader(at, (was, is), &life.raft, &self.servers, &mut Reached::default())
    }

    fn write(&mut self, at: usize, write: &Write, was: Glance, is: Glance) -> Checked {
        let checks = self.checks.as_mut().expect("it has begun");
        let written = self.servers[at].disk.written();
        let write = &checks.spelled_out(write.clone(), was, written, &self.servers)?;
        let disk = &mut self.servers[at].disk;
        checks.writes(write, was, is, disk)?;
        disk.write(write.clone())?;
        match &write.append {
            Some(append) => checks.wrote(&append.entries, disk.written()).map(drop),
            None => Ok(()),
        }
    }

    fn answer(&mut self, at: usize, effect: &Effect) -> Checked {
        let by = self.servers[at].id();
        match effect {
            Effect::Accepted { id, at } => self.requests.accepted(by, *id, *at),
            Effect::Refused { id, why } => {
                self.requests.answer(by, *id, format!("refused: {}", words::refusal(*why)))
            }
            Effect::ReadReady { id, index } => self.requests.reads(by, *id, *index),
            Effect::Transferred { id } => self.requests.answer(by, *id, "done".to_owned()),
            Effect::Reconfigured { id, at } => {
                self.requests.answer(by, *id, format!("done at {}", at.0))
            }
            Effect::ReconfigurationStopped { id, why } => {
                self.requests.answer(by, *id, format!("stopped: {why}"))
            }
            _ => Ok(()),
        }
    }

    fn carry_out(&mut self, at: usize, is: Glance, effect: Effect) -> Checked {
        match effect {
            Effect::Send(message) => self.send(at, message, is),
            Effect::Commit(index) => self.commit(at, index),
            Effect::Fetch { to, first, bytes_max } => {
                let Server { fetches, disk, .. } = &mut self.servers[at];
                let is_alone = fetches.iter().all(|fetch| fetch.0 != to);
                // Read at once, and told when the disk is let go.
                let written = disk.written();
                let is_there = first > written.base();
                let read = if is_there { written.read(first, bytes_max) } else { Entries::EMPTY };
                fetches.push((to, read));
                hold(is_alone, Property::EffectsAreWellFormed, || {
                    format!("two reads of the log for {to:?} are under way")
                })
            }
            Effect::FetchSnapshot { snapshot, .. } => {
                self.servers[at].wanted = Some(snapshot);
                Ok(())
            }
            Effect::Restore(snapshot) => {
                let checks = self.checks.as_ref().expect("it has begun");
                let life = self.servers[at].life.as_mut().expect("it has just stepped");
                life.given = checks.restored(snapshot)?;
                life.applied = snapshot.index;
                Ok(())
            }
            Effect::Compact(index) => {
                self.servers[at].disk.compact(index);
                Ok(())
            }
            Effect::Halt(broken) => Err(halted(&broken)),
            _ => Ok(()),
        }
    }

    fn send(&mut self, at: usize, message: Message, is: Glance) -> Checked {
        let checks = self.checks.as_mut().expect("it has begun");
        checks.said(&message, is, &self.servers[at].config, &self.servers)?;
        if !self.cuts.contains(&(message.from, message.to)) {
            self.under_way.push(message);
        }
        Ok(())
    }

    /// A state machine is given what is new, from memory, or from the disk after a restart.
    fn commit(&mut self, at: usize, index: Index) -> Checked {
        let checks = self.checks.as_ref().expect("it has begun");
        let server = &mut self.servers[at];
        let (id, disk) = (server.config.id, &server.disk);
        let life = server.life.as_mut().expect("it has just stepped");
        let all = disk.durable().entries();
        let place = |index: Index| usize::try_from(index.0).unwrap_or(usize::MAX);
        let news = all.get(place(life.applied)..place(index));
        hold(life.applied < index && news.is_some(), Property::EffectsAreWellFormed, || {
            format!("{id:?} hands out {index:?} after {:?}, durable: {}", life.applied, all.len())
        })?;
        checks.gives(&mut life.given, news.expect("held"), index)?;
        let first = life.recovered.max(life.applied).next();
        life.applied = index;
        let cached = life.raft.cached(first, u64::MAX).map(|run| run.up_to(index));
        let expected = all.get(place(first.prev())..place(index)).unwrap_or_default();
        let has_all = expected.is_empty() || cached.is_some_and(|run| run[..] == *expected);
        hold(has_all, Property::EffectsAreWellFormed, || {
            format!("{id:?} hands out up to {index:?}, and {first:?} is not in memory")
        })
    }

    fn properties(&self) -> &Properties {
        self.checks.as_ref().expect("it has begun")
    }

    /// Puts an effect into words.
    fn tell(&mut self, at: usize, effect: &Effect) {
        let id = self.servers[at].id();
        let name = |id| self.requests.name(id);
        let line = match effect {
            // Where it would be too much, only what changes a story.
            Effect::Write(_) | Effect::Send(_) | Effect::Fetch { .. } if self.is_terse => return,
            Effect::Send(message) => {
                let is_cut = self.cuts.contains(&(message.from, message.to));
                let lost = if is_cut { ": lost" } else { "" };
                let said = format!("{}{lost}", words::message(message));
                return self.line(&format!("{id:?} -> {:?}", message.to), &said);
            }
            Effect::Write(write) => format!("writes {}", words::write(write)),
            Effect::Commit(index) => format!("commits {}", index.0),
            Effect::Accepted { id, at } => format!("accepts {} at {}", name(*id), words::id(*at)),
            Effect::Refused { id, why } => {
                format!("refuses {}: {}", name(*id), words::refusal(*why))
            }
            Effect::ReadReady { id, index } => format!("serves {} from {}", name(*id), index.0),
            Effect::Transferred { id } => format!("ends {}: handed over", name(*id)),
            Effect::Reconfigured { id, at } => format!("ends {}: done at {}", name(*id), at.0),
            Effect::ReconfigurationStopped { id, why } => format!("stops {}: {why}", name(*id)),
            Effect::MembershipChanged(index) => {
                let life = self.servers[at].life.as_ref().expect("it has just stepped");
                let membership = words::membership(life.raft.status().membership);
                format!("counts {membership}, by entry {}", index.0)
            }
            Effect::FetchSnapshot { from, snapshot } => {
                format!(
                    "wants the snapshot up to {} of {from:?}",
                    words::id(snapshot.last_included)
                )
            }
            Effect::Restore(snapshot) => {
                format!("restores the state up to {}", words::id(*snapshot))
            }
            Effect::Compact(index) => format!("forgets its log up to {}", index.0),
            Effect::Fetch { to, first, .. } => format!("fetches from {} on for {to:?}", first.0),
            Effect::RoleChanged(change) => {
                let (role, term) = (change.role.as_str(), change.term.0);
                let of = change.leader.filter(|&leader| leader != id);
                let of = of.map_or_else(String::new, |leader| format!(" of {leader:?}"));
                format!("is {role}{of} in term {term}: {}", words::cause(change.cause))
            }
            Effect::Halt(broken) => format!("halts: {broken}"),
        };
        self.say(id, &line);
    }
}

fn halted(broken: &Broken) -> Violation {
    Violation { property: Property::ServersRun, evidence: broken.to_string() }
}
