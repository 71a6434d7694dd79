//! Peace: faults end, and the cluster must make progress.
//!
//! First for a core of the servers only, while the others stay broken (L1, L5); in it, what is done
//! is measured (L2, L6, R3, R5). Then nobody asks for anything any more, and the others must catch
//! up with a leader that is idle (L3). Then each server is asked alone, nothing may be left over
//! (R1), and all must agree.

use quorate_core::{Index, RoleKind, Term};
use quorate_io_sim::engine::{
    Broken, Checked, Health, Property, Setting, Witness as _, Work, has_few_connections,
    has_few_sessions, hold, judge_files, nanos, replayed,
};
use quorate_io_sim::net::{NetOptions, Shape};
use quorate_io_sim::scenario::Sabotage;
use quorate_io_sim::workload::Judgement;

use crate::caller;
use crate::life::{LOOK_EVERY_NS, until};
use crate::server::Server;
use crate::world::{Sim, World};

/// For how long nothing may change once everything stands, in election timeouts.
const WINDOW_TIMEOUTS: u64 = 8;

/// How many answers each caller needs to believe that the cluster works: whatever it asked for in
/// the time of faults is among the first.
const ANSWERS: u64 = 3;

/// Every caller gets an answer, all servers apply all that is committed, and agree.
pub(crate) async fn make_peace(world: &World) -> Checked {
    world.with(|sim| {
        sim.end_faults();
        sim.look_after_decayed();
    });
    until(world, "starts from disks that have decayed", |sim| {
        sim.servers.iter().all(|server| server.health != Health::Decayed)
    })
    .await?;
    world.with(|sim| {
        sim.heal_core();
        sim.sabotage(Sabotage::NeverHeals);
    });
    until(world, "all that are healed", |sim| sim.core().all(Server::serves)).await?;
    gather(world).await?;
    let callers = world.with(|sim| usize::from(sim.options.callers));
    let wanted: Vec<_> =
        world.with(|sim| sim.callers[..callers].iter().map(|calls| calls.done + ANSWERS).collect());
    until(world, "answers for all callers", |sim| {
        sim.callers.iter().zip(&wanted).all(|(calls, wanted)| calls.done >= *wanted)
    })
    .await?;
    settle(world).await?;
    stand_still(world).await?;
    world.with(|sim| sim.is_retired = true);
    until(world, "the end of all calls", |sim| {
        sim.callers[..callers].iter().all(|calls| calls.has_ended)
    })
    .await?;
    until(world, "equal states of all that work", |sim| sim.is_converged()).await?;
    world.with(|sim| {
        sim.agree()?;
        sim.heal_rest();
        sim.sabotage(Sabotage::NeverHealsTheRest);
        Checked::Ok(())
    })?;
    until(world, "all servers", |sim| sim.core().all(Server::serves)).await?;
    until(world, "equal states everywhere", |sim| sim.is_converged()).await?;
    visit_all(world).await
}

/// Everybody belongs to the cluster in the end, if others may belong to it than in the beginning
/// (L4).
async fn gather(world: &World) -> Checked {
    let (is_changing, pause) =
        world.with(|sim| (sim.is_changing, 10 * nanos(sim.options.raft.election_timeout)));
    if !is_changing {
        return Ok(());
    }
    let asked: std::cell::Cell<Option<((usize, Term), u64)>> = std::cell::Cell::new(None);
    until(world, "all servers to belong to the cluster", |sim| {
        let wanted = sim.options.everybody();
        let leader = sim.newest(RoleKind::Leader);
        let leader = leader.and_then(|at| Some((at, sim.servers[at].glance()?.term())));
        let Some(whom) = leader else { return false };
        // Whoever leads may be on the way to something else that it was asked for before.
        let asked_at = asked.get().filter(|asked| asked.0 == whom).map(|asked| asked.1);
        if asked_at.is_some_and(|at| sim.now >= at + pause / 10)
            && sim.properties.rule_for_good(&wanted, &sim.servers)
        {
            return true;
        }
        // A new request takes the place of the one before, and newcomers begin anew.
        if asked_at.is_none_or(|at| sim.now >= at + pause)
            && sim.ask_to_reconfigure(whom.0, wanted, true)
        {
            asked.set(Some((whom, sim.now)));
        }
        false
    })
    .await
}

