//! Scripts: commands to a group of servers, and the state of each after them.
//!
//! A server's output waits until it is processed, and messages until they are delivered. Every
//! core sends other messages; states are compared whenever nothing is under way on either side.

use std::collections::{BTreeMap, VecDeque};

use quorate_core::{HardState, Index, LogId, Membership, Message, NodeId, SnapshotMeta, Term};
use serde_json::Value;

use super::bench::{Bench, Disk};
use super::change::Change;
use super::event::Happening;
use super::given::{Tuning, membership, node_key, role};
use super::json::{
    Object, Run, Stop, expect, index, list, log, node_or_nobody, number, text, unfit,
};

pub(crate) fn run(row: Object<'_>) -> Run {
    row.has_only(&["id", "topic", "what", "source", "note", "steps", "final"])?;
    let steps = list(row.need("steps")?)?.iter().map(Step::read);
    let steps: Vec<_> = steps.collect::<Run<_>>()?;
    let mut group = Group::default();
    for (at, step) in steps.iter().enumerate() {
        let ran = group.run(step);
        ran.map_err(|stop| placed(stop, &format!("step {at}, {}", step.command)))?;
    }
    let states = Object::of(row.need("final")?)?;
    group.compare_all(states).map_err(|stop| placed(stop, "in the end"))
}

fn placed(stop: Stop, place: &str) -> Stop {
    match stop {
        Stop::Wrong(how) => Stop::Wrong(format!("{place}: {how}")),
        stop => stop,
    }
}

/// More rounds than any script needs until nothing is left to do.
const ROUNDS_MAX: u32 = 1000;

#[derive(Default)]
struct Group<'a> {
    nodes: BTreeMap<NodeId, Bench>,
    tuning: Option<Tuning>,
    founders: Option<Membership>,
    under_way: VecDeque<Message>,
    /// The last state that the script tells of each.
    told: BTreeMap<NodeId, &'a Value>,
}

struct Step<'a> {
    command: &'a str,
    args: Vec<&'a str>,
    /// Lines of words.
    input: Vec<&'a str>,
    changed: Option<&'a Value>,
    in_flight: u64,
}

const COMMANDS: [&str; 14] = [
    "add-nodes",
    "campaign",
    "propose",
    "stabilize",
    "deliver-msgs",
    "process-ready",
    "tick-heartbeat",
    "tick-election",
    "status",
    "raft-log",
    "raft-state",
    "transfer-leadership",
    "compact",
    "propose-conf-change",
];

impl<'a> Step<'a> {
    fn read(value: &'a Value) -> Run<Self> {
        let object = Object::of(value)?;
        object.has_only(&["cmd", "args", "input", "changed", "in_flight"])?;
        let command = text(object.need("cmd")?)?;
        if !COMMANDS.contains(&command) {
            return unfit("command", command);
        }
        let args: Option<Vec<&str>> =
            object.map("args", |args| list(args)?.iter().map(text).collect())?;
        if args.iter().flatten().any(|arg| arg.starts_with("transition=")) {
            return unfit("command", format!("{command} transition="));
        }
        let input = object.map("input", |input| list(input)?.iter().map(text).collect())?;
        Ok(Self {
            command,
            args: args.unwrap_or_default(),
            input: input.unwrap_or_default(),
            changed: object.get("changed"),
            in_flight: object.number("in_flight", 0)?,
        })
    }

    /// The servers that are named without a key.
    fn ids(&self) -> Vec<NodeId> {
        self.args.iter().filter_map(|arg| NodeId::new(arg.parse().ok()?)).collect()
    }

