//! Time passes, and timers fire.

use std::time::Duration;

use quorate_core::{Event, NodeId};

use super::parse::{Parsed, Words};
use super::world::{World, check, judged};

/// A command to time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Pass {
    /// A server loses patience, and is elected.
    Elect(NodeId),
    Timeout(NodeId),
    Wait(Duration),
    Run(Duration),
}

impl Pass {
    pub(super) const VERBS: [&str; 4] = ["elect", "timeout", "wait", "run"];

    pub(super) fn read(verb: &str, words: &mut Words<'_>) -> Parsed<Self> {
        Ok(match verb {
            "elect" => Self::Elect(words.node()?),
            "timeout" => Self::Timeout(words.node()?),
            "wait" => Self::Wait(words.duration()?),
            _ => Self::Run(words.duration()?),
        })
    }

    /// Would it be too much to show all of it?
    pub(super) const fn is_terse(self) -> bool {
        matches!(self, Self::Elect(_) | Self::Run(_))
    }
}

impl World {
    pub(super) fn pass(&mut self, command: Pass) -> Parsed {
        match command {
            Pass::Elect(id) => {
                self.time_out(id)?;
                self.stabilize(&[])?;
                let is = self.glance(id)?;
                check(is.leads(), || format!("{id:?} is {}, and no leader", is.role.as_str()))
            }
            Pass::Timeout(id) => self.time_out(id),
            Pass::Wait(span) => {
                self.now = self.now.after(span);
                self.note(format!("{} ms have passed", self.now.0 / 1_000_000));
                Ok(())
            }
            Pass::Run(span) => self.run(span),
        }
    }

    /// Time passes until this server loses patience, or gives a sign of life.
    fn time_out(&mut self, id: NodeId) -> Parsed {
        let at = self.up(id)?;
        let deadline = self.servers[at].life.as_ref().and_then(|life| life.raft.deadline());
        self.now = self.now.max(deadline.ok_or("it waits for nothing")?);
        judged(self.give(at, vec![Event::Timeout]))
    }

    /// For some time timers fire, and everything arrives at once.
    fn run(&mut self, span: Duration) -> Parsed {
        let end = self.now.after(span);
        loop {
            let due = self.servers.iter().enumerate().filter_map(|(at, server)| {
                Some((server.life.as_ref()?.raft.deadline()?.max(self.now), at))
            });
            let Some((when, at)) = due.min().filter(|&(when, _)| when <= end) else { break };
            self.now = when;
            judged(self.give(at, vec![Event::Timeout]))?;
            self.stabilize(&[])?;
        }
        self.now = end;
        Ok(())
    }
}
