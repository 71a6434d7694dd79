//! Peace: all faults end, and the cluster must make progress.

use super::nemesis::nanos;
use super::world::World;
use crate::disk::DiskOptions;
use crate::judge::{Checked, Property, Witness as _, hold};
use crate::linearizability::{Budget, Verdict, check};
use crate::net::{LinkOptions, NetOptions};

/// How long a healed cluster may go without any commit, in election timeouts.
const PATIENCE_TIMEOUTS: u64 = 100;

impl World<'_> {
    /// Ends all faults; only clocks go on to differ.
    pub(crate) fn heal(&mut self) -> Checked {
        self.note("all faults end");
        self.end_troubles();
        self.net.mend(self.now);
        self.net.set_links(LinkOptions::default());
        self.options.net = NetOptions::default();
        self.options.stir_max_ns = 1000;
        self.options.apply_max_ns = 1000;
        for at in 0..self.servers.len() {
            let server = &mut self.servers[at];
            server.paused_until = 0;
            server.drive.stall(0);
            server.drive.disarm();
            let fates = server.drive.options().fates;
            server.drive.tune(|tuned| *tuned = DiskOptions { fates, ..DiskOptions::default() });
            self.start(at)?;
        }
        Ok(())
    }

    /// Every caller gets an answer, all servers apply all that is committed, and agree.
    pub(crate) fn converge(&mut self) -> Checked {
        let wanted: Vec<_> = self.callers.iter().map(|caller| caller.done + 2).collect();
        self.until("answers for all callers", |world| {
            world.callers.iter().zip(&wanted).all(|(caller, wanted)| caller.done >= *wanted)
        })?;
        self.callers.iter_mut().for_each(super::caller::Caller::retire);
        self.until("the end of all calls", |world| {
            !world.callers.iter().any(super::caller::Caller::is_waiting)
        })?;
        self.until("equal states everywhere", |world| world.is_converged())?;
        self.agree()?;
        self.judge_history()
    }

    fn until(&mut self, what: &str, mut is_done: impl FnMut(&mut Self) -> bool) -> Checked {
        let mut since = self.now;
        let mut known = self.progress();
        let patience = nanos(self.options.raft.election_timeout) * PATIENCE_TIMEOUTS
            + nanos(self.options.calling.timeout) * 4;
        while !is_done(self) {
            hold(self.now < since + patience, Property::Liveness, || {
                let glances: Vec<_> = self.servers.iter().map(|server| server.glance()).collect();
                format!("waited too long for {what}: {glances:?}")
            })?;
            self.advance()?;
            if self.progress() > known {
                (since, known) = (self.now, self.progress());
            }
        }
        Ok(())
    }

    fn progress(&self) -> u64 {
        let glances = self.servers.iter().filter_map(|server| server.glance());
        let done = self.callers.iter().map(|caller| caller.done);
        glances.map(|glance| glance.commit.0).chain(done).sum()
    }

    fn is_converged(&self) -> bool {
        let committed = self.committed();
        self.servers.iter().all(|server| {
            server.process.as_ref().is_some_and(|process| {
                process.glance().commit == committed
                    && process.apply.lane.applier().last_applied().index == committed
            })
        })
    }

    /// All replicas hold the same.
    fn agree(&self) -> Checked {
        let digests = self.servers.iter().filter_map(|server| {
            let process = server.process.as_ref()?;
            Some(process.apply.lane.applier().digest())
        });
        let digests: Vec<_> = digests.collect();
        hold(
            digests.windows(2).all(|pair| pair[0] == pair[1]),
            Property::StateMachineSafety,
            || format!("states differ: {digests:?}"),
        )
    }

    fn judge_history(&mut self) -> Checked {
        let history = self.recorder.history();
        let checked = check(history, Budget::new()).expect("callers speak the model's language");
        if matches!(checked.verdict, Verdict::Undecided(_)) {
            self.report.undecided += 1;
        }
        hold(
            !matches!(checked.verdict, Verdict::Violation(_)),
            Property::HistoryIsLinearizable,
            || format!("{:?}", checked.verdict),
        )
    }
}
