//! Raft's properties over all servers, checked after every step (thesis Figure 3.2 and more).
//!
//! Each log carries a running digest, so that "equal up to here" costs one comparison; nothing here
//! looks at a whole log.

use std::collections::BTreeMap;

use quorate_core::{Entry, HardState, Index, Membership, NodeId, Term, Write};

use super::glance::{Glance, Witness};
use super::image::Image;
use super::ledger::Ledger;
use super::violation::{Checked, Property, hold};
use crate::digest::Digest;

/// What is known of all servers together.
#[derive(Clone)]
pub struct Properties {
    /// Of servers whose logs say none.
    pub(crate) founders: Membership,
    /// By which the newest committed entry was: that of the leader who committed it.
    governing: Membership,
    /// Is what the ledgers call durable to be trusted?
    pub looks_into_disks: bool,
    leaders: BTreeMap<Term, NodeId>,
    pub(crate) votes: BTreeMap<(NodeId, Term), NodeId>,
    /// By index: every entry that was ever written there, and the log up to it.
    entries: Vec<Vec<(Term, Digest)>>,
    /// By index: the log up to it, and the term in which it was known to be committed.
    committed: Vec<(Digest, Term)>,
}

impl Properties {
    /// Nothing has happened. `looks_into_disks` where the ledgers know what is durable.
    pub fn new(membership: Membership, looks_into_disks: bool) -> Self {
        Self {
            governing: membership.clone(),
            founders: membership,
            looks_into_disks,
            leaders: BTreeMap::new(),
            votes: BTreeMap::new(),
            entries: Vec::new(),
            committed: Vec::new(),
        }
    }

    /// What is committed anywhere.
    pub fn committed(&self) -> Index {
        Index(self.committed.len() as u64)
    }

    /// The committed log up to here, if so much is committed.
    pub(crate) fn committed_log(&self, index: Index) -> Option<Digest> {
        let place = usize::try_from(index.0.checked_sub(1)?).expect("logs are short");
        self.committed.get(place).map(|&(log, _)| log)
    }

    /// Does somebody lead a cluster of these members, and know that to be committed?
    pub fn rule_for_good(&self, members: &Membership, servers: &[impl Witness]) -> bool {
        servers.iter().any(|server| {
            let Some(glance) = server.glance().filter(|glance| glance.leads()) else {
                return false;
            };
            let log = server.ledger().written();
            let (newest, known) =
                (self.rules(log, log.last().index), self.rules(log, glance.commit));
            let lists =
                |of: &Membership| [of.voters(), of.outgoing(), of.learners()].map(<[_]>::to_vec);
            lists(newest) == lists(members) && newest == known
        })
    }

    /// Does a server lead that none of these comes before, of those that vote and have a say?
    pub fn first_leads<'a, W: Witness + 'a>(
        &self,
        leader: Option<&'a W>,
        all: impl Iterator<Item = &'a W>,
        priority: impl Fn(NodeId) -> u8,
    ) -> bool {
        let may_lead = all.filter(|server| self.may_lead(*server));
        leader.map(|server| priority(server.id())) == may_lead.map(|it| priority(it.id())).max()
    }

    fn may_lead(&self, server: &impl Witness) -> bool {
        server.glance().is_some_and(|glance| {
            let rules = self.rules(server.ledger().written(), glance.commit);
            rules.is_voter(server.id()) && !glance.hard_state.is_forgetful
        })
    }

    /// A server's disk is lost, and with it the votes that bind it: whoever got one in a term that the
    /// server comes back to could not win it.
    pub fn forgets(&mut self, id: NodeId) {
        self.votes.retain(|vote, _| vote.0 != id);
    }

    /// How many terms had a leader.
    pub fn elections(&self) -> usize {
        self.leaders.len()
    }

    /// Was this server elected in this term?
    pub fn leads(&self, id: NodeId, term: Term) -> bool {
        self.leaders.get(&term) == Some(&id)
    }

    /// All of it, word by word.
    pub(crate) fn tell(&self, mut word: impl FnMut(u64)) {
        let Self { governing, leaders, votes, entries, committed, .. } = self;
        for half in [governing.voters(), governing.outgoing()] {
            word(half.len() as u64);
            half.iter().for_each(|id| word(id.get()));
        }
        let counts = [leaders.len(), votes.len(), entries.len(), committed.len()];
        counts.iter().for_each(|&count| word(count as u64));
        leaders.iter().for_each(|(term, id)| [term.0, id.get()].into_iter().for_each(&mut word));
        for (&(voter, term), candidate) in votes {
            [voter.get(), term.0, candidate.get()].into_iter().for_each(&mut word);
        }
        for place in entries {
            word(place.len() as u64);
            let mut known: Vec<_> = place.iter().map(|(term, log)| [term.0, log.value()]).collect();
            known.sort_unstable();
            known.into_iter().flatten().for_each(&mut word);
        }
        for (log, term) in committed {
            [log.value(), term.0].into_iter().for_each(&mut word);
        }
    }