    /// The value of `key=value`; lists stand in brackets.
    fn value(&self, key: &str) -> Option<&'a str> {
        self.args.iter().find_map(|arg| arg.strip_prefix(key)?.strip_prefix('='))
    }

    /// Such as `v2 l3 r4`: a voter, a learner and a server that leaves.
    fn changes(&self) -> Run<Vec<Change>> {
        let words = self.input.iter().flat_map(|line| line.split_whitespace());
        let change = |word: &str| match word.split_at_checked(1) {
            Some((what, whose)) => Change::new(what, NodeId::new(whose.parse().unwrap_or(0))),
            None => unfit("change", word),
        };
        words.map(change).collect()
    }

    fn list(&self, key: &str) -> Vec<NodeId> {
        let ids = self.value(key).unwrap_or_default().trim_matches(['(', ')']);
        ids.split(',').filter_map(|id| NodeId::new(id.trim().parse().ok()?)).collect()
    }
}

impl<'a> Group<'a> {
    fn run(&mut self, step: &Step<'a>) -> Run {
        let ids = step.ids();
        match step.command {
            "add-nodes" => self.add_nodes(step)?,
            "campaign" => self.each(&ids, &Happening::Campaign)?,
            "transfer-leadership" => {
                let (from, to) = (step.list("from"), step.list("to"));
                for &to in &to {
                    self.each(&from, &Happening::Transfer(to))?;
                }
            }
            "compact" => {
                let index = step.args.get(1).and_then(|index| index.parse().ok());
                self.each(&ids[..1], &Happening::Compact(Index(index.unwrap_or(0))))?;
                // There it takes no time.
                self.nodes.get_mut(&ids[0]).into_iter().for_each(Bench::sync);
            }
            "propose-conf-change" => self.each(&ids, &Happening::Order(step.changes()?))?,
            "propose" => self.each(&ids, &Happening::Propose(1))?,
            "stabilize" => self.stabilize(&ids)?,
            "deliver-msgs" => {
                if step.value("type").is_some() {
                    return unfit("command", "deliver-msgs type=");
                }
                self.deliver(&ids, &step.list("drop"));
            }
            "process-ready" => ids.iter().for_each(|&id| self.process(id)),
            "tick-heartbeat" => self.each(&ids, &Happening::Beat)?,
            "tick-election" => self.each(&ids, &Happening::Tick(ELECTION_TICKS))?,
            _ => {}
        }
        if let Some(changed) = step.changed {
            for (id, state) in Object::of(changed)?.0 {
                self.told.insert(node_key(id)?, state);
            }
        }
        if step.in_flight > 0 || !self.is_quiet() {
            return Ok(());
        }
        self.told.iter().try_for_each(|(id, state)| self.compare(*id, state))
    }

    fn add_nodes(&mut self, step: &Step<'_>) -> Run {
        let count = step.args.first().and_then(|count| count.parse().ok()).unwrap_or(0);
        let tuning = self.tuning.unwrap_or(Tuning::DEFAULT);
        let mut tuning = tuning.with("election_ticks", ELECTION_TICKS.into())?;
        for arg in &step.args[1..] {
            match arg.split_once('=').unwrap_or((arg, "")) {
                ("voters" | "learners" | "index", _) => {}
                ("prevote", on) => tuning = tuning.with("pre_vote", (on == "true").into())?,
                ("checkquorum", on) => {
                    tuning = tuning.with("check_quorum", (on == "true").into())?
                }
                ("inflight", count) => {
                    let count: u64 = count.parse().unwrap_or(u64::MAX);
                    tuning = tuning.with("max_inflight", count.into())?;
                }
                _ => return unfit("command", format!("add-nodes {arg}")),
            }
        }
        self.tuning = Some(tuning);
        let membership = match (&self.founders, step.value("voters")) {
            // A newcomer of ours begins with the founding members, to whom it may not belong.
            (Some(founders), None) => founders.clone(),
            _ => Membership::new(step.list("voters"), [], step.list("learners"))
                .or_else(|error| unfit("membership", error.to_string()))?,
        };
        self.founders.get_or_insert_with(|| membership.clone());
        let first = self.nodes.len() as u64 + 1;
        let index = step.value("index").and_then(|index| index.parse().ok()).unwrap_or(0);
        for id in (first..first + count).filter_map(NodeId::new) {
            // These scripts begin in term 0 with a snapshot of term 1, in which no server of ours
            // can be: its snapshot is of term 0 too, so that all later terms are theirs.
            let last_included = LogId { term: Term(0), index: Index(index) };
            let snapshot = SnapshotMeta {
                last_included,
                membership_at: LogId::ZERO,
                membership: membership.clone(),
            };
            let disk = Disk { hard_state: HardState::default(), snapshot, log: Vec::new() };
            let mut bench = Bench::start(id, tuning, disk)?;
            bench.is_disk_slow = true;
            self.nodes.insert(id, bench);
        }
        Ok(())
    }

