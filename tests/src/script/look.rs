//! How everything stands, and whether it is as it is expected to be.

use quorate_core::{Index, NodeId};
use quorate_io_sim::engine::{Glance, Properties, Witness as _};

use super::expectation::{Expectation, What};
use super::parse::{Parsed, Words};
use super::words;
use super::world::{World, check};

/// A command that changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Look {
    Status(Vec<NodeId>),
    Log(Vec<NodeId>),
    Network,
    Expect(Expectation),
}

impl Look {
    pub(super) const VERBS: [&str; 4] = ["status", "log", "network", "expect"];

    pub(super) fn read(verb: &str, words: &mut Words<'_>) -> Parsed<Self> {
        Ok(match verb {
            "status" => Self::Status(words.nodes()),
            "log" => Self::Log(words.nodes()),
            "network" => Self::Network,
            _ => Self::Expect(Expectation::parse(words)?),
        })
    }
}

impl World {
    pub(super) fn look(&mut self, command: &Look) -> Parsed {
        match command {
            Look::Status(ids) => {
                let lines: Vec<_> = self.these(ids)?.iter().flat_map(|it| it.tell()).collect();
                lines.into_iter().for_each(|line| self.note(line));
                Ok(())
            }
            Look::Log(ids) => {
                let logs = self.these(ids)?.into_iter().map(|server| {
                    let commit = server.glance().map_or(Index(0), |glance| glance.commit);
                    (server.id(), words::log(&server.disk.written().entries(), commit))
                });
                let logs: Vec<_> = logs.collect();
                logs.iter().for_each(|(id, log)| self.say(*id, log));
                Ok(())
            }
            Look::Network => {
                for message in self.under_way.clone() {
                    let who = format!("{:?} -> {:?}", message.from, message.to);
                    self.line(&who, &words::message(&message));
                }
                Ok(())
            }
            Look::Expect(expectation) => self.expect(expectation),
        }
    }

    fn expect(&self, expectation: &Expectation) -> Parsed {
        let Expectation { is_negated, what } = expectation;
        let (is_so, is) = self.holds(what)?;
        check(is_so != *is_negated, || format!("that is not so; it is {is}"))
    }

    /// Is it so? And how is it?
    fn holds(&self, what: &What) -> Parsed<(bool, String)> {
        Ok(match what {
            What::Server(id, wanted) => {
                let facts = self.servers[self.place(*id)?].facts();
                let wrong = wanted.iter().find(|fact| !facts.contains(fact));
                let told = wrong.map_or(&wanted[0], |wrong| wrong);
                (wrong.is_none(), akin(told, &facts))
            }
            What::Request(name, wanted) => {
                let told = self.requests.told(name)?;
                (told.starts_with(wanted), told.to_owned())
            }
            What::UnderWay(count, which) => {
                let found = which.places(&self.under_way).len();
                (found == *count, found.to_string())
            }
            What::NobodyLeads => {
                let leads = self.servers.iter().filter(|it| it.glance().is_some_and(Glance::leads));
                let leads: Vec<_> = leads.map(|server| format!("{:?}", server.id())).collect();
                (leads.is_empty(), leads.join(", "))
            }
            What::Committed(names) => {
                let committed = self.committed();
                let mut rest = committed.iter();
                (names.iter().all(|name| rest.any(|it| it == name)), committed.join(" "))
            }
            What::SameLogs(ids) => {
                let servers = self.these(ids)?;
                let logs = servers.iter().map(|server| server.disk.written().entries());
                let logs: Vec<_> = logs.collect();
                (logs.windows(2).all(|pair| pair[0] == pair[1]), format!("{logs:?}"))
            }
        })
    }

    /// The commands that are committed anywhere, in order.
    fn committed(&self) -> Vec<String> {
        let committed = self.checks.as_ref().map_or(Index(0), Properties::committed);
        let most = self.servers.iter().filter(|server| {
            let knows = server.glance().map_or(Index(0), |glance| glance.commit);
            knows == committed
        });
        let log = most.map(|server| server.disk.written().entries()).next().unwrap_or_default();
        let log = log.iter().take_while(|entry| entry.id.index <= committed);
        let words = log.map(words::entry);
        words.filter_map(|word| Some(word.split_once(' ')?.1.to_owned())).collect()
    }
}

/// Those of the facts about a server that are about the same as this one.
fn akin(wanted: &str, facts: &[String]) -> String {
    let words = if wanted.starts_with("peer ") { 2 } else { 1 };
    let about = |fact: &str| fact.split(' ').take(words).collect::<Vec<_>>().join(" ");
    let same: Vec<_> = facts.iter().filter(|fact| about(fact) == about(wanted)).cloned().collect();
    if same.is_empty() { facts.join(", ") } else { same.join(", ") }
}