    /// A server is about to write.
    ///
    /// # Errors
    /// What does not hold; so do all that follow.
    pub fn writes(&self, write: &Write, was: Glance, is: Glance, disk: &Ledger) -> Checked {
        if let Some(new) = write.hard_state {
            let old = disk.written().hard_state;
            hold(new.term >= old.term, Property::NothingGoesBack, || {
                format!("{new:?} is written after {old:?}")
            })?;
            let kept = new.term > old.term || old.vote.is_none() || old.vote == new.vote;
            hold(kept, Property::OneVotePerTerm, || format!("{new:?} is written after {old:?}"))?;
        }
        let Some(append) = &write.append else { return Ok(()) };
        let last = disk.written().last();
        let stays_leader = was.leads() && is.leads() && was.term() == is.term();
        hold(!stays_leader || append.prev == last, Property::LeaderAppendOnly, || {
            format!("a leader whose log ends at {last:?} appends after {:?}", append.prev)
        })?;
        hold(append.prev.index >= was.commit, Property::StateMachineSafety, || {
            format!("{:?} is committed and all after {:?} is discarded", was.commit, append.prev)
        })
    }

    /// Entries were written. Returns those that nobody wrote before.
    ///
    /// # Errors
    /// If there are two logs that end alike.
    ///
    /// # Panics
    /// If they were not written.
    pub fn wrote<'a>(&mut self, entries: &'a [Entry], written: &Image) -> Checked<Vec<&'a Entry>> {
        let mut new = Vec::new();
        for entry in entries {
            let digest = written.digest(entry.id.index).expect("it was just written");
            let place = usize::try_from(entry.id.index.0).expect("logs are short");
            if self.entries.len() <= place {
                self.entries.resize_with(place + 1, Vec::new);
            }
            let known = &mut self.entries[place];
            match known.iter().find(|(term, _)| *term == entry.id.term) {
                Some(&(_, before)) => hold(before == digest, Property::LogMatching, || {
                    format!("{:?} ends log {before:?} here and log {digest:?} there", entry.id)
                })?,
                None => {
                    known.push((entry.id.term, digest));
                    new.push(entry);
                }
            }
        }
        Ok(new)
    }

    /// A server has stepped, and what it wrote is in its disk's queue.
    ///
    /// # Errors
    /// What does not hold.
    pub fn stepped(
        &mut self,
        at: usize,
        was: Glance,
        is: Glance,
        servers: &[impl Witness],
    ) -> Checked {
        let (id, disk) = (&servers[at].id(), servers[at].ledger());
        hold(is.term() >= was.term(), Property::NothingGoesBack, || {
            format!("{id:?} went from {:?} to {:?}", was.term(), is.term())
        })?;
        hold(is.commit >= was.commit, Property::NothingGoesBack, || {
            format!("{id:?} went from commit {:?} to {:?}", was.commit, is.commit)
        })?;
        let written = disk.written();
        hold(
            is.last == written.last() && is.hard_state == written.hard_state,
            Property::EffectsAreWellFormed,
            || {
                let on_disk = (written.last(), written.hard_state);
                format!("{id:?} has {:?}, its writes make {on_disk:?}", (is.last, is.hard_state))
            },
        )?;
        if self.looks_into_disks {
            hold(disk.is_durable(is.durable), Property::NothingUndurableIsSaid, || {
                format!("{id:?} believes that {:?} is durable", is.durable)
            })?;
        }
        if is.leads() && !(was.leads() && was.term() == is.term()) {
            self.elected(*id, is.term(), written, servers)?;
        }
        if is.commit > was.commit {
            self.commits(*id, (was, is), written, servers)?;
        }
        Ok(())
    }

    /// A leader that goes on to lead commits by counting only what is of its own term; what is
    /// before that is committed with it (thesis 3.6.2).
    pub(crate) fn counts_its_own(was: Glance, is: Glance, disk: &Ledger) -> Checked {
        let led = was.leads() && is.leads() && was.term() == is.term();
        let term = disk.written().term(is.commit);
        let is_own = is.commit == was.commit || term == Some(is.term());
        hold(!led || is_own, Property::LeaderCompleteness, || {
            format!("the leader of {:?} commits {:?} of {term:?} by itself", is.term(), is.commit)
        })
    }

    /// The newest committed entry is on the disks of a quorum.
    ///
    /// # Errors
    /// If it is not.
    pub fn still_durable(&self, servers: &[impl Witness]) -> Checked {
        let Some(&(digest, _)) = self.committed.last() else { return Ok(()) };
        self.is_on_a_quorum(self.committed(), digest, servers)
    }

    fn elected(
        &mut self,
        id: NodeId,
        term: Term,
        written: &Image,
        servers: &[impl Witness],
    ) -> Checked {
        let first = *self.leaders.entry(term).or_insert(id);
        hold(first == id, Property::ElectionSafety, || {
            format!("{first:?} and {id:?} lead in {term:?}")
        })?;
        self.has_votes((id, term), self.rules(written, written.last().index), servers)?;
        // Newer leaders may have committed more, without this one's knowledge.
        let earlier = self.committed.iter().rposition(|&(_, committed_in)| committed_in < term);
        let Some(place) = earlier else { return Ok(()) };
        let index = Index(place as u64 + 1);
        hold(
            written.digest(index) == Some(self.committed[place].0),
            Property::LeaderCompleteness,
            || format!("{id:?} leads in {term:?} without the committed entry {index:?}"),
        )
    }

    /// thesis 3.3, 3.4: a quorum voted for this leader in its term. Whose disk is in a later term by
    /// now may have done so.
    fn has_votes(
        &self,
        (leader, term): (NodeId, Term),
        membership: &Membership,
        servers: &[impl Witness],
    ) -> Checked {
        let may_have_voted = |id: &NodeId| {
            let voter = servers.iter().find(|server| server.id() == *id);
            let voted = |disk: HardState| {
                disk.term > term || (disk.term, disk.vote) == (term, Some(leader))
            };
            voter.is_some_and(|voter| voter.ledger().images().any(|image| voted(image.hard_state)))
        };
        let is_elected = !self.looks_into_disks || is_quorum(membership, may_have_voted);
        hold(is_elected, Property::ElectionSafety, || {
            let disks = servers.iter().map(|server| server.ledger().durable().hard_state);
            let disks: Vec<_> = disks.collect();
            format!("{leader:?} leads in {term:?}; on the disks: {disks:?}")
        })
    }

    /// The membership that rules where this log ends here: the newest in it, committed or not (thesis
    /// 4.1).
    pub(crate) fn rules<'a>(&'a self, log: &'a Image, end: Index) -> &'a Membership {
        log.membership(end).unwrap_or(&self.founders)
    }

    fn commits(
        &mut self,
        id: NodeId,
        (was, is): (Glance, Glance),
        written: &Image,
        servers: &[impl Witness],
    ) -> Checked {
        let known = self.committed();
        let shared = known.min(is.commit);
        let Some(place) = usize::try_from(shared.0).expect("logs are short").checked_sub(1) else {
            return self.extend((was, is), written, servers);
        };
        hold(
            written.digest(shared) == Some(self.committed[place].0),
            Property::StateMachineSafety,
            || format!("{id:?} commits another log up to {shared:?}"),
        )?;
        self.extend((was, is), written, servers)
    }

    /// Takes note of what nobody committed before.
    fn extend(
        &mut self,
        (was, is): (Glance, Glance),
        written: &Image,
        servers: &[impl Witness],
    ) -> Checked {
        if is.commit <= self.committed() {
            return Ok(());
        }
        for index in self.committed().0 + 1..=is.commit.0 {
            let digest = written.digest(Index(index));
            hold(digest.is_some(), Property::StateMachineSafety, || {
                format!("{:?} is committed; the log ends at {:?}", is.commit, written.last())
            })?;
            self.committed.push((digest.expect("held"), is.term()));
        }
        // It counted by what ruled before the step, or by what it appended itself in it.
        self.govern(written, written.last().index);
        if self.still_durable(servers).is_err() {
            self.govern(written, was.last.index);
            self.still_durable(servers)?;
        }
        self.is_final(servers)
    }

    fn govern(&mut self, log: &Image, end: Index) {
        let rules = self.rules(log, end);
        if *rules != self.governing {
            self.governing = rules.clone();
        }
    }

    fn is_on_a_quorum(&self, index: Index, digest: Digest, servers: &[impl Witness]) -> Checked {
        if !self.looks_into_disks {
            return Ok(());
        }
        let has = |id: &NodeId| {
            servers
                .iter()
                .any(|server| server.id() == *id && server.ledger().vouches_for(index, digest))
        };
        for half in [self.governing.voters(), self.governing.outgoing()] {
            let count = half.iter().filter(|&id| has(id)).count();
            hold(half.is_empty() || count > half.len() / 2, Property::CommitIsDurable, || {
                format!("{index:?} is committed, and durable on {count} of {half:?}")
            })?;
        }
        Ok(())
    }
}

/// Is this so for a majority, in every half of the membership?
pub(crate) fn is_quorum(membership: &Membership, is_so: impl Fn(&NodeId) -> bool) -> bool {
    [membership.voters(), membership.outgoing()]
        .iter()
        .all(|half| half.is_empty() || half.iter().filter(|&id| is_so(id)).count() > half.len() / 2)
}
