//! Every state of every single server that was met, each once, and what it did when something
//! happened.
//!
//! A world is made of few parts that stand in many combinations: a server in one state meets the same
//! message in thousands of worlds. So servers, messages and histories are kept here and go by numbers,
//! a world is a list of numbers, and the core is run once for each server's state and event.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quorate_core::{Entry, HardState, Index, LogId, Membership, Message, NodeId, RequestId, Write};

use super::fingerprint::{Fingerprint, Numbers};
use super::node::{Input, Node, Step};
use crate::judge::{Checked, Glance, Properties, Property, Violation, Witness as _};

/// What may happen to one server; a message by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cue {
    Timeout,
    Lapse,
    Propose,
    Read,
    Persist(u8),
    Crash(u8),
    Receive(u32),
    /// To these voters: a bit for each server, in their order.
    Change(u8),
    /// To the server of this number.
    Transfer(u8),
    TakeSnapshot,
    /// That it wants; what it stands for goes by number.
    GetSnapshot(u32),
    LoseSnapshot,
}

/// A server in one of its states, and what is asked about it again and again.
pub(crate) struct Seat {
    pub(crate) node: Node,
    pub(crate) glance: Glance,
    /// Writes under way.
    pub(crate) pending: u8,
}

impl Seat {
    /// Is there an entry on its disk that is not on it `later`?
    pub(crate) fn is_cut(&self, later: &Self) -> bool {
        let LogId { term, index } = self.node.ledger().durable().last();
        later.node.ledger().durable().term(index) != Some(term)
    }

    /// Did its log forget something by then, or begin anew?
    pub(crate) fn is_compacted(&self, later: &Self) -> bool {
        self.node.ledger().durable().base() < later.node.ledger().durable().base()
    }

    /// Did its state machine begin anew by then, from another server's snapshot?
    pub(crate) fn is_restored(&self, later: &Self) -> bool {
        let snapshot = later.node.ledger().durable().snapshot();
        self.node.applied() < later.node.applied() && later.node.applied() == snapshot.index
    }

    /// In a line.
    pub(crate) fn tell(&self) -> String {
        let Glance { role, hard_state: HardState { term, vote, .. }, last, durable, commit } =
            self.glance;
        let vote = vote.map_or("nobody".to_owned(), |vote| format!("{vote:?}"));
        format!(
            "{:?} {} in term {} votes {vote}, log to {}@{}, durable {}, committed {}, {} writes",
            self.node.id(),
            role.as_str(),
            term.0,
            last.index.0,
            last.term.0,
            durable.0,
            commit.0,
            self.pending
        )
    }
}

/// What a server in one state does: [`Step`], by numbers.
pub(crate) struct Outcome {
    /// Its state from now on.
    pub(crate) node: u32,
    pub(crate) was: Glance,
    pub(crate) is: Glance,
    pub(crate) write: Option<Write>,
    pub(crate) sends: Vec<u32>,
    pub(crate) asked: Option<RequestId>,
    pub(crate) answers: Vec<(RequestId, Option<Index>)>,
    pub(crate) is_disk_shorter: bool,
    pub(crate) is_restart: bool,
}

impl Outcome {
    /// Does nobody but the server itself notice?
    pub(crate) fn is_quiet(&self) -> bool {
        self.was == self.is
            && self.write.is_none()
            && self.sends.is_empty()
            && !self.is_disk_shorter
    }
}

/// The parts of all worlds.
pub(crate) struct Table {
    /// Are servers that will do the same one server? If not, the real one of this very path steps.
    merges: bool,
    seats: Vec<Seat>,
    seat_numbers: Numbers,
    messages: Vec<(Message, u128)>,
    message_numbers: Numbers,
    /// What snapshots stand for.
    logs: Vec<Vec<Entry>>,
    log_numbers: Numbers,
    histories: Vec<Properties>,
    history_numbers: Numbers,
    outcomes: Vec<Outcome>,
    outcome_numbers: Numbers,
}

impl Table {
    pub(crate) fn new(merges: bool) -> Self {
        Self {
            merges,
            seats: Vec::new(),
            seat_numbers: Numbers::default(),
            messages: Vec::new(),
            message_numbers: Numbers::default(),
            logs: Vec::new(),
            log_numbers: Numbers::default(),
            histories: Vec::new(),
            history_numbers: Numbers::default(),
            outcomes: Vec::new(),
            outcome_numbers: Numbers::default(),
        }
    }

    pub(crate) fn seat(&self, number: u32) -> &Seat {
        &self.seats[number as usize]
    }

    pub(crate) fn message(&self, number: u32) -> &Message {
        &self.messages[number as usize].0
    }

    /// The order in which messages stand in a world, whatever was met before.
    pub(crate) fn message_print(&self, number: u32) -> u128 {
        self.messages[number as usize].1
    }

    pub(crate) fn history(&self, number: u32) -> &Properties {
        &self.histories[number as usize]
    }

    pub(crate) fn outcome(&self, number: u32) -> &Outcome {
        &self.outcomes[number as usize]
    }

    /// How many states of servers, messages, histories and steps there are.
    pub(crate) fn sizes(&self) -> [usize; 4] {
        [self.seats.len(), self.messages.len(), self.histories.len(), self.outcomes.len()]
    }

