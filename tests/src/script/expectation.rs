//! What a story comes to: `expect n1 leader, commit 3`, `expect r1 ready at 3`.

use quorate_core::NodeId;

use super::parse::{Parsed, Words, meant, node};
use super::selection::Selection;

/// Something that must be so, or not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Expectation {
    pub(super) is_negated: bool,
    pub(super) what: What,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum What {
    /// All of these are facts about a server.
    Server(NodeId, Vec<String>),
    /// What a request was told begins like this.
    Request(String, String),
    /// So many messages like this are under way.
    UnderWay(usize, Selection),
    /// Nobody leads.
    NobodyLeads,
    /// These commands are committed, in this order, among others.
    Committed(Vec<String>),
    /// The logs of these servers are the same.
    SameLogs(Vec<NodeId>),
}

/// With what a fact about a server begins; and those that consist of this word.
const FACTS: [&str; 24] = [
    "follower",
    "pre-candidate",
    "candidate",
    "leader",
    "down",
    "term",
    "vote",
    "knows",
    "last",
    "durable",
    "commit",
    "applied",
    "has",
    "log",
    "voters",
    "leaving",
    "learners",
    "membership",
    "snapshot",
    "hangs",
    "forgetful",
    "ignored",
    "transferring",
    "peer",
];

impl Expectation {
    pub(super) fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let is_negated = words.take("not");
        Ok(Self { is_negated, what: What::parse(words)? })
    }
}

impl What {
    fn parse(words: &mut Words<'_>) -> Parsed<Self> {
        let subject = words.need("what is expected")?;
        if let Ok(id) = node(subject) {
            return Ok(Self::Server(id, facts(&words.all())?));
        }
        match subject {
            "nobody" => words.need_word("leads").map(|()| Self::NobodyLeads),
            "committed" => Ok(Self::Committed(words.all())),
            "same" => {
                words.need_word("logs")?;
                Ok(Self::SameLogs(words.nodes()))
            }
            count if count.parse::<usize>().is_ok() => {
                words.need_word("under")?;
                words.need_word("way")?;
                let count = count.parse().map_err(|_| "a number of messages")?;
                Ok(Self::UnderWay(count, Selection::parse(words)?))
            }
            name => Ok(Self::Request(name.to_owned(), words.all().join(" "))),
        }
    }
}

fn facts(words: &[String]) -> Parsed<Vec<String>> {
    let all = words.join(" ");
    let facts: Vec<_> = all.split(',').map(|fact| fact.trim().to_owned()).collect();
    for fact in &facts {
        let word = fact.split(' ').next().unwrap_or_default();
        if !FACTS.contains(&word) {
            let meant = meant(word, &FACTS);
            return Err(format!("{word} is nothing that can be expected of a server{meant}"));
        }
    }
    Ok(facts)
}
