//! What is so before the first step: settings, who is there, and what is on their disks.

use quorate_core::{
    Append, Entries, Entry, HardState, Index, LogId, Membership, NodeId, Payload, Term, Ticket,
    Write,
};
use quorate_io_sim::engine::Properties;

use super::parse::{Parsed, Words};
use super::server::Server;
use super::setting::Setting;
use super::words;
use super::world::{World, check, judged};

/// A command of the time before the first step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Begin {
    With(Vec<Setting>),
    Servers { founders: Membership, outside: Vec<NodeId> },
    Given { id: NodeId, term: Term, vote: Option<NodeId>, log: Vec<Term> },
}

impl Begin {
    pub(super) const VERBS: [&str; 3] = ["with", "servers", "given"];

    pub(super) fn read(verb: &str, words: &mut Words<'_>) -> Parsed<Self> {
        Ok(match verb {
            "with" => {
                let settings = words.all();
                let settings = settings.iter().map(|word| Setting::parse(word));
                Self::With(settings.collect::<Parsed<_>>()?)
            }
            "servers" => {
                let founders = words.membership()?;
                let outside = if words.take("outside") { words.numbers()? } else { Vec::new() };
                Self::Servers { founders, outside }
            }
            _ => given(words)?,
        })
    }
}

fn given(words: &mut Words<'_>) -> Parsed<Begin> {
    let id = words.node()?;
    words.need_word("term")?;
    let term = Term(words.number("a term")?);
    let vote = if words.take("vote") { Some(words.node()?) } else { None };
    let mut log = Vec::new();
    if words.take("log") {
        while !words.is_empty() {
            log.push(Term(words.number("the term of an entry")?));
        }
    }
    Ok(Begin::Given { id, term, vote, log })
}

impl World {
    pub(super) fn begin(&mut self, command: &Begin) -> Parsed {
        match command {
            Begin::With(settings) => {
                check(self.servers.is_empty(), || "settings stand before servers".to_owned())?;
                settings.iter().try_for_each(|setting| setting.apply(&mut self.template))
            }
            Begin::Servers { founders, outside } => self.found(founders, outside),
            Begin::Given { id, term, vote, log } => self.given(*id, *term, *vote, log),
        }
    }

    fn found(&mut self, founders: &Membership, outside: &[NodeId]) -> Parsed {
        check(self.servers.is_empty(), || "there are servers already".to_owned())?;
        let mut ids = founders.members();
        ids.extend_from_slice(outside);
        ids.sort_unstable();
        let is_twice = ids.windows(2).any(|pair| pair[0] == pair[1]);
        check(!is_twice, || "a server is named twice".to_owned())?;
        self.founders = founders.clone();
        let checks = Properties::new(founders.clone(), true);
        for id in ids {
            let mut server = Server::new(id, &self.template);
            server.start(founders, &checks, self.now)?;
            self.servers.push(server);
        }
        self.checks = Some(checks);
        Ok(())
    }

    /// What a server has on its disk when it begins.
    fn given(&mut self, id: NodeId, term: Term, vote: Option<NodeId>, log: &[Term]) -> Parsed {
        let at = self.place(id)?;
        let entries = log.iter().zip(1..).map(|(&term, index)| {
            let id = LogId { term, index: Index(index) };
            let command = words::command(&format!("old{}", words::id(id)), 0);
            Entry { id, payload: Payload::Command(command.into()) }
        });
        let entries = Entries::new(entries).map_err(|error| error.to_string())?;
        let append = Append { prev: LogId::ZERO, entries: entries.clone() };
        let hard_state = Some(HardState { term, vote, is_forgetful: false });
        let write = Write { ticket: Ticket(1), snapshot: None, hard_state, append: Some(append) };
        let server = &mut self.servers[at];
        judged(server.disk.write(write).map(drop))?;
        server.disk.crash(1);
        let checks = self.checks.as_mut().expect("there are servers");
        judged(checks.wrote(&entries, server.disk.written()).map(drop))?;
        server.start(&self.founders, checks, self.now)
    }
}