    fn each(&mut self, ids: &[NodeId], happening: &Happening) -> Run {
        for id in ids {
            let Some(bench) = self.nodes.get_mut(id) else {
                return unfit("state", "something happens to a server that is not there");
            };
            bench.happen(happening)?;
        }
        Ok(())
    }

    /// All that a server wants to write becomes durable, and all it wants to say is under way.
    fn process(&mut self, id: NodeId) {
        let Some(bench) = self.nodes.get_mut(&id) else { return };
        while bench.is_writing() {
            bench.sync();
        }
        self.under_way.extend(bench.sent.drain(..));
    }

    /// Messages to `to` arrive, and those to `dropped` are lost.
    fn deliver(&mut self, to: &[NodeId], dropped: &[NodeId]) {
        for message in std::mem::take(&mut self.under_way) {
            match self.nodes.get_mut(&message.to).filter(|_| to.contains(&message.to)) {
                Some(bench) => bench.deliver(message),
                None if dropped.contains(&message.to) => {}
                None => self.under_way.push_back(message),
            }
        }
    }

    /// Until nothing is left to do among these, or among all.
    fn stabilize(&mut self, ids: &[NodeId]) -> Run {
        let all: Vec<_> = self.nodes.keys().copied().collect();
        let ids = if ids.is_empty() { &all } else { ids };
        for _ in 0..ROUNDS_MAX {
            ids.iter().for_each(|&id| self.process(id));
            if !self.under_way.iter().any(|message| ids.contains(&message.to)) {
                return Ok(());
            }
            self.deliver(ids, &[]);
        }
        Err(Stop::Wrong("the messages never come to an end".to_owned()))
    }

    fn is_quiet(&self) -> bool {
        self.under_way.is_empty() && self.nodes.values().all(|bench| bench.sent.is_empty())
    }

    fn compare_all(&self, states: Object<'_>) -> Run {
        states.0.iter().try_for_each(|(id, state)| self.compare(node_key(id)?, state))
    }

    fn compare(&self, id: NodeId, state: &Value) -> Run {
        let Some(bench) = self.nodes.get(&id) else {
            return unfit("state", "something is told of a server that is not there");
        };
        let (status, state) = (bench.raft.status(), Object::of(state)?);
        let what = |what: &str| format!("{what} of {id:?}");
        expect(&what("role"), &status.role, &role(state.need("role")?)?)?;
        expect(&what("term"), &status.hard_state.term.0, &number(state.need("term")?)?)?;
        expect(&what("vote"), &status.hard_state.vote, &node_or_nobody(state.need("vote")?)?)?;
        expect(&what("leader"), &status.leader, &node_or_nobody(state.need("leader")?)?)?;
        expect(&what("commit"), &status.commit, &index(state.need("commit")?)?)?;
        let durable: Vec<_> = bench.disk().log.iter().map(|entry| entry.id).collect();
        expect(&what("durable log"), &durable, &log(state.need("stable_log")?)?)?;
        let members = state.need("members")?;
        match members.get("voters").and_then(Value::as_array) {
            // It has not heard of anybody.
            Some(voters) if voters.is_empty() => Ok(()),
            _ => expect(&what("membership"), status.membership, &membership(members)?),
        }
    }
}

/// What the scripts call an election timeout.
const ELECTION_TICKS: u64 = 3;
