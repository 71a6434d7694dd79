//! What clients and operators ask for, each request by a name of its own.

use std::slice;
use std::time::Duration;

use quorate_core::{Event, Index, Membership, NodeId, RequestId};
use quorate_io_sim::engine::Properties;

use super::parse::{Parsed, Words};
use super::words;
use super::world::{World, judged};

/// A request, or several that come in together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Ask {
    Propose { at: NodeId, names: Vec<String>, bytes: usize },
    Read { at: NodeId, names: Vec<String> },
    Transfer { at: NodeId, name: String, to: Option<NodeId>, within: Duration },
    Change { at: NodeId, name: String, target: Target },
}

/// What the membership shall be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Target {
    membership: Membership,
    expected: Option<Index>,
    force: bool,
}

impl Ask {
    pub(super) const VERBS: [&str; 4] = ["propose", "read", "transfer", "change"];

    pub(super) fn read(verb: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let at = words.node()?;
        Ok(match verb {
            "propose" => propose(at, words.all())?,
            "read" => Self::Read { at, names: named(words.all())? },
            "transfer" => {
                let name = words.need("a name")?.to_owned();
                let to = if words.take("to") { Some(words.node()?) } else { None };
                let is_timed = words.take("within");
                let within = if is_timed { words.duration()? } else { Duration::from_millis(300) };
                Self::Transfer { at, name, to, within }
            }
            _ => {
                let name = words.need("a name")?.to_owned();
                words.need_word("to")?;
                let membership = words.membership()?;
                let is_expecting = words.take("expecting");
                let expected =
                    if is_expecting { Some(Index(words.number("an index")?)) } else { None };
                let force = words.take("force");
                Self::Change { at, name, target: Target { membership, expected, force } }
            }
        })
    }
}

fn propose(at: NodeId, mut names: Vec<String>) -> Parsed<Ask> {
    let mut bytes = 0;
    if let [.., of, number] = &names[..]
        && of == "bytes"
    {
        bytes = number.parse().map_err(|_| format!("{number} is no number"))?;
        names.truncate(names.len() - 2);
    }
    Ok(Ask::Propose { at, names: named(names)?, bytes })
}

fn named(names: Vec<String>) -> Parsed<Vec<String>> {
    if names.is_empty() { Err("a name is missing".to_owned()) } else { Ok(names) }
}

impl World {
    pub(super) fn ask(&mut self, command: &Ask) -> Parsed {
        match command {
            Ask::Propose { at, names, bytes } => self.ask_for(*at, names, |name, id| {
                Event::Propose { id, command: words::command(name, *bytes).into() }
            }),
            Ask::Read { at, names } => self.ask_for(*at, names, |_, id| Event::Read { id }),
            Ask::Transfer { at, name, to, within } => {
                let (to, within) = (*to, *within);
                self.ask_for(*at, slice::from_ref(name), |_, id| Event::TransferLeadership {
                    id,
                    to,
                    within,
                })
            }
            Ask::Change { at, name, target } => {
                let Target { membership, expected, force } = target;
                self.ask_for(*at, slice::from_ref(name), |_, id| Event::Reconfigure {
                    id,
                    target: membership.clone(),
                    expected: *expected,
                    force: *force,
                })
            }
        }
    }

    /// Requests of one kind come in together.
    fn ask_for(
        &mut self,
        at: NodeId,
        names: &[String],
        event: impl Fn(&str, RequestId) -> Event,
    ) -> Parsed {
        let place = self.up(at)?;
        let committed = self.checks.as_ref().map_or(Index(0), Properties::committed);
        let mut events = Vec::new();
        for name in names {
            events.push(event(name, self.requests.ask(name, at, committed)?));
        }
        judged(self.give(place, events))
    }
}
