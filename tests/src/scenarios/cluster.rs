//! Rows about several servers and the network between them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use quorate_core::{Message, NodeId, RoleKind};
use serde_json::Value;

use super::bench::Bench;
use super::event::Happening;
use super::given::{Given, Tuning, node_key};
use super::json::{Object, Run, Stop, list, node, odd, text, unfit, wrong};
use super::message::{Letter, is_of_type, known_type};
use super::setup::set_up;
use super::then::{Then, is_elsewhere};

pub(crate) fn run(row: Object<'_>) -> Run {
    row.has_only(&[
        "id", "topic", "kind", "title", "source", "paper", "note", "given", "steps", "then", "hint",
    ])?;
    let steps = list(row.need("steps")?)?.iter().map(Step::read);
    let steps: Vec<_> = steps.collect::<Run<_>>()?;
    let then = End::read(row.need("then")?)?;
    let mut cluster = Cluster::set_up(Object::of(row.need("given")?)?)?;
    let ran = steps.iter().try_for_each(|step| cluster.step(step));
    match ran.and_then(|()| then.check(&cluster)) {
        // A proposal that another server should have got.
        Err(Stop::Wrong(_)) if cluster.was_asked_elsewhere() => unfit("behaviour", "forwarding"),
        checked => checked,
    }
}

/// More messages than any row needs.
const DELIVERIES_MAX: u32 = 100_000;

struct Cluster {
    nodes: BTreeMap<NodeId, Bench>,
    down: BTreeMap<NodeId, Bench>,
    /// Links on which nothing gets through, by sender and receiver.
    cut: BTreeSet<(NodeId, NodeId)>,
    ignored: Vec<String>,
    under_way: VecDeque<Message>,
}

enum Step {
    Happen(NodeId, Happening),
    Together(Vec<(NodeId, Happening)>),
    Cut(NodeId, NodeId),
    CutOneway(NodeId, NodeId),
    Isolate(NodeId),
    Heal,
    Ignore(String),
    Down(NodeId),
    Up(NodeId),
    Inject(Letter),
    Expect(Vec<(NodeId, Then)>),
    Nothing,
}

enum End {
    Nodes(Vec<(NodeId, Then)>),
    AnyLeaderAmong(Vec<NodeId>),
}

impl Step {
    fn read(value: &Value) -> Run<Self> {
        let object = Object::of(value)?;
        if object.get("node").is_some() {
            let (at, happening) = node_event(value)?;
            return Ok(Self::Happen(at, happening));
        }
        let mut keys = object.0.iter();
        let (Some((key, value)), None) = (keys.next(), keys.next()) else {
            return odd("a step", value);
        };
        let pair = || match list(value)? {
            [from, to] => Ok((node(from)?, node(to)?)),
            _ => odd("two servers", value),
        };
        Ok(match key.as_str() {
            "together" => Self::Together(list(value)?.iter().map(node_event).collect::<Run<_>>()?),
            "cut" => pair().map(|(one, other)| Self::Cut(one, other))?,
            "cut_oneway" => pair().map(|(from, to)| Self::CutOneway(from, to))?,
            "isolate" => Self::Isolate(node(value)?),
            "heal" => Self::Heal,
            "ignore" => {
                known_type(text(value)?)?;
                Self::Ignore(text(value)?.to_owned())
            }
            "down" => Self::Down(node(value)?),
            "up" => Self::Up(node(value)?),
            "inject" => Self::Inject(Letter::read(value)?),
            "expect" => Self::Expect(expectations(value)?),
            "note" => Self::Nothing,
            other => return unfit("step", other),
        })
    }
}

impl End {
    fn read(value: &Value) -> Run<Self> {
        let object = Object::of(value)?;
        object.has_only(&["nodes", "any_leader_among"])?;
        if let Some(among) = object.get("any_leader_among") {
            let among = list(among)?.iter().map(node).collect::<Run<_>>()?;
            return Ok(Self::AnyLeaderAmong(among));
        }
        Ok(Self::Nodes(expectations(object.need("nodes")?)?))
    }

    fn check(&self, cluster: &Cluster) -> Run {
        match self {
            Self::Nodes(nodes) => cluster.expect(nodes),
            Self::AnyLeaderAmong(ids) => {
                let leads =
                    |id| cluster.nodes.get(id).is_some_and(|it| it.role() == RoleKind::Leader);
                if ids.iter().any(leads) { Ok(()) } else { wrong(format!("none of {ids:?} leads")) }
            }
        }
    }
}