    /// The number of a server's state.
    pub(crate) fn seat_of(&mut self, node: Node) -> u32 {
        let print = Fingerprint::of_bytes(node.projection().as_bytes());
        if let Some(known) = self.seat_numbers.get(print).filter(|_| self.merges) {
            return known;
        }
        let glance = node.glance_now();
        let pending = u8::try_from(node.ledger().pending()).expect("few writes are under way");
        let number = number(self.seats.len());
        self.seats.push(Seat { node, glance, pending });
        if self.merges {
            self.seat_numbers.insert(print, number);
        }
        number
    }

    /// The number of what has happened in all.
    pub(crate) fn history_of(&mut self, history: Properties) -> u32 {
        let print = history_print(&history);
        if let Some(known) = self.history_numbers.get(print) {
            return known;
        }
        let number = number(self.histories.len());
        self.histories.push(history);
        self.history_numbers.insert(print, number);
        number
    }

    /// What a server in this state does then.
    pub(crate) fn meet(&mut self, node: u32, cue: Cue) -> Checked<u32> {
        let key = key(node, cue);
        if let Some(known) = self.outcome_numbers.get(key) {
            return Ok(known);
        }
        let mut moved = self.seat(node).node.clone();
        let input = self.input(cue);
        // A panic is a violation like any other.
        let stepped = catch_unwind(AssertUnwindSafe(|| moved.step(input)));
        let step = stepped.unwrap_or_else(|_| {
            let evidence = format!("{:?} panics", self.seat(node).node.id());
            Err(Violation { property: Property::ServersRun, evidence })
        })?;
        let Step { was, is, write, sends, asked, answers, is_disk_shorter, is_restart } = step;
        let sends = sends.into_iter().map(|message| self.message_of(message)).collect();
        let node = self.seat_of(moved);
        let outcome =
            Outcome { node, was, is, write, sends, asked, answers, is_disk_shorter, is_restart };
        let number = number(self.outcomes.len());
        self.outcomes.push(outcome);
        self.outcome_numbers.insert(key, number);
        Ok(number)
    }

    fn input(&self, cue: Cue) -> Input {
        match cue {
            Cue::Timeout => Input::Timeout,
            Cue::Lapse => Input::Lapse,
            Cue::Propose => Input::Propose,
            Cue::Read => Input::Read,
            Cue::Persist(count) => Input::Persist(count.into()),
            Cue::Crash(kept) => Input::Crash(kept.into()),
            Cue::Receive(message) => Input::Receive(self.message(message).clone()),
            Cue::Change(voters) => Input::Change(membership_of(voters)),
            Cue::TakeSnapshot => Input::TakeSnapshot,
            Cue::GetSnapshot(log) => Input::GetSnapshot(self.logs[log as usize].clone()),
            Cue::LoseSnapshot => Input::LoseSnapshot,
            Cue::Transfer(to) => Input::Transfer(NodeId::new(to.into()).expect("a server")),
        }
    }

    /// The number of a log.
    pub(crate) fn log_of(&mut self, log: Vec<Entry>) -> u32 {
        let print = Fingerprint::of_bytes(format!("{log:?}").as_bytes());
        if let Some(known) = self.log_numbers.get(print) {
            return known;
        }
        let number = number(self.logs.len());
        self.logs.push(log);
        self.log_numbers.insert(print, number);
        number
    }

    fn message_of(&mut self, message: Message) -> u32 {
        let print = Fingerprint::of_bytes(format!("{message:?}").as_bytes());
        if let Some(known) = self.message_numbers.get(print) {
            return known;
        }
        let number = number(self.messages.len());
        self.messages.push((message, print));
        self.message_numbers.insert(print, number);
        number
    }
}

pub(crate) fn history_print(history: &Properties) -> u128 {
    let mut print = Fingerprint::EMPTY;
    history.tell(|word| print.word(word));
    print.value()
}

fn number(count: usize) -> u32 {
    u32::try_from(count).expect("memory ends before")
}

/// The servers of these bits vote, and nobody learns.
pub(crate) fn membership_of(bits: u8) -> Membership {
    let voters = (0..8).filter(|bit| bits & 1 << bit != 0).filter_map(|bit| NodeId::new(bit + 1));
    Membership::of_voters(voters).expect("one bit is set")
}

fn key(node: u32, cue: Cue) -> u128 {
    let (kind, detail) = match cue {
        Cue::Timeout => (0, 0),
        Cue::Lapse => (1, 0),
        Cue::Propose => (2, 0),
        Cue::Read => (3, 0),
        Cue::Persist(count) => (4, count.into()),
        Cue::Crash(kept) => (5, kept.into()),
        Cue::Receive(message) => (6, message),
        Cue::Change(voters) => (7, voters.into()),
        Cue::Transfer(to) => (8, to.into()),
        Cue::TakeSnapshot => (9, 0),
        Cue::GetSnapshot(log) => (10, log),
        Cue::LoseSnapshot => (11, 0),
    };
    let mut print = Fingerprint::EMPTY;
    print.word(u64::from(node) << 32 | u64::from(detail));
    print.word(kind);
    print.value()
}