/// Somebody leads all that work, and what is in the way from the time of faults has been noticed
/// by now: connections that nobody reads after a link's time limit, which is 10/3 election
/// timeouts, on either side; a disk that hangs after `disk_timeout`, and by those who wait for
/// it within a second.
async fn settle(world: &World) -> Checked {
    let end = world.with(|sim| {
        let raft = &sim.options.raft;
        let (links, disks) = (7 * nanos(raft.election_timeout), nanos(raft.disk_timeout));
        let hangs = sim.servers.iter().any(|server| server.broken == Some(Broken::DiskHung));
        sim.now + if hangs { links.max(disks + 1_000_000_000) } else { links }
    });
    until(world, "the end of what is old", |sim| sim.now >= end).await?;
    until(world, "one leader of all that work", |sim| sim.leader().is_some()).await?;
    until(world, "the one that is to lead", |sim| sim.first_leads()).await
}

/// For a while nothing is in the way: the leader stays, and work gets done.
async fn stand_still(world: &World) -> Checked {
    let (leader, elections, before, end) = world.with(|sim| {
        sim.sabotage(Sabotage::Regicide);
        let end = sim.now + WINDOW_TIMEOUTS * nanos(sim.options.raft.election_timeout);
        (sim.leader(), sim.properties.elections(), sim.work(), end)
    });
    until(world, "the end of a quiet time", |sim| sim.now >= end).await?;
    world.with(|sim| {
        let (now, others) = (sim.leader(), sim.properties.elections() - elections);
        hold(now == leader && others == 0, Property::LeadershipIsStable, || {
            format!("{leader:?} led; after {others} elections it is {now:?}")
        })?;
        sim.work().since(before).is_in_bounds(sim.setting())
    })
}

/// Each server answers whoever asks it alone; then all are equal, and the workload is judged.
async fn visit_all(world: &World) -> Checked {
    let (places, callers): (Vec<_>, _) = world.with(|sim| {
        let places = (0..sim.servers.len()).filter(|&at| !sim.servers[at].is_lost());
        (places.collect(), usize::from(sim.options.callers))
    });
    for &at in &places {
        drop(madsim::task::spawn(caller::visit(world.clone(), callers + at, at)));
    }
    until(world, "answers from each server", |sim| {
        places.iter().all(|at| sim.callers[callers + at].has_ended)
    })
    .await?;
    world.with(|sim| {
        let done: Vec<_> = places.iter().map(|at| sim.callers[callers + at].done).collect();
        hold(done.iter().all(|&done| done == caller::VISIT_CALLS), Property::Liveness, || {
            format!("without any fault servers answer only {done:?} calls")
        })
    })?;
    tidy(world).await?;
    // Clients that have left have ended their sessions.
    until(world, "equal states of those that were asked", |sim| sim.is_converged()).await?;
    world.with(Sim::judge)
}

/// What nobody wants any more gets closed: no server keeps a connection that its node has forgotten,
/// and no client one that it has done with. Nothing is under way (R1).
async fn tidy(world: &World) -> Checked {
    let (handles, patience): (Vec<_>, _) = world
        .with(|sim| (sim.servers.iter().map(|it| it.handle.clone()).collect(), sim.patience()));
    let end = world.now() + patience;
    loop {
        let (mut known, mut requests) = (Vec::new(), 0);
        for handle in &handles {
            let status = match handle {
                Some(handle) => handle.status().await,
                None => None,
            };
            known.push(status.as_ref().map_or(0, |status| status.connections));
            requests += status.map_or(0, |status| status.requests + status.calls);
        }
        let servers = known.len() as u64;
        known.push(0);
        let (open, messages, callers) = world.with(|sim| {
            let minds = sim.servers.iter().filter_map(|server| server.mind.as_ref());
            let messages = minds.map(|mind| mind.inflight).sum::<usize>();
            (sim.open_connections(), messages, sim.callers.len() as u64)
        });
        if open == known && requests == 0 && messages == 0 {
            // A client may have gone without a word: a server that has nothing to say to it never
            // learns that.
            let mut counts = open.iter();
            return counts.try_for_each(|&count| has_few_connections(count, servers, callers));
        }
        hold(world.now() < end, Property::MemoryIsBounded, || {
            format!(
                "servers know of {known:?} connections, and have {open:?}; \
                 {requests} requests and {messages} messages are under way"
            )
        })?;
        world.sleep(LOOK_EVERY_NS).await;
        world.with(Sim::sound)?;
    }
}

