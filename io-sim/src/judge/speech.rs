//! What servers say: true, and resting on what is durable.

use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Config, ForgetfulReply, Index, LogId,
    Message, NodeId, RequestVoteReply, Rpc, Term,
};

use super::glance::{Glance, Witness};
use super::ledger::Ledger;
use super::properties::Properties;
use super::violation::{Checked, Property, hold};

impl Properties {
    /// A server says something. It may be of a term, or a leadership, that ended in the same step.
    ///
    /// # Errors
    /// What does not hold.
    pub fn said(
        &mut self,
        message: &Message,
        is: Glance,
        config: &Config,
        servers: &[impl Witness],
    ) -> Checked {
        let at = servers.iter().position(|server| server.id() == message.from);
        let to = servers.iter().find(|server| server.id() == message.to);
        hold(
            at.is_some() && to.is_some() && message.from != message.to && message.term <= is.term(),
            Property::MessagesAreTrue,
            || format!("in {:?}: {message:?}", is.term()),
        )?;
        let (disk, to) = (servers[at.expect("held")].ledger(), to.expect("held"));
        match &message.rpc {
            Rpc::RequestVote(_) | Rpc::RequestVoteInTransfer(_) => {
                self.votes_for(message, message.from, disk)
            }
            Rpc::RequestVoteReply(RequestVoteReply { granted: true }) => {
                self.votes_for(message, message.to, disk)
            }
            Rpc::AppendEntries(append) => {
                self.speaks_as_leader(message, append.prev, is, disk)?;
                let still_leads = is.leads() && message.term == is.term();
                if still_leads { replicates(append, disk, config) } else { Ok(()) }
            }
            Rpc::Heartbeat(heartbeat) => {
                self.speaks_as_leader(message, heartbeat.matched, is, disk)
            }
            Rpc::InstallSnapshot(install) => {
                self.speaks_as_leader(message, install.snapshot.last_included, is, disk)?;
                self.is_true(&install.snapshot, disk.written())
            }
            Rpc::TimeoutNow => self.hands_over(message, is, disk, to),
            Rpc::AppendEntriesReply(AppendEntriesReply {
                outcome: AppendOutcome::Match(index),
                ..
            })
            | Rpc::ForgetfulReply(ForgetfulReply {
                reply: AppendEntriesReply { outcome: AppendOutcome::Match(index), .. },
                ..
            }) => self.acknowledges(message, *index, disk, to),
            Rpc::Vouch(_) | Rpc::Doubt => self.speaks_as_leader(message, LogId::ZERO, is, disk),
            Rpc::PreVote(_)
            | Rpc::PreVoteReply(_)
            | Rpc::RequestVoteReply(RequestVoteReply { granted: false })
            | Rpc::AppendEntriesReply(_)
            | Rpc::ForgetfulReply(_) => Ok(()),
        }
    }

    /// The sender votes, and has this on its disk.
    fn votes_for(&mut self, message: &Message, candidate: NodeId, disk: &Ledger) -> Checked {
        let (voter, term) = (message.from, message.term);
        let first = *self.votes.entry((voter, term)).or_insert(candidate);
        hold(first == candidate, Property::OneVotePerTerm, || {
            format!("{voter:?} votes for {first:?} and {candidate:?} in {term:?}")
        })?;
        let durable = disk.durable().hard_state;
        // Events that were handled together may have ended the term; then the vote binds nobody.
        let binds = durable.term > term || (durable.term, durable.vote) == (term, Some(candidate));
        hold(!self.looks_into_disks || binds, Property::NothingUndurableIsSaid, || {
            format!("{message:?} with {durable:?} on disk")
        })
    }

    /// The sender was elected, durably, and what it refers to is in its log.
    fn speaks_as_leader(
        &self,
        message: &Message,
        refers_to: LogId,
        is: Glance,
        disk: &Ledger,
    ) -> Checked {
        let still_leads = is.leads() && message.term == is.term();
        let refers_well = disk.written().term(refers_to.index) == Some(refers_to.term);
        hold(
            self.leads(message.from, message.term) && (refers_well || !still_leads),
            Property::MessagesAreTrue,
            || format!("no leader, or not in its log: {message:?}"),
        )?;
        self.is_term_durable(message, disk)
    }

    /// The sender leads, and the successor has all that it has, unless it has heard of a newer term
    /// since (thesis 3.10).
    fn hands_over(
        &self,
        message: &Message,
        is: Glance,
        disk: &Ledger,
        to: &impl Witness,
    ) -> Checked {
        self.speaks_as_leader(message, LogId::ZERO, is, disk)?;
        let last = disk.written().last().index;
        let still_leads = is.leads() && message.term == is.term();
        let digest = disk.written().digest(last);
        // It may have lost its disk since: then it has no say, and does not stand.
        let has_all = digest.is_some_and(|digest| to.ledger().vouches_for(last, digest));
        let is_deposed = to.ledger().written().hard_state.term > message.term;
        let may_lack = is_deposed || !still_leads || !self.looks_into_disks;
        hold(has_all || may_lack, Property::MessagesAreTrue, || {
            format!("{message:?} lacks something of what is before {last:?}")
        })
    }

    fn is_term_durable(&self, message: &Message, disk: &Ledger) -> Checked {
        let durable = disk.durable().hard_state;
        hold(
            !self.looks_into_disks || durable.term >= message.term,
            Property::NothingUndurableIsSaid,
            || format!("{message:?} with {durable:?} on disk"),
        )
    }

    fn acknowledges(
        &self,
        message: &Message,
        index: Index,
        disk: &Ledger,
        to: &impl Witness,
    ) -> Checked {
        self.is_term_durable(message, disk)?;
        let acknowledged = disk.written().digest(index);
        hold(acknowledged.is_some(), Property::MessagesAreTrue, || {
            format!("{message:?} beyond the end of the log")
        })?;
        hold(
            !self.looks_into_disks || disk.is_durable(index),
            Property::NothingUndurableIsSaid,
            || format!("{message:?} is not on disk"),
        )?;
        let leads = |term: Term| to.glance().is_some_and(|to| to.leads() && to.term() == term);
        hold(
            !leads(message.term) || to.ledger().written().digest(index) == acknowledged,
            Property::LogMatching,
            || format!("{message:?}, and the leader's log is another"),
        )
    }
}

/// The entries are in the leader's log, and not more than fit into a message.
fn replicates(append: &AppendEntries, disk: &Ledger, config: &Config) -> Checked {
    let written = disk.written();
    let prev = append.prev;
    let follows = append.entries.first_index().is_none_or(|first| first == prev.index.next());
    hold(follows && written.holds(prev.index, &append.entries), Property::MessagesAreTrue, || {
        format!("{append:?} is not in the log, which ends at {:?}", written.last())
    })?;
    let cost = append.entries.cost_bytes();
    hold(
        append.entries.len() <= 1 || cost <= config.message_bytes_max,
        Property::EffectsAreWellFormed,
        || format!("entries of {cost} bytes; {} fit into a message", config.message_bytes_max),
    )
}
