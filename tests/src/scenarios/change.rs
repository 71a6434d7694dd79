//! Changes of the membership. Rows order them one after the other, and say how; this core is given a
//! target, and finds the way there by itself. So what a change comes to is the target, and what a row
//! expects on the way must be among what ruled.

use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entries, Entry, Event, Index, LogId,
    Membership, MembershipRecord, Message, NodeId, Payload, RoleKind, Rpc, System, Term,
};
use serde_json::Value;

use super::bench::Bench;
use super::given::Given;
use super::json::{Object, Run, list, node_or_nobody, odd, text, unfit, wrong};
use super::setup::set_up;

/// One change; 0 is nobody, of whom nothing changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change {
    what: What,
    whose: Option<NodeId>,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Vote,
    Learn,
    Leave,
}

impl Change {
    pub(crate) fn new(what: &str, whose: Option<NodeId>) -> Run<Self> {
        let what = match what {
            "add_voter" | "v" => What::Vote,
            "add_learner" | "l" => What::Learn,
            "remove" | "r" => What::Leave,
            other => return unfit("change", other),
        };
        Ok(Self { what, whose })
    }

    /// `{changes, transition}`. How it gets there is for the core to say.
    pub(crate) fn read_order(value: &Value) -> Run<Vec<Self>> {
        let object = Object::of(value)?;
        object.has_only(&["changes", "transition"])?;
        Self::read_all(object.need("changes")?)
    }

    /// `[[what, whose], ...]`; none to leave what two majorities rule.
    pub(crate) fn read_all(value: &Value) -> Run<Vec<Self>> {
        let one = |value| match list(value)? {
            [what, whose] => Self::new(text(what)?, node_or_nobody(whose)?),
            _ => odd("a change", value),
        };
        list(value)?.iter().map(one).collect()
    }
}

/// What they come to.
pub(crate) fn target(now: &Membership, changes: &[Change]) -> Run<Membership> {
    let (mut voters, mut learners) = (now.voters().to_vec(), now.learners().to_vec());
    for Change { what, whose } in changes {
        let Some(whose) = *whose else { continue };
        match what {
            What::Vote if voters.contains(&whose) => {}
            What::Learn if learners.contains(&whose) => {}
            What::Vote | What::Learn | What::Leave => {
                voters.retain(|&id| id != whose);
                learners.retain(|&id| id != whose);
            }
        }
        match what {
            What::Vote if !voters.contains(&whose) => voters.push(whose),
            What::Learn if !learners.contains(&whose) => learners.push(whose),
            What::Vote | What::Learn | What::Leave => {}
        }
    }
    Membership::new(voters, [], learners).or_else(|error| unfit("membership", error.to_string()))
}

/// A leader of this membership, whom the changes leave its vote if anybody keeps it.
pub(crate) fn leader(membership: &Membership, changes: &[Change]) -> Run<Bench> {
    let target = target(membership, changes)?;
    let mut voters = membership.members().into_iter().filter(|&id| membership.is_voter(id));
    let first = voters.clone().next().expect("a membership has voters");
    let id = voters.find(|&id| target.is_voter(id)).unwrap_or(first);
    let mut given = Given::follower(id, membership.clone(), Term(1));
    given.role = RoleKind::Leader;
    given.log = vec![LogId { term: Term(1), index: Index(1) }];
    set_up(&given)
}

/// More rounds than a change needs.
const ROUNDS_MAX: u32 = 100;

impl Bench {
    /// It is asked for the change.
    pub(crate) fn order(&mut self, changes: &[Change]) -> Run {
        let target = target(self.raft.status().membership, changes)?;
        let id = self.ask("proposal".to_owned());
        self.step(Event::Reconfigure { id, target, expected: None, force: true });
        Ok(())
    }

    /// The change is made and committed: by this server if it leads, and else by its leader.
    pub(crate) fn take_effect(&mut self, changes: &[Change]) -> Run {
        if self.role() != RoleKind::Leader {
            return self.hear_of(target(self.raft.status().membership, changes)?);
        }
        let target = target(self.raft.status().membership, changes)?;
        self.order(changes)?;
        self.everybody_agrees();
        let status = self.raft.status();
        match *status.membership == target && !status.is_reconfiguring {
            true => Ok(()),
            false => wrong(format!("{:?}, where {target:?} was wanted", status.membership)),
        }
    }

    /// All peers acknowledge whatever they are sent, until no change is under way any more.
    pub(crate) fn everybody_agrees(&mut self) {
        let mut answered = 0;
        for _ in 0..ROUNDS_MAX {
            let status = self.raft.status();
            if !status.is_reconfiguring && !status.membership.is_joint() {
                return;
            }
            let new = self.sent[answered..].to_vec();
            answered = self.sent.len();
            if new.is_empty() {
                // What was sent before is lost.
                self.beat();
            }
            new.iter().filter_map(agreement).for_each(|answer| self.deliver(answer));
        }
    }

    /// A leader has appended a membership, and knows that it is committed.
    fn hear_of(&mut self, membership: Membership) -> Run {
        let status = self.raft.status();
        let (to, prev, term) = (status.id, status.last, status.hard_state.term.max(Term(1)));
        let mut peers = status.membership.members().into_iter();
        // Whoever is alone hears of it from one that has led it before.
        let stranger = NodeId::new(to.get() + 1000);
        let leader = status.leader.or(peers.find(|&id| id != to)).or(stranger);
        let from = leader.expect("above zero");
        let payload = Payload::System(System::Membership(MembershipRecord::of(&membership)));
        let entry = Entry { id: LogId { term, index: prev.index.next() }, payload };
        let (commit, entries) = (entry.id.index, Entries::new([entry]).expect("one entry"));
        let (replication, round) = self.next_round();
        let append = AppendEntries { replication, round, prev, entries, commit };
        self.deliver(Message { from, to, term, rpc: Rpc::AppendEntries(append) });
        Ok(())
    }
}

/// What a peer says that has all that it is told of.
fn agreement(message: &Message) -> Option<Message> {
    let Message { from, to, term, ref rpc } = *message;
    let (replication, round, matched) = match rpc {
        Rpc::AppendEntries(it) => {
            let last = it.entries.last_id().unwrap_or(it.prev);
            (it.replication, it.round, last.index)
        }
        Rpc::Heartbeat(it) => (it.replication, it.round, it.matched.index),
        Rpc::InstallSnapshot(it) => (it.replication, it.round, it.snapshot.last_included.index),
        _ => return None,
    };
    let outcome = AppendOutcome::Match(matched);
    let rpc = Rpc::AppendEntriesReply(AppendEntriesReply { replication, round, outcome });
    Some(Message { from: to, to: from, term, rpc })
}