impl Sim {
    /// Ends all faults but those of servers; only clocks go on to differ.
    fn end_faults(&mut self) {
        self.happened(0, "the time of faults ends");
        self.is_peace = true;
        self.troubles.clear();
        self.call_off();
        self.options.net = NetOptions::default();
        self.suffer();
        self.options.pump.accept_fails_permille = 0;
        self.options.apply_max_ns = 1000;
        self.options.stir_max_ns = 0;
    }

    /// Cuts everybody off, if that is the sabotage.
    fn sabotage(&mut self, sabotage: Sabotage) {
        if self.options.sabotage == sabotage {
            for at in 0..self.servers.len() {
                self.cut_off(&Shape::Isolate(self.servers[at].host));
            }
        }
    }

    fn work(&self) -> Work {
        // Whoever does not wait for an answer any more has had time to get one.
        Work {
            answered: self.report.answered + self.report.abandoned,
            committed: self.properties.committed().0,
            messages: self.report.messages + self.report.belated,
            events: self.report.events,
        }
    }

    /// In which all this is done.
    fn setting(&self) -> Setting {
        let pause = nanos(self.options.calling.pause_max);
        let timeout = nanos(self.options.raft.election_timeout);
        Setting {
            servers: self.servers.len() as u64,
            callers: self.options.callers.into(),
            // Clocks may be a tenth too fast.
            heartbeats: WINDOW_TIMEOUTS * timeout * 11
                / 10
                / nanos(self.options.raft.heartbeat_interval),
            timeouts: WINDOW_TIMEOUTS,
            calls: WINDOW_TIMEOUTS * timeout / (pause + timeout),
        }
    }

    /// Has everybody that works applied all that is committed?
    fn is_converged(&self) -> bool {
        let committed = self.properties.committed();
        self.replicas().iter().all(|&(applied, _)| applied == committed)
    }

    /// How far the state machine of each that works is, and a digest of what it holds.
    fn replicas(&self) -> Vec<(Index, u64)> {
        let mut replicas = Vec::new();
        for server in self.core() {
            let mut replica = (Index(0), 0);
            if let Some(look) = &server.look {
                look(&mut |applier| replica = (applier.last_applied().index, applier.digest()));
            }
            replicas.push(replica);
        }
        replicas
    }

    /// All replicas that work hold the same (V1).
    fn agree(&self) -> Checked {
        let replicas = self.replicas();
        let are_equal = replicas.windows(2).all(|pair| pair[0] == pair[1]);
        hold(are_equal, Property::StatesAgree, || format!("states differ: {replicas:?}"))
    }

    /// All replicas hold the same, as does one that starts anew, and the workload finds it right.
    /// Nothing has grown without need (R1, R2).
    fn judge(&mut self) -> Checked {
        self.agree()?;
        let committed = self.properties.committed();
        let first = self.kept().next().expect("a quorum is kept");
        let fresh = replayed(&*self.subject, &first.ledger, committed)?;
        hold(fresh == self.replicas()[0].1, Property::StatesAgree, || {
            "the log makes another state than that of the first server".to_owned()
        })?;
        for server in self.kept() {
            let mut checked = Ok(());
            let look = server.look.as_ref().expect("it serves");
            look(&mut |applier| checked = has_few_sessions(applier));
            checked?;
            let written = server.written_bytes;
            let disk = (server.id, &server.drive);
            judge_files(disk, self.now, (written, server.life.into()), &self.options)?;
        }
        let mut judged = Ok(Judgement::Undecided);
        let first = self.servers.iter().find(|server| !server.is_lost());
        let look = first.and_then(|server| server.look.as_ref()).expect("it serves");
        look(&mut |applier| judged = self.subject.judge(applier));
        self.report.undecided += u64::from(judged? == Judgement::Undecided);
        Ok(())
    }
}
