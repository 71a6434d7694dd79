//! What happens to messages, and to the links between servers.

use quorate_core::{Event, Message, NodeId};
use quorate_io_sim::engine::Witness as _;

use super::parse::{Parsed, Words};
use super::selection::Selection;
use super::words;
use super::world::{World, check, judged};

/// A command to the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Net {
    Deliver(Selection),
    /// A message arrives at another server than it is for.
    Misdeliver(Selection, NodeId),
    Drop(Selection),
    Duplicate(Selection),
    Delay(Selection),
    Stabilize(Vec<NodeId>),
    Isolate(Vec<NodeId>),
    Cut(NodeId, NodeId),
    Heal,
    Unreachable {
        at: NodeId,
        peer: NodeId,
    },
}

impl Net {
    pub(super) const VERBS: [&str; 10] = [
        "deliver",
        "misdeliver",
        "drop",
        "duplicate",
        "delay",
        "stabilize",
        "isolate",
        "cut",
        "heal",
        "unreachable",
    ];

    pub(super) fn read(verb: &str, words: &mut Words<'_>) -> Parsed<Self> {
        Ok(match verb {
            "deliver" => Self::Deliver(Selection::parse(words)?),
            "misdeliver" => {
                let selection = Selection::parse(words)?;
                words.need_word("at")?;
                Self::Misdeliver(selection, words.node()?)
            }
            "drop" => Self::Drop(Selection::parse(words)?),
            "duplicate" => Self::Duplicate(Selection::parse(words)?),
            "delay" => Self::Delay(Selection::parse(words)?),
            "stabilize" => Self::Stabilize(words.nodes()),
            "isolate" => Self::Isolate(words.nodes()),
            "cut" => Self::Cut(words.node()?, words.node()?),
            "heal" => Self::Heal,
            _ => Self::Unreachable { at: words.node()?, peer: words.node()? },
        })
    }

    /// Would it be too much to show all of it?
    pub(super) const fn is_terse(&self) -> bool {
        matches!(self, Self::Stabilize(_))
    }
}

impl World {
    pub(super) fn network(&mut self, command: &Net) -> Parsed {
        match command {
            Net::Deliver(which) => {
                let messages = self.take(which)?;
                messages.into_iter().try_for_each(|message| self.deliver(message))
            }
            Net::Misdeliver(which, to) => self.misdeliver(which, *to),
            Net::Drop(which) => {
                self.take(which)?.iter().for_each(|lost| self.tell_of(lost, "is lost"));
                Ok(())
            }
            Net::Duplicate(which) => {
                for place in self.places(which)? {
                    let copy = self.under_way[place].clone();
                    self.tell_of(&copy, "is doubled");
                    self.under_way.push(copy);
                }
                Ok(())
            }
            Net::Delay(which) => {
                for late in self.take(which)? {
                    self.tell_of(&late, "comes last");
                    self.under_way.push(late);
                }
                Ok(())
            }
            Net::Stabilize(among) => self.stabilize(among),
            Net::Isolate(some) => self.isolate(some),
            Net::Cut(from, to) => {
                self.these(&[*from, *to])?;
                self.cuts.insert((*from, *to));
                self.note(format!("{from:?} is not heard by {to:?}"));
                Ok(())
            }
            Net::Heal => {
                self.cuts.clear();
                self.note("all links work".to_owned());
                Ok(())
            }
            Net::Unreachable { at, peer } => {
                let at = self.up(*at)?;
                judged(self.give(at, vec![Event::Unreachable(*peer)]))
            }
        }
    }

    fn deliver(&mut self, message: Message) -> Parsed {
        let at = self.place(message.to)?;
        let Message { from, to, .. } = message;
        if self.servers[at].life.is_none() {
            self.say(to, "is down");
            return Ok(());
        }
        if !self.is_terse {
            self.line(&format!("{to:?} <- {from:?}"), &words::message_in_short(&message));
        }
        judged(self.give(at, vec![Event::Receive(message)]))
    }

    fn misdeliver(&mut self, which: &Selection, to: NodeId) -> Parsed {
        let at = self.up(to)?;
        for message in self.take(which)? {
            let (said, meant) = (words::message_in_short(&message), message.to);
            let who = format!("{to:?} <- {:?}", message.from);
            self.line(&who, &format!("{said}, meant for {meant:?}"));
            judged(self.give(at, vec![Event::Receive(message)]))?;
        }
        Ok(())
    }

    /// Everything between these servers arrives, and what comes of it, until nothing is under way.
    pub(super) fn stabilize(&mut self, among: &[NodeId]) -> Parsed {
        let is_among = |id: NodeId| among.is_empty() || among.contains(&id);
        let is_meant = |message: &Message| is_among(message.from) && is_among(message.to);
        while let Some(next) = self.under_way.iter().position(is_meant) {
            let message = self.under_way.remove(next);
            self.deliver(message)?;
        }
        Ok(())
    }

    /// Between these servers and all others nothing gets through.
    fn isolate(&mut self, some: &[NodeId]) -> Parsed {
        some.iter().try_for_each(|&id| self.place(id).map(drop))?;
        let all: Vec<_> = self.servers.iter().map(|server| server.id()).collect();
        for &one in some {
            for &other in all.iter().filter(|other| !some.contains(other)) {
                self.cuts.extend([(one, other), (other, one)]);
            }
        }
        let names: Vec<_> = some.iter().map(|id| format!("{id:?}")).collect();
        self.note(format!("{} cut off", names.join(", ")));
        Ok(())
    }

    fn take(&mut self, which: &Selection) -> Parsed<Vec<Message>> {
        let places = self.places(which)?;
        let mut taken: Vec<_> =
            places.into_iter().rev().map(|place| self.under_way.remove(place)).collect();
        taken.reverse();
        Ok(taken)
    }

    fn places(&self, which: &Selection) -> Parsed<Vec<usize>> {
        let places = which.places(&self.under_way);
        check(!places.is_empty(), || "no message under way is like that".to_owned())?;
        Ok(places)
    }

    fn tell_of(&mut self, message: &Message, fate: &str) {
        let Message { from, to, .. } = message;
        let said = words::message_in_short(message);
        self.line(&format!("{from:?} -> {to:?}"), &format!("{said} {fate}"));
    }
}
