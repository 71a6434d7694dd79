//! Peace: faults end, and the cluster must make progress.
//!
//! First for a core of the servers only, while the others stay broken (L1, L5); in it, what is done
//! is measured (L2, L6, R3, R5). Then nobody asks for anything any more, and the others must catch up
//! with a leader that is idle (L3). At the end nothing may be left over (R1), and all must agree.

use quorate_core::RoleKind;

use super::broken::Broken;
use super::caller::Caller;
use super::world::World;
use crate::clock::nanos;
use crate::judge::{Checked, Property, Setting, Witness as _, Work, hold};
use crate::net::{NetOptions, Shape};
use crate::scenario::Sabotage;
use crate::show::What;
use crate::workload::Judgement;

/// For how long nothing may change once everything stands, in election timeouts.
const WINDOW_TIMEOUTS: u64 = 8;

/// How many answers each caller needs to believe that the cluster works: whatever it asked for in
/// the time of faults is among the first.
const ANSWERS: u64 = 3;

impl World<'_> {
    pub(crate) fn make_peace(&mut self) -> Checked {
        self.note("the time of faults ends");
        self.trace.see(self.now, |recorder| recorder.put(What::Healed));
        self.is_peace = true;
        self.end_troubles();
        self.options.net = NetOptions::default();
        self.callers.iter_mut().for_each(Caller::lift_limit);
        self.options.stir_max_ns = 1000;
        self.options.read_back_max_ns = 0;
        self.ambushes.clear();
        self.options.apply_max_ns = self.options.apply_max_ns.min(1_000_000);
        self.heal_core()?;
        self.sabotage(Sabotage::NeverHeals);
        self.gather()?;
        let wanted: Vec<_> = self.callers.iter().map(|caller| caller.done + ANSWERS).collect();
        self.until("answers for all callers", |world| {
            world.callers.iter().zip(&wanted).all(|(caller, wanted)| caller.done >= *wanted)
        })?;
        self.settle()?;
        self.stand_still()?;
        self.callers.iter_mut().for_each(Caller::retire);
        self.until("the end of all calls", |world| !world.callers.iter().any(Caller::is_waiting))?;
        self.until("equal states of all that work", World::is_converged)?;
        self.agree()?;
        self.heal_rest()?;
        self.sabotage(Sabotage::NeverHealsTheRest);
        self.until("equal states everywhere", World::is_converged)?;
        self.until("the end of all that is under way", World::is_quiet)?;
        self.agree()?;
        self.judge_remains()?;
        self.judge_workload()
    }

    /// Cuts everybody off, if that is the sabotage.
    fn sabotage(&mut self, sabotage: Sabotage) {
        if self.options.sabotage == sabotage {
            for at in 0..self.servers.len() {
                self.cut_off(&Shape::Isolate(self.servers[at].host));
            }
        }
    }

    /// Everybody belongs to the cluster in the end, if others may belong to it than in the beginning
    /// (L4).
    fn gather(&mut self) -> Checked {
        if !self.is_changing {
            return Ok(());
        }
        let wanted = self.options.everybody();
        let (limit, pause) =
            (self.now + 4 * self.patience(), 10 * nanos(self.options.raft.election_timeout));
        let mut asked = None;
        loop {
            let leader = self.newest(RoleKind::Leader).map(|at| (at, self.servers[at].glance()));
            let leader = leader.and_then(|(at, glance)| Some((at, glance?.term())));
            // Whoever leads may be on the way to something else that it was asked for before.
            let knows =
                asked.is_some_and(|(whom, at)| leader == Some(whom) && self.now >= at + pause / 10);
            if knows && self.properties.rule_for_good(&wanted, &self.servers) {
                return Ok(());
            }
            self.is_in_time(limit, "all servers to belong to the cluster")?;
            // A new request takes the place of the one before, and newcomers begin anew.
            if let Some(whom) = leader
                && asked.is_none_or(|(before, at)| before != whom || self.now >= at + pause)
            {
                self.ask_to_reconfigure(whom.0, wanted.clone(), true);
                asked = Some((whom, self.now));
            }
            self.advance()?;
        }
    }

    /// Runs until something is the case, and not for too long.
    ///
    /// What may be in the way of a healed cluster, one after the other: the call that each caller
    /// waits for, and another for which it went to a server that does not answer; connections and
    /// attempts to connect from the time of faults, which end by themselves (a handshake may take
    /// 3 s, a redial wait 1 s); a disk that hung, which is noticed after `disk_timeout`; requests
    /// that nobody answers, 5 s; and some elections that nobody wins, of two timeouts each.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) -> Checked {
        let limit = self.now + self.patience();
        while !is_so(self) {
            self.is_in_time(limit, what)?;
            self.advance()?;
        }
        Ok(())
    }

    fn patience(&self) -> u64 {
        let raft = &self.options.raft;
        nanos(raft.election_timeout) * 40 * (1 + self.options.deference_max())
            + nanos(self.options.calling.timeout) * 3
            + nanos(raft.disk_timeout)
            + 9_000_000_000
    }

    fn is_in_time(&self, limit: u64, what: &str) -> Checked {
        hold(self.now < limit, Property::Liveness, || {
            let servers = self.servers.iter().map(|server| (server.broken, server.glance()));
            let servers: Vec<_> = servers.collect();
            format!("waited too long for {what}: {servers:?}")
        })
    }

    /// The one that leads all that work.
    fn leader(&self) -> Option<usize> {
        let mut leader = None;
        for at in self.core() {
            let status = self.servers[at].process.as_ref()?.node.raft().status();
            let follows = (status.leader?, status.hard_state.term);
            if leader.is_some_and(|leader| leader != follows) {
                return None;
            }
            leader = Some(follows);
        }
        let (id, term) = leader?;
        let is_it = |server: &super::server::Server| {
            server.id == id && server.glance().is_some_and(|is| is.leads() && is.term() == term)
        };
        // One that is broken may lead until that is noticed.
        self.servers.iter().position(is_it).filter(|&at| self.is_core(at))
    }

    fn first_leads(&self) -> bool {
        let server = |at: usize| &self.servers[at];
        let (leader, core) = (self.leader().map(server), self.core().map(server));
        self.properties.first_leads(leader, core, |id| self.options.priority(id))
    }

    /// Somebody leads all that work, and what is in the way from the time of faults has been noticed
    /// by now: connections that nobody reads after a link's time limit, which is 10/3 election
    /// timeouts, on either side; a disk that hangs after `disk_timeout`, and by those who wait for
    /// it within a second.
    fn settle(&mut self) -> Checked {
        let links = 7 * nanos(self.options.raft.election_timeout);
        let disks = nanos(self.options.raft.disk_timeout) + 1_000_000_000;
        let hangs = self.servers.iter().any(|server| server.broken == Some(Broken::DiskHung));
        let end = self.now + if hangs { links.max(disks) } else { links };
        self.until("the end of what is old", |world| world.now >= end)?;
        // Somebody who was silent for too long when the faults ended may have been replaced since.
        if !self.properties.rule_for_good(&self.options.everybody(), &self.servers) {
            self.gather()?;
        }
        self.until("one leader of all that work", |world| world.leader().is_some())?;
        self.until("the one that is to lead", Self::first_leads)
    }

    /// For a while nothing is in the way: the leader stays, and work gets done.
    fn stand_still(&mut self) -> Checked {
        let timeout = nanos(self.options.raft.election_timeout);
        let (leader, before) = (self.leader(), self.work());
        let elections = self.properties.elections();
        let end = self.now + WINDOW_TIMEOUTS * timeout;
        self.sabotage(Sabotage::Regicide);
        while self.now < end {
            self.advance()?;
            let lasts = self.properties.elections() == elections;
            hold(lasts, Property::LeadershipIsStable, || {
                format!("{leader:?} led, and {} servers work", self.core().count())
            })?;
        }
        hold(self.leader() == leader, Property::LeadershipIsStable, || {
            format!("{leader:?} led, and now {:?}", self.leader())
        })?;
        let pause = nanos(self.options.calling.pause_max);
        let heartbeat = nanos(self.options.raft.heartbeat_interval);
        let setting = Setting {
            servers: self.servers.len() as u64,
            callers: self.callers.len() as u64,
            // Clocks may be a tenth too fast.
            heartbeats: WINDOW_TIMEOUTS * timeout * 11 / 10 / heartbeat,
            timeouts: WINDOW_TIMEOUTS,
            calls: WINDOW_TIMEOUTS * timeout / (pause + timeout),
        };
        self.work().since(before).is_in_bounds(setting)
    }

    fn work(&self) -> Work {
        Work {
            answered: self.callers.iter().map(|caller| caller.done).sum(),
            committed: self.committed().0,
            messages: self.report.messages,
            events: self.report.events,
        }
    }

    /// Has everybody that works applied all that is committed?
    pub(crate) fn is_converged(&self) -> bool {
        let committed = self.committed();
        self.core().all(|at| {
            self.servers[at].process.as_ref().is_some_and(|process| {
                let glance = process.glance();
                glance.commit == committed
                    && !glance.hard_state.is_forgetful
                    && process.apply.lane.applier().last_applied().index == committed
            })
        })
    }

    fn judge_workload(&mut self) -> Checked {
        let replica = self.servers.iter().find_map(|server| server.process.as_ref());
        let replica = replica.expect("all servers have converged").apply.lane.applier();
        if self.subject.judge(replica)? == Judgement::Undecided {
            self.report.undecided += 1;
        }
        Ok(())
    }
}
