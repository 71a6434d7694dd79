//! Servers that may have forgotten what they promised: their disk was lost, or an old copy was put
//! back. The thesis (3.8) lets no server run without what it wrote; here one may, but without a say.
//!
//! ```text
//!        leader of term t                          forgetful server, in one life
//!   begins a new replication,  ◄──ForgetfulReply──   answers, and counts for nothing
//!   appends the *marker*        ─────entries─────►   follows like a learner
//!   others commit the marker    ──────Vouch──────►   has the marker, durably: remembers again,
//!   counts it again             ◄──────Match──────   votes for nobody else in t
//! ```
//!
//! Such a server does not vote, would not vote, and does not stand. No commit, read, check of the quorum
//! or transfer counts it, and no learner becomes a voter before it remembers. So whatever is decided is
//! decided by quorums of the others, and those are rightly kept waiting if the others are too few: two
//! forgetful servers of three stay silent for ever.
//!
//! **Why it is safe to count it again.** Call x̂ the server that did not lose its disk and was merely
//! silent instead, up to the moment when x remembers; a silent server breaks nothing, so up to then all
//! of Raft's properties hold with x̂ in the place of x. The marker m is an entry of term t that was
//! appended after the leader had heard of this life of x, so after all that x̂ ever said, and it is
//! committed by a quorum without x. Then, by Leader Completeness (3.6.3), every leader of a later term
//! has m. From this:
//!
//! 1. *What x̂ acknowledged.* It acknowledged entries to leaders who were elected before m was appended.
//!    One of a later term than t would lack m: there was none. An entry of an earlier term that was
//!    committed, or may yet be, is in the log of the leader of t, before its first own entry. An entry
//!    of t is before m in the same log. So a log that equals the leader's up to m has all that any
//!    quorum counts on x̂ to have, and nothing else of x̂'s log can be of use: it could only be cut off.
//! 2. *Votes of x̂ in terms up to t.* The leader of t is elected; x does not vote in earlier terms, and in
//!    t for nobody else: its vote is locked, and it would refuse any log without m anyway (3.6.1).
//! 3. *Votes of x̂ in later terms*, which the leader of t may know nothing about. Whoever got one stood
//!    before m was appended, with a log without m, which does not change while it stands. It never
//!    wins, with that vote or without, since a leader of a later term has m. So x may vote again in that
//!    term, as if it had never voted: at most one of its two candidates can win. Neither did x̂ lead
//!    such a term, and what others voted for it when it stood, they may as well vote for x, whose log has
//!    m by then and is newer.
//! 4. *Memberships.* What x takes for the membership when it starts is as old as its disk, or a guess of
//!    whoever made it, and decides nothing: it does not stand. The marker says the one that rules. "A
//!    quorum without x" is of the membership by which the leader commits m, one of its own log, and that
//!    quorums of memberships that follow one another overlap in somebody other than x needs no new
//!    reason: x is in none of them.
//!
//! All of this is about one life of x. An answer or an order that comes late, from or for another life,
//! is recognised: by the replication that the leader begins when it hears of a new life, and by the name
//! of the life, which an order repeats.

use alloc::boxed::Box;

use super::Raft;
use super::role::{Follower, Role};
use crate::effect::HardState;
use crate::entry::{Payload, System};
use crate::membership::MembershipRecord;
use crate::message::{AppendEntriesReply, ForgetfulReply, Rpc, Vouch};
use crate::rng::Rng;
use crate::types::{Index, LifeId, NodeId, ReplicationId};

/// What a leader knows of a peer that may have forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Amnesia {
    /// It says so itself, in this life.
    Told {
        life: LifeId,
        /// See the [module](self).
        marker: Index,
    },
    /// It denied what it had acknowledged in the same term: its disk has lost it, and nobody noticed.
    /// It is told, becomes one that says so itself, and counts for nothing until then.
    Found,
}

/// The leader's side.
impl Raft {
    /// A peer is heard from that may have forgotten (`Some`), or not: is its answer to be taken? Not if
    /// this is how the leader learns of it, since what is under way belongs to another life.
    pub(super) fn recognise(&mut self, from: NodeId, life: Option<LifeId>) -> bool {
        let Role::Leader(leader) = &mut self.role else { return false };
        let Some(peer) = leader.peer_mut(from) else { return false };
        let known = peer.amnesia.as_deref().copied();
        let Some(life) = life else {
            if known != Some(Amnesia::Found) {
                // This replication began after it had forgotten, so it remembers by now.
                peer.amnesia = None;
            }
            return true;
        };
        if matches!(known, Some(Amnesia::Told { life: told, .. }) if told == life) {
            return true;
        }
        self.replications += 1;
        // Says what is so: whoever lost its disk may know no membership, or one that never ruled.
        let record = MembershipRecord::of(self.log.membership());
        let record = Payload::System(System::Membership(record));
        let marker = self.log.propose(self.hard_state.term, record).index;
        peer.start_over(ReplicationId(self.replications), marker);
        peer.amnesia = Some(Box::new(Amnesia::Told { life, marker }));
        false
    }

    /// What is due to a peer with each heartbeat, until it needs it no more.
    pub(super) fn remedy(amnesia: Amnesia, commit: Index) -> Option<Rpc> {
        match amnesia {
            Amnesia::Told { life, marker } => {
                (marker <= commit).then_some(Rpc::Vouch(Vouch { life, upto: marker }))
            }
            Amnesia::Found => Some(Rpc::Doubt),
        }
    }

    /// Does this server know of a member that it may have forgotten?
    pub(super) fn is_forgetful_peer(&self, id: NodeId) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        leader.peer(id).is_some_and(|peer| peer.amnesia.is_some())
    }
}

/// The forgetful server's side.
impl Raft {
    /// The name of this life: always the same, and drawn from a stream of its own.
    fn life(&self) -> LifeId {
        LifeId(Rng::new(self.config.seed.rotate_left(32) ^ !self.config.id.get()).next())
    }

    /// An answer to a leader, as one that counts or one that does not.
    pub(super) fn answer(&self, reply: AppendEntriesReply) -> Rpc {
        match self.hard_state.is_forgetful {
            true => Rpc::ForgetfulReply(ForgetfulReply { life: self.life(), reply }),
            false => Rpc::AppendEntriesReply(reply),
        }
    }

    /// Its leader knows better than its disk: it asks for no proof, since it costs no more than some time
    /// without a say to be told so by mistake.
    pub(super) fn handle_doubt(&mut self, from: NodeId) {
        if self.leader() == Some(from) && !self.hard_state.is_forgetful {
            self.set_hard_state(HardState { is_forgetful: true, ..self.hard_state });
        }
    }

    pub(super) fn handle_vouch(&mut self, from: NodeId, vouch: Vouch) {
        let HardState { term, vote, is_forgetful } = self.hard_state;
        let is_for_us = is_forgetful && vouch.life == self.life();
        let durable = self.log.durable();
        let Role::Follower(Follower { following: Some(following), .. }) = &mut self.role else {
            return;
        };
        let has_all = following.matched.min(durable) >= vouch.upto;
        if !is_for_us || following.leader != from || !has_all {
            return;
        }
        following.is_answer_owed = true;
        // A vote that an old copy has kept stays: its candidate was not elected in this term.
        let vote = vote.or(Some(from));
        self.set_hard_state(HardState { term, vote, is_forgetful: false });
    }
}
