//! When all is done: nothing is left over, everybody agrees, and a replica that starts anew comes to
//! the same.

use quorate_core::Index;
use quorate_core::node::Input;

use super::files::judge_files;
use super::world::World;
use crate::judge::{
    Checked, Ledger, Property, again, has_few_connections, has_few_sessions, hold,
    network_has_few_connections, rests_in_peace,
};
use crate::workload::Subject;

/// A digest of the state that the log makes up to here, applied from its first entry on by a new
/// replica, which a snapshot takes the place of now and then.
///
/// # Errors
/// If a client was answered otherwise, or a snapshot is not as good as the state.
pub fn replayed(subject: &dyn Subject, ledger: &Ledger, committed: Index) -> Checked<u64> {
    again(&|| subject.applier(true), subject.told(), ledger, committed)
}

impl World<'_> {
    /// Is nothing under way any more? Clients go on to keep their sessions alive, so this may only
    /// be so now and then. What has been sent is taken in with whatever happens next, and counts for
    /// nothing: where two servers answer each other, there is always some of it.
    pub(crate) fn is_quiet(&self) -> bool {
        self.is_converged()
            && self.core().all(|at| {
                self.servers[at].process.as_ref().is_some_and(|process| {
                    let status = process.node.raft().status();
                    process.node.status().requests == 0
                        && process.inputs.iter().all(|input| matches!(input, Input::Sent(..)))
                        && process.log.is_free()
                        && process.apply.is_free()
                        && status.peers.iter().all(|peer| {
                            // One that is lost never answers.
                            let at = self.servers.iter().position(|it| it.id == peer.id());
                            peer.inflight_messages() == 0 || !at.is_some_and(|at| self.is_core(at))
                        })
                })
            })
    }

    /// All replicas that work hold the same (V1): states, sessions and what they applied last.
    pub(crate) fn agree(&self) -> Checked {
        let digests = self.core().filter_map(|at| {
            let process = self.servers[at].process.as_ref()?;
            Some((at, process.apply.lane.applier().digest()))
        });
        let digests: Vec<_> = digests.collect();
        hold(digests.windows(2).all(|pair| pair[0].1 == pair[1].1), Property::StatesAgree, || {
            format!("states differ: {digests:?}")
        })
    }

    /// What is left when all is done.
    pub(crate) fn judge_remains(&mut self) -> Checked {
        self.replay()?;
        for at in 0..self.servers.len() {
            let server = &self.servers[at];
            rests_in_peace(server.drive.late_calls())?;
            let written = (server.written_bytes, server.lives.into());
            judge_files((server.id, &server.drive), self.now, written, &self.options)?;
            self.examine(at)?;
        }
        self.judge_memory()
    }

    fn judge_memory(&self) -> Checked {
        let (servers, callers) = (self.servers.len() as u64, self.callers.len() as u64);
        for server in &self.servers {
            let Some(process) = &server.process else { continue };
            has_few_connections(process.node.status().connections, servers, callers)?;
            has_few_sessions(process.apply.lane.applier())?;
        }
        network_has_few_connections(self.net.connections() as u64, servers, callers)
    }

    /// V3: the log, applied from its first entry on by a new replica, makes the same state.
    fn replay(&self) -> Checked {
        let Some(server) = self.core().next().map(|at| &self.servers[at]) else { return Ok(()) };
        let Some(process) = &server.process else { return Ok(()) };
        let fresh = replayed(&*self.subject, &server.ledger, self.committed())?;
        let old = process.apply.lane.applier();
        hold(fresh == old.digest(), Property::StatesAgree, || {
            format!("the log makes another state than that of {:?}", server.id)
        })
    }
}
