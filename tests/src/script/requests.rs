//! What was asked for by name, and what came of it.

use std::collections::BTreeMap;

use quorate_core::{Index, LogId, NodeId, RequestId};
use quorate_io_sim::engine::{Checked, Property, hold};

use super::parse::Parsed;
use super::words;

/// Requests have numbers in the order in which they are asked.
#[derive(Default)]
pub(super) struct Requests {
    all: Vec<Request>,
    by_name: BTreeMap<String, usize>,
}

struct Request {
    name: String,
    at: NodeId,
    /// What was committed anywhere when it was asked for.
    committed: Index,
    answer: Option<String>,
}

/// Nobody has answered.
const WAITS: &str = "waits";
/// Nobody will ever answer.
const LOST: &str = "lost";

impl Requests {
    /// A request, by a name of its own.
    pub(super) fn ask(&mut self, name: &str, at: NodeId, committed: Index) -> Parsed<RequestId> {
        let place = self.all.len();
        if self.by_name.insert(name.to_owned(), place).is_some() {
            return Err(format!("{name} was asked for before"));
        }
        self.all.push(Request { name: name.to_owned(), at, committed, answer: None });
        Ok(RequestId(place as u64))
    }

    pub(super) fn name(&self, id: RequestId) -> &str {
        self.get(id).map_or("?", |request| &request.name)
    }

    /// The server says what came of a request: it was asked for there, and is answered once.
    pub(super) fn answer(&mut self, at: NodeId, id: RequestId, answer: String) -> Checked {
        let name = self.name(id).to_owned();
        let place = usize::try_from(id.0).unwrap_or(usize::MAX);
        let open = self.all.get_mut(place).filter(|it| it.at == at && it.answer.is_none());
        hold(open.is_some(), Property::OneTrueAnswer, || {
            format!("{at:?} says that {name} is {answer}: answered before, or never asked there")
        })?;
        open.expect("held").answer = Some(answer);
        Ok(())
    }

    /// thesis 6.4: a read sees all that was committed when it was asked for.
    pub(super) fn reads(&mut self, at: NodeId, id: RequestId, index: Index) -> Checked {
        let committed = self.get(id).map_or(Index(0), |request| request.committed);
        hold(index >= committed, Property::ReadsAreLinearizable, || {
            format!("{at:?} reads at {index:?}; {committed:?} was committed before")
        })?;
        self.answer(at, id, format!("ready at {}", index.0))
    }

    pub(super) fn accepted(&mut self, at: NodeId, id: RequestId, place: LogId) -> Checked {
        self.answer(at, id, format!("accepted at {}", words::id(place)))
    }

    /// A server is down: whoever waits for it waits in vain.
    pub(super) fn crashed(&mut self, at: NodeId) {
        let open = self.all.iter_mut().filter(|it| it.at == at && it.answer.is_none());
        open.for_each(|request| request.answer = Some(LOST.to_owned()));
    }

    /// What came of it.
    pub(super) fn told(&self, name: &str) -> Parsed<&str> {
        let place = self.by_name.get(name).ok_or_else(|| format!("nobody asked for {name}"))?;
        Ok(self.all[*place].answer.as_deref().unwrap_or(WAITS))
    }

    fn get(&self, id: RequestId) -> Option<&Request> {
        self.all.get(usize::try_from(id.0).ok()?)
    }
}
