//! One state of a small world: servers, messages under way, and what clients wait for.

use quorate_core::{Entry, Index, Membership, NodeId, RequestId, SnapshotChange};

use super::action::{Action, Told};
use super::fingerprint::Fingerprint;
use super::node::Node;
use super::options::{Options, Spent};
use super::table::{Cue, Outcome, Table};
use crate::judge::{Checked, Properties, Property, Witness as _, hold};

/// A state. All parts stand in the [`Table`], and here by number.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) nodes: Vec<u32>,
    /// What was ever said, written and committed, as far as it is judged.
    pub(crate) history: u32,
    pub(crate) spent: Spent,
    /// Reads that wait, by server.
    reads: Vec<Asked>,
    /// Messages under way, sorted, each as often as it is.
    pub(crate) net: Vec<u32>,
}

/// A read that has no answer.
#[derive(Clone, Copy, Debug)]
struct Asked {
    at: u8,
    id: u8,
    /// What was committed anywhere when it was asked for.
    committed: u8,
}

impl World {
    /// Everybody has just been founded.
    pub(crate) fn first(table: &mut Table, options: &Options) -> Self {
        let ids: Vec<_> = (1..=options.servers).filter_map(|id| NodeId::new(id.into())).collect();
        let founders = ids[..ids.len() - usize::from(options.spares)].iter().copied();
        let membership = Membership::of_voters(founders).expect("servers have names");
        let nodes = ids.into_iter().map(|id| Node::new(id, &membership, options));
        let nodes = nodes.map(|node| table.seat_of(node)).collect();
        let history = table.history_of(Properties::new(membership, true));
        Self { nodes, history, ..Self::default() }
    }

    /// The state after an action.
    ///
    /// # Errors
    /// What does not hold there.
    pub(crate) fn after(
        &self,
        action: Action,
        table: &mut Table,
        options: &Options,
    ) -> Checked<Self> {
        let mut next = self.clone();
        if let Some(what) = action.uses(self, table) {
            next.spent[what as usize] += 1;
        }
        match action {
            Action::Happens(at, cue) => next.meet(at, cue, table, options)?,
            Action::Fetch(at) => {
                let log = self.wanted_log(at, table)?;
                let log = table.log_of(log);
                next.meet(at, Cue::GetSnapshot(log), table, options)?;
            }
            Action::Deliver(message) => {
                next.take(message);
                next.receive(message, table, options)?;
            }
            Action::Duplicate(message) => next.receive(message, table, options)?,
        }
        Ok(next)
    }

    /// Is it to be explored?
    pub(crate) fn is_within(&self, table: &Table, options: &Options) -> bool {
        let is_short =
            |&node: &u32| table.seat(node).glance.last.index.0 <= u64::from(options.entries);
        self.nodes.iter().all(is_short)
    }

    /// The states in which no more is under way than may be: each way to lose what is too much, in
    /// an order that depends on this state alone.
    pub(crate) fn spilled(self, options: &Options, all: &mut Vec<Self>) {
        all.clear();
        all.push(self);
        while all[0].net.len() > usize::from(options.messages) {
            for fuller in core::mem::take(all) {
                for lost in 0..fuller.net.len() {
                    let mut less = fuller.clone();
                    less.net.remove(lost);
                    if !all.iter().any(|known| known.net == less.net) {
                        all.push(less);
                    }
                }
            }
        }
    }

    /// What the snapshot stands for that a server wants.
    fn wanted_log(&self, at: usize, table: &Table) -> Checked<Vec<Entry>> {
        let wanted = table.seat(self.nodes[at]).node.wanted().expect("it wants one").last_included;
        let mut logs = self.nodes.iter().map(|&node| table.seat(node).node.ledger().written());
        let donor = logs.find(|log| log.term(wanted.index) == Some(wanted.term));
        hold(donor.is_some(), Property::StateMachineSafety, || {
            format!("{wanted:?} is offered, and nobody has it")
        })?;
        let log = donor.expect("held").read(Index(1), u64::MAX);
        Ok(log.up_to(wanted.index).to_vec())
    }

