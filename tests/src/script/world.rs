//! The servers of a script, the network between them, and what was said of them.

use std::collections::BTreeSet;

use quorate_core::{Config, Instant, Membership, Message, NodeId};
use quorate_io_sim::engine::{Checked, Glance, Properties, Violation, Witness as _};

use super::command::Command;
use super::parse::Parsed;
use super::requests::Requests;
use super::server::{Server, defaults};

/// All there is in a script.
pub(super) struct World {
    pub(super) now: Instant,
    pub(super) template: Config,
    pub(super) founders: Membership,
    pub(super) servers: Vec<Server>,
    /// Messages under way, in the order in which they were sent.
    pub(super) under_way: Vec<Message>,
    /// Links on which nothing gets through.
    pub(super) cuts: BTreeSet<(NodeId, NodeId)>,
    pub(super) requests: Requests,
    /// Once there are servers.
    pub(super) checks: Option<Properties>,
    pub(super) is_terse: bool,
    pub(super) steps: usize,
    has_begun: bool,
    output: Vec<String>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            now: Instant(0),
            template: defaults(),
            founders: Membership::default(),
            servers: Vec::new(),
            under_way: Vec::new(),
            cuts: BTreeSet::new(),
            requests: Requests::default(),
            checks: None,
            is_terse: false,
            steps: 0,
            has_begun: false,
            output: Vec::new(),
        }
    }
}

impl World {
    /// Does what a line says.
    ///
    /// # Errors
    /// If it makes no sense here, an expectation is not met, or something must not be so.
    pub(super) fn obey(&mut self, command: &Command) -> Parsed {
        self.steps = 0;
        self.is_terse = command.is_terse();
        match command {
            Command::Begin(begin) => {
                let otherwise = || "it has begun: settings and logs are given before".to_owned();
                check(!self.has_begun, otherwise)?;
                return self.begin(begin);
            }
            Command::Look(look) => return self.look(look),
            Command::Pass(pass) => self.pass(*pass)?,
            Command::Ask(ask) => self.ask(ask)?,
            Command::Net(net) => self.network(net)?,
            Command::Fate(fate) => self.strike(*fate)?,
        }
        self.has_begun = true;
        if self.output.is_empty() {
            self.note("nothing".to_owned());
        }
        Ok(())
    }

    /// What was said since the last time.
    pub(super) fn take_output(&mut self) -> Vec<String> {
        core::mem::take(&mut self.output)
    }

    /// A server does something: a line of output.
    pub(super) fn say(&mut self, id: NodeId, what: &str) {
        self.line(&format!("{id:?}"), what);
    }

    /// A line of output: who, in a column, and what.
    pub(super) fn line(&mut self, who: &str, what: &str) {
        self.note(format!("{who:<10}{what}"));
    }

    /// A line of output.
    pub(super) fn note(&mut self, line: String) {
        self.output.push(line);
    }

    /// These servers, or all.
    pub(super) fn these(&self, ids: &[NodeId]) -> Parsed<Vec<&Server>> {
        if ids.is_empty() {
            return Ok(self.servers.iter().collect());
        }
        ids.iter().map(|&id| Ok(&self.servers[self.place(id)?])).collect()
    }

    pub(super) fn place(&self, id: NodeId) -> Parsed<usize> {
        let place = self.servers.iter().position(|server| server.id() == id);
        place.ok_or_else(|| format!("there is no server {id:?}"))
    }

    pub(super) fn up(&self, id: NodeId) -> Parsed<usize> {
        let at = self.place(id)?;
        check(self.servers[at].life.is_some(), || format!("{id:?} is down"))?;
        Ok(at)
    }

    pub(super) fn glance(&self, id: NodeId) -> Parsed<Glance> {
        let glance = self.servers[self.place(id)?].glance();
        glance.ok_or_else(|| format!("{id:?} is down"))
    }
}

pub(super) fn check(holds: bool, otherwise: impl FnOnce() -> String) -> Parsed {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// What the judges say of it.
pub(super) fn judged<T>(checked: Checked<T>) -> Parsed<T> {
    checked.map_err(|violation: Violation| violation.to_string())
}
