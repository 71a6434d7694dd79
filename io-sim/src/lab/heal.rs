//! Peace: all faults end, and the cluster must make progress.

use core::time::Duration;

use quorate_core::{Event, Index, Membership, NodeId, RoleKind};

use super::requests::Requests;
use super::sabotage::Sabotage;
use super::server::Life;
use super::world::{Happening, World};
use crate::clock::nanos;
use crate::judge::{Checked, Property, Witness as _, hold};

/// How long a healed cluster may go without learning of a commit anywhere, in election timeouts,
/// until it is where it should be.
const PATIENCE_TIMEOUTS: u64 = 60;
/// How long it may take all in all: elections for ever are no progress either.
const LIMIT_TIMEOUTS: u64 = 20 * PATIENCE_TIMEOUTS;

impl World<'_> {
    /// Ends all faults; only clocks go on to differ.
    pub(crate) fn heal(&mut self) -> Checked {
        self.note("all faults end");
        let timeout = self.options.config.election_timeout;
        self.network.heal(timeout / 50);
        self.options.disk_delay_max = timeout / 100;
        self.options.batching_permille = 0;
        let nemesis = &mut self.options.nemesis;
        nemesis.partition = 0;
        nemesis.crash = 0;
        nemesis.pause = 0;
        nemesis.disk_hang = 0;
        nemesis.unreachable = 0;
        nemesis.spurious_timeout = 0;
        nemesis.transfer = 0;
        nemesis.reconfigure = 0;
        nemesis.lose_disk = 0;
        nemesis.regicide_permille = 0;
        self.options.sabotage.take_if(|sabotage| *sabotage != Sabotage::DeafServer);
        for at in 0..self.servers.len() {
            self.servers[at].paused_until = 0;
            self.servers[at].disk_hung_until = 0;
            self.start(at)?;
        }
        Ok(())
    }

    /// Clients go on for a while; then one last proposal, and it must get everywhere.
    pub(crate) fn converge(&mut self) -> Checked {
        self.until("a leader that commits", |world| {
            let leaders = world.servers.iter().filter(|server| server.leads());
            let mut leaders = leaders.filter_map(|server| server.life.as_ref());
            leaders.any(|Life { raft, .. }| {
                let status = raft.status();
                raft.term(status.commit) == Some(status.hard_state.term)
            })
        })?;
        // Under load a newcomer with a narrow window might never catch up.
        self.options.request_interval_max = Duration::from_secs(1 << 30);
        self.gather()?;
        self.until("an answer to every request, and equal logs", |world| {
            world.requests.open().is_none() && world.is_converged()
        })?;
        let last = self.checks.committed();
        let timeout = nanos(self.options.config.election_timeout);
        let mut asked_at = None;
        self.until("one more entry everywhere", |world| {
            let is_due = asked_at.is_none_or(|at| world.now > at + timeout);
            if is_due && world.ask_leader(|requests, id| requests.propose_bytes(id, 8)) {
                asked_at = Some(world.now);
            }
            world.checks.committed() > last && world.is_converged()
        })
    }

    /// Everybody belongs to the cluster in the end: who voted first votes, and all others learn.
    fn gather(&mut self) -> Checked {
        let founders = &self.options.membership;
        let voters = founders.voters().to_vec();
        let others = self.servers.iter().map(|server| server.id);
        let others = others.filter(|id| !voters.contains(id)).collect::<Vec<_>>();
        let wanted = Membership::new(voters, [], others).expect("servers");
        let is_gathered = |world: &Self| {
            let mut leaders = world.servers.iter().filter_map(|server| server.life.as_ref());
            leaders.any(|Life { raft, .. }| {
                let status = raft.status();
                let is_committed = status.membership_index <= status.commit;
                status.role == RoleKind::Leader && *status.membership == wanted && is_committed
            })
        };
        let timeout = nanos(self.options.config.election_timeout);
        let mut asked_at = None;
        self.until("all servers to belong to the cluster", |world| {
            if is_gathered(world) && !world.requests.is_changing() {
                return true;
            }
            // A new request takes the place of the one before, and newcomers begin anew.
            if asked_at.is_none_or(|at| world.now > at + 10 * timeout) {
                let change = |requests: &mut Requests, id| {
                    requests.reconfigure(id, wanted.clone(), None, true)
                };
                asked_at = world.ask_leader(change).then_some(world.now);
            }
            false
        })
    }

    fn until(&mut self, what: &str, mut is_done: impl FnMut(&mut Self) -> bool) -> Checked {
        let mut since = self.now;
        let mut known = self.commits_known();
        let timeout = nanos(self.options.config.election_timeout);
        let limit = since + timeout * LIMIT_TIMEOUTS;
        while !is_done(self) {
            let patience = limit.min(since + timeout * PATIENCE_TIMEOUTS);
            hold(self.now < patience, Property::Liveness, || {
                let glances: Vec<_> = self.servers.iter().map(|server| server.glance()).collect();
                let open = self.requests.open();
                format!("waited too long for {what}: {glances:?}, open {open:?}")
            })?;
            self.advance()?;
            if self.commits_known() > known {
                (since, known) = (self.now, self.commits_known());
            }
        }
        Ok(())
    }

    /// Grows as long as anybody gets on.
    fn commits_known(&self) -> u64 {
        let glances = self.servers.iter().filter_map(|server| server.glance());
        glances.map(|glance| glance.commit.0).sum()
    }

    /// Everybody has the same log, and it is committed; one leads and all others follow.
    fn is_converged(&self) -> bool {
        let committed = self.checks.committed();
        let digest = |at: usize| self.servers[at].disk.durable().digest(committed);
        let is_settled = |at: usize| {
            self.servers[at].glance().is_some_and(|glance| {
                glance.commit == committed
                    && glance.last.index == committed
                    && glance.durable == committed
                    && !glance.hard_state.is_forgetful
                    && matches!(glance.role, RoleKind::Follower | RoleKind::Leader)
            })
        };
        committed > Index(0)
            && (0..self.servers.len()).all(|at| is_settled(at) && digest(at) == digest(0))
            && self.servers.iter().filter(|server| server.leads()).count() == 1
    }

    /// Whoever leads is asked for something; `false` if nobody does.
    fn ask_leader(&mut self, what: impl FnOnce(&mut Requests, NodeId) -> Event) -> bool {
        let Some(at) = self.servers.iter().position(|server| server.leads()) else { return false };
        let event = what(&mut self.requests, self.servers[at].id);
        let body = self.body(at);
        self.queue.plan(self.now, Happening::Tell(body, event));
        true
    }
}