    fn receive(&mut self, message: u32, table: &mut Table, options: &Options) -> Checked {
        let to = table.message(message).to;
        let at = self.nodes.iter().position(|&node| table.seat(node).node.id() == to);
        let at = at.expect("messages are checked when they are sent");
        self.meet(at, Cue::Receive(message), table, options)
    }

    fn meet(&mut self, at: usize, cue: Cue, table: &mut Table, options: &Options) -> Checked {
        self.step(at, cue, table)?;
        while options.instant_disks && table.seat(self.nodes[at]).pending > 0 {
            let pending = table.seat(self.nodes[at]).pending;
            self.step(at, Cue::Persist(pending), table)?;
        }
        Ok(())
    }

    fn step(&mut self, at: usize, cue: Cue, table: &mut Table) -> Checked {
        let number = table.meet(self.nodes[at], cue)?;
        let outcome = table.outcome(number);
        self.nodes[at] = outcome.node;
        if outcome.is_restart {
            self.reads.retain(|asked| usize::from(asked.at) != at);
        }
        self.count_reads(at, outcome, table.history(self.history).committed())?;
        if !outcome.is_quiet() {
            let history = self.judge(at, outcome, table)?;
            for &message in &outcome.sends {
                let print = table.message_print(message);
                let place = self.net.partition_point(|&it| table.message_print(it) < print);
                self.net.insert(place, message);
            }
            self.history = table.history_of(history);
        }
        Ok(())
    }

    /// A server did something: everything must hold. What was before has been judged.
    fn judge(&self, at: usize, outcome: &Outcome, table: &Table) -> Checked<Properties> {
        let servers: Vec<_> = self.nodes.iter().map(|&node| &table.seat(node).node).collect();
        let node = servers[at];
        let mut history = table.history(self.history).clone();
        if outcome.is_disk_shorter {
            history.still_durable(&servers)?;
        }
        if outcome.is_restart {
            let durable = node.ledger().durable();
            let kept = (durable.hard_state, durable.last());
            let has = (outcome.is.hard_state, outcome.is.last);
            hold(has == kept, Property::ServersStart, || {
                format!("{:?} starts with {has:?}, and its disk kept {kept:?}", node.id())
            })?;
            return Ok(history);
        }
        if let Some(snapshot) = outcome.write.as_ref().and_then(|write| write.snapshot.as_deref()) {
            let (SnapshotChange::Covers(meta) | SnapshotChange::Replaces(meta)) = snapshot;
            history.is_true(meta, node.ledger().written())?;
        }
        if let Some(append) = outcome.write.as_ref().and_then(|write| write.append.as_ref()) {
            history.wrote(&append.entries, node.ledger().written())?;
        }
        let (was, is) = (outcome.was, outcome.is);
        history.stepped(at, was, is, &servers)?;
        Properties::counts_its_own(was, is, node.ledger())?;
        for peer in node.raft().status().peers {
            history.believes(at, is, (peer.id(), peer.match_index()), &servers)?;
        }
        for &message in &outcome.sends {
            history.said(table.message(message), is, node.config(), &servers)?;
        }
        Ok(history)
    }

    /// thesis 6.4: a read sees all that was committed when it was asked for.
    fn count_reads(&mut self, at: usize, outcome: &Outcome, committed: Index) -> Checked {
        let small = |number: u64| u8::try_from(number).expect("bounds are small");
        let at = small(at as u64);
        if let Some(RequestId(id)) = outcome.asked {
            self.reads.push(Asked { at, id: small(id), committed: small(committed.0) });
            self.reads.sort_unstable_by_key(|asked| (asked.at, asked.id));
        }
        for &(RequestId(id), index) in &outcome.answers {
            let place = self.reads.iter().position(|it| (it.at, it.id) == (at, small(id)));
            let asked = self.reads.remove(place.expect("the server checks that it was asked"));
            let sees = index.is_none_or(|index| index.0 >= u64::from(asked.committed));
            hold(sees, Property::ReadsAreLinearizable, || {
                format!("{asked:?} may be served from {index:?}")
            })?;
        }
        Ok(())
    }