impl Cluster {
    fn set_up(given: Object<'_>) -> Run<Self> {
        given.has_only(&["nodes", "config"])?;
        let tuning = Tuning::DEFAULT.read(given.get("config"))?;
        let nodes = Object::of(given.need("nodes")?)?
            .0
            .iter()
            .map(|(id, value)| Ok((node_key(id)?, set_up(&Given::read(value, tuning)?)?)));
        Ok(Self {
            nodes: nodes.collect::<Run<_>>()?,
            down: BTreeMap::new(),
            cut: BTreeSet::new(),
            ignored: Vec::new(),
            under_way: VecDeque::new(),
        })
    }

    fn step(&mut self, step: &Step) -> Run {
        self.nodes.values_mut().for_each(|bench| bench.sent.clear());
        match step {
            Step::Happen(at, happening) => self.happen(*at, happening)?,
            Step::Together(events) => {
                events.iter().try_for_each(|(at, happening)| self.happen(*at, happening))?;
            }
            Step::Cut(one, other) => self.cut.extend([(*one, *other), (*other, *one)]),
            Step::CutOneway(from, to) => self.cut.extend([(*from, *to)]),
            Step::Isolate(id) => {
                let peers = self.nodes.keys().chain(self.down.keys());
                self.cut.extend(peers.flat_map(|&peer| [(*id, peer), (peer, *id)]));
            }
            Step::Heal => {
                self.cut.clear();
                self.ignored.clear();
            }
            Step::Ignore(kind) => self.ignored.push(kind.clone()),
            Step::Down(id) => self.down.extend(self.nodes.remove_entry(id)),
            Step::Up(id) => {
                if let Some(bench) = self.down.remove(id) {
                    self.nodes.insert(*id, bench.restarted()?);
                }
            }
            Step::Inject(letter) => {
                let to = letter.to.map_or_else(|| unfit("missing key", "to"), Ok)?;
                self.happen(to, &Happening::Receive(letter.clone()))?;
            }
            Step::Expect(wanted) => return self.expect(wanted),
            Step::Nothing => {}
        }
        self.deliver_all()
    }

    fn happen(&mut self, at: NodeId, happening: &Happening) -> Run {
        let Some(bench) = self.nodes.get_mut(&at) else {
            return unfit("state", "something happens to a server that is not there");
        };
        let before = bench.sent.len();
        bench.happen(happening)?;
        self.under_way.extend(bench.sent[before..].iter().cloned());
        Ok(())
    }

    /// First in, first out, until nothing is under way.
    fn deliver_all(&mut self) -> Run {
        for _ in 0..DELIVERIES_MAX {
            let Some(message) = self.under_way.pop_front() else { return Ok(()) };
            let is_ignored = self.ignored.iter().any(|kind| is_of_type(&message, kind));
            if is_ignored || self.cut.contains(&(message.from, message.to)) {
                continue;
            }
            if let Some(bench) = self.nodes.get_mut(&message.to) {
                let before = bench.sent.len();
                bench.deliver(message);
                self.under_way.extend(bench.sent[before..].iter().cloned());
            }
        }
        wrong("the messages never come to an end")
    }

    fn expect(&self, wanted: &[(NodeId, Then)]) -> Run {
        for (id, then) in wanted {
            let Some(bench) = self.nodes.get(id).or_else(|| self.down.get(id)) else {
                return unfit("state", "something is expected of a server that is not there");
            };
            then.check(bench).map_err(|stop| match stop {
                Stop::Wrong(how) => Stop::Wrong(format!("{id:?}: {how}")),
                stop => stop,
            })?;
        }
        Ok(())
    }

    fn was_asked_elsewhere(&self) -> bool {
        let mut refused = self.nodes.values().flat_map(|bench| &bench.refused);
        refused.any(|&(_, why)| is_elsewhere(why))
    }
}

/// An event that names its server.
fn node_event(value: &Value) -> Run<(NodeId, Happening)> {
    let mut event = Object::of(value)?.0.clone();
    let at = event.remove("node");
    Ok((node(&at.unwrap_or_default())?, Happening::read_map(&event)?))
}

fn expectations(value: &Value) -> Run<Vec<(NodeId, Then)>> {
    let nodes = Object::of(value)?.0.iter();
    nodes.map(|(id, then)| Ok((node_key(id)?, Then::read(then)?))).collect()
}
