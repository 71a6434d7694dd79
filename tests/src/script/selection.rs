//! Which messages under way a command means: `2nd AppendEntries n1->n2`, `last from n1`, `to n3`.

use quorate_core::{Message, NodeId};

use super::parse::{Parsed, Words, meant, node};
use super::words;

/// Some of the messages under way.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Selection {
    pick: Pick,
    kind: Option<&'static str>,
    from: Option<NodeId>,
    to: Option<NodeId>,
}

/// Which of those that fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Pick {
    #[default]
    All,
    /// From 0.
    Nth(usize),
    Last,
}

impl Selection {
    pub(super) fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let mut selection = Self::default();
        while let Some(word) = words.peek() {
            if let Some(nth) = nth(word) {
                selection.pick = Pick::Nth(nth);
            } else if word == "last" {
                selection.pick = Pick::Last;
            } else if let Some((from, to)) = word.split_once("->") {
                (selection.from, selection.to) = (Some(node(from)?), Some(node(to)?));
            } else if word == "from" || word == "to" {
                words.next();
                let end = Some(words.node()?);
                *(if word == "from" { &mut selection.from } else { &mut selection.to }) = end;
                continue;
            } else if word.starts_with(char::is_uppercase) {
                selection.kind = Some(kind(word)?);
            } else {
                break;
            }
            words.next();
        }
        Ok(selection)
    }

    /// Their places among all that are under way.
    pub(super) fn places(&self, under_way: &[Message]) -> Vec<usize> {
        let fits = |message: &Message| {
            self.kind.is_none_or(|kind| words::kind(&message.rpc) == kind)
                && self.from.is_none_or(|from| message.from == from)
                && self.to.is_none_or(|to| message.to == to)
        };
        let mut all = (0..under_way.len()).filter(|&place| fits(&under_way[place]));
        match self.pick {
            Pick::All => all.collect(),
            Pick::Nth(nth) => all.skip(nth).take(1).collect(),
            Pick::Last => all.next_back().into_iter().collect(),
        }
    }
}

/// `1st`, `2nd`, `3rd`, `4th`, from 0.
fn nth(word: &str) -> Option<usize> {
    let number = ["st", "nd", "rd", "th"].iter().find_map(|ending| word.strip_suffix(ending))?;
    number.parse::<usize>().ok()?.checked_sub(1)
}

fn kind(word: &str) -> Parsed<&'static str> {
    let known = words::KINDS.into_iter().find(|known| *known == word);
    known.ok_or_else(|| format!("{word} is no kind of message{}", meant(word, &words::KINDS)))
}
