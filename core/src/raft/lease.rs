//! Reads without a round of messages: thesis 6.4.1.
//!
//! Whoever answered a round of heartbeats refuses to help elect another leader for an election timeout
//! by its own clock (thesis 4.2.3). So, once a majority has answered a round, there is no other leader
//! until an election timeout after that round *was sent*, less what clocks may differ, and reads need
//! no round of their own:
//!
//! ```text
//!   leader    ──●─────────────────────── lease ───────────────────────┤
//!               │ round        ▲ answers                              ┊ what clocks may differ
//!   majority    └──────►●──────┴───── refuses to vote ──────────────────────────┤
//! ```
//! What holds it together, beside the clocks:
//!
//! * who heard a leader refuses votes even if it learns of a newer term meanwhile, and a server that
//!   has just started, and may have heard one before, refuses them for as long;
//! * whoever asks for votes in a transfer is heard all the same, so a leader that ever told another to
//!   stand has no lease for the rest of its term (the message may be late by any time);
//! * a majority of any later membership has a server that heard of that membership, or answered the
//!   round, so changes of the membership need no further care (thesis 4.1, 4.3).
//!
//! A voter that asks for votes although by the leader's clock it cannot have lost patience shows that
//! clocks differ by more than was promised: the lease is off, until another leader is elected.

use serde::{Deserialize, Serialize};

use super::Raft;
use super::progress::Progress;
use super::role::{Leader, Role};
use crate::config::Config;
use crate::effect::{Effect, Effects};
use crate::quorum;
use crate::types::{Instant, NodeId, RequestId, Round};

/// What a leader knows of its lease.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct LeaseState {
    /// A round, and when it was sent; not answered by a majority yet.
    asked: Option<(Round, Instant)>,
    /// The newest such round that a majority has answered.
    since: Option<(Round, Instant)>,
    lost: Option<LeaseLost>,
}

/// Why a leader answers no read by its lease any more. Goes over the wire: append only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum LeaseLost {
    /// It has told another server to stand for election.
    HandedOver,
    /// A voter lost patience too early: clocks differ by more than the bound.
    ClockSkew,
}

impl LeaseLost {
    /// Its name, for people: `handed over` or `clock skew`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandedOver => "handed over",
            Self::ClockSkew => "clock skew",
        }
    }
}

impl LeaseState {
    /// No read is answered by it any more; the first reason counts.
    pub(super) fn end(&mut self, why: LeaseLost) {
        self.lost.get_or_insert(why);
    }

    pub(super) fn lost(&self) -> Option<LeaseLost> {
        self.lost
    }
}

impl Raft {
    /// Answers at once if the lease holds, and else as any other read.
    pub(super) fn handle_lease_read(&mut self, id: RequestId, effects: &mut Effects) {
        self.renew_lease();
        let (commit, until) = (self.commit, self.lease_until());
        match &self.role {
            // thesis 6.4, step 1: before the commit of its own no-op a leader may not know what is
            // committed.
            Role::Leader(leader)
                if commit >= leader.noop && until.is_some_and(|it| self.now < it) =>
            {
                effects.push(Effect::ReadReady { id, index: commit });
            }
            _ => self.handle_read(id, effects),
        }
    }

    /// When the lease ends, as far as it was renewed; `None` without one.
    pub(super) fn lease_until(&self) -> Option<Instant> {
        let (Role::Leader(leader), Some(lease)) = (&self.role, self.config.lease) else {
            return None;
        };
        let LeaseState { since, lost, .. } = **leader.lease.as_ref()?;
        let (_, sent) = since.filter(|_| lost.is_none())?;
        Some(sent.after(lease.length(self.config.election_timeout)))
    }

    /// If a round is about to go to all peers, keeps the time of it, unless an earlier one is kept.
    pub(super) fn time_round(&mut self) {
        self.renew_lease();
        let now = self.now;
        let Role::Leader(leader) = &mut self.role else { return };
        let Leader { lease: Some(lease), is_round_owed: true, round, .. } = &mut **leader else {
            return;
        };
        lease.asked.get_or_insert((round.next(), now));
    }

    /// Has a majority answered the round whose time was kept?
    pub(super) fn renew_lease(&mut self) {
        let id = self.config.id;
        let Role::Leader(leader) = &mut self.role else { return };
        let Leader { lease: Some(lease), peers, round, .. } = &mut **leader else { return };
        let Some(asked) = lease.asked else { return };
        let answered =
            quorum::reached(self.log.membership(), |member| match Progress::of(peers, member) {
                Some(peer) => peer.counted(peer.round.0),
                None => {
                    assert!(member == id, "every other member is a peer");
                    round.0
                }
            });
        if asked.0.0 <= answered {
            (lease.asked, lease.since) = (None, Some(asked));
        }
    }

    /// A server asks for votes. If it answered the round that the lease rests on, it has heard this
    /// leader after that was sent, and should have waited until the lease is over.
    pub(super) fn suspect_clock(&mut self, from: NodeId) {
        self.renew_lease();
        if self.lease_until().is_none_or(|until| until <= self.now) {
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        let Leader { lease: Some(lease), peers, .. } = &mut **leader else { return };
        let Some((since, _)) = lease.since else { return };
        if Progress::of(peers, from).is_some_and(|peer| peer.round >= since) {
            lease.end(LeaseLost::ClockSkew);
        }
    }

    /// Has this server promised a leader, in whatever term, not to help elect another yet? One that
    /// has just started may have.
    pub(super) fn is_bound(&self) -> bool {
        self.now < self.bound_until
    }

    /// Until when a promise that is made now binds.
    pub(super) fn bound_from(config: &Config, now: Instant) -> Instant {
        config.lease.map_or(Instant(0), |_| now.after(config.election_timeout))
    }
}