    fn take(&mut self, message: u32) {
        let place = self.net.iter().position(|&it| it == message).expect("it is under way");
        self.net.remove(place);
    }

    /// How many reads wait.
    pub(crate) fn waits(&self) -> usize {
        self.reads.len()
    }

    /// What has changed in a server since this world was another.
    pub(crate) fn tell_news(&self, before: &Self, table: &Table) -> String {
        let pairs = self.nodes.iter().zip(&before.nodes).filter(|(is, was)| is != was);
        let news: Vec<_> = pairs.map(|(&is, _)| table.seat(is).tell()).collect();
        if news.is_empty() { "nothing".to_owned() } else { news.join(", ") }
    }

    /// What of all this is not under way here.
    pub(crate) fn tell_lost<'a>(
        &'a self,
        sent: &'a [u32],
        table: &'a Table,
    ) -> impl Iterator<Item = String> + 'a {
        let count = |all: &[u32], one| all.iter().filter(|&&it| it == one).count();
        let lost = sent.iter().enumerate().filter(move |&(place, &message)| {
            count(&sent[..=place], message) > count(&self.net, message)
        });
        lost.map(|(_, &message)| format!("lost: {}", Told(table.message(message))))
    }

    /// How the servers stand, and what is under way.
    pub(crate) fn tell(&self, table: &Table) -> Vec<String> {
        let servers = self.nodes.iter().map(|&node| table.seat(node).tell());
        let net = self.net.iter().map(|&it| format!("under way: {}", Told(table.message(it))));
        servers.chain(net).collect()
    }

    /// The state as words, which no other state is.
    pub(crate) fn words(&self, mut word: impl FnMut(u32)) {
        let count = |length: usize| u32::try_from(length).expect("a small world");
        self.nodes.iter().for_each(|&node| word(node));
        word(self.history);
        for four in self.spent.chunks(4) {
            word(u32::from_le_bytes(four.try_into().expect("four bytes")));
        }
        word(count(self.reads.len()) << 16 | count(self.net.len()));
        for &Asked { at, id, committed } in &self.reads {
            word(u32::from_le_bytes([at, id, committed, 0]));
        }
        self.net.iter().for_each(|&message| word(message));
    }

    /// The state that the first of these words are, and all behind them.
    ///
    /// # Panics
    /// If they are not from [`World::words`].
    pub(crate) fn from_words<'a>(words: &'a [u32], options: &Options) -> (Self, &'a [u32]) {
        let (nodes, rest) = words.split_at(options.servers.into());
        let [history, spent @ .., counts] = &rest[..5] else { unreachable!("five words") };
        let (reads, rest) = rest[5..].split_at((counts >> 16) as usize);
        let (net, rest) = rest.split_at((counts & 0xffff) as usize);
        let mut bytes = spent.iter().flat_map(|word| word.to_le_bytes());
        let reads = reads.iter().map(|word| {
            let [at, id, committed, _] = word.to_le_bytes();
            Asked { at, id, committed }
        });
        let world = Self {
            nodes: nodes.to_vec(),
            history: *history,
            spent: core::array::from_fn(|_| bytes.next().expect("twelve bytes")),
            reads: reads.collect(),
            net: net.to_vec(),
        };
        (world, rest)
    }

    /// The state's name among the states of one exploration.
    pub(crate) fn name(&self) -> u64 {
        let mut print = Fingerprint::EMPTY;
        self.words(|word| print.word(word.into()));
        print.half()
    }
}
