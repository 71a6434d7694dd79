//! Words of a line, one after the other.

use std::time::Duration;

use quorate_core::{Membership, NodeId};

/// What a line says that is not understood.
pub(super) type Parsed<T = ()> = Result<T, String>;

/// The words of a line that are not read yet.
pub(super) struct Words<'a> {
    rest: Vec<&'a str>,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        Self { rest: text.split_whitespace().rev().collect() }
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.rest.last().copied()
    }

    pub(super) fn next(&mut self) -> Option<&'a str> {
        self.rest.pop()
    }

    /// The next word, of which `what` is to be said.
    pub(super) fn need(&mut self, what: &str) -> Parsed<&'a str> {
        self.next().ok_or_else(|| format!("{what} is missing"))
    }

    /// Is this the next word? If so it is read.
    pub(super) fn take(&mut self, word: &str) -> bool {
        let is_next = self.peek() == Some(word);
        if is_next {
            self.next();
        }
        is_next
    }

    pub(super) fn need_word(&mut self, word: &str) -> Parsed {
        if self.take(word) { Ok(()) } else { Err(format!("{word} is missing")) }
    }

    pub(super) fn node(&mut self) -> Parsed<NodeId> {
        node(self.need("a server, such as n1,")?)
    }

    /// All servers that come next.
    pub(super) fn nodes(&mut self) -> Vec<NodeId> {
        std::iter::from_fn(|| {
            let id = self.peek().and_then(|word| node(word).ok())?;
            self.next();
            Some(id)
        })
        .collect()
    }

    /// Servers by their numbers alone.
    pub(super) fn numbers(&mut self) -> Parsed<Vec<NodeId>> {
        let mut all = Vec::new();
        while let Some(number) = self.peek().and_then(|word| word.parse().ok()) {
            self.next();
            all.push(NodeId::new(number).ok_or("0 is no server")?);
        }
        Ok(all)
    }

    /// `1 2 3`, and perhaps `leaving 4 5` and `learners 6`.
    pub(super) fn membership(&mut self) -> Parsed<Membership> {
        let voters = self.numbers()?;
        let outgoing = if self.take("leaving") { self.numbers()? } else { Vec::new() };
        let learners = if self.take("learners") { self.numbers()? } else { Vec::new() };
        Membership::new(voters, outgoing, learners).map_err(|error| error.to_string())
    }

    pub(super) fn number(&mut self, what: &str) -> Parsed<u64> {
        let word = self.need(what)?;
        word.parse().map_err(|_| format!("{word} is no number"))
    }

    pub(super) fn duration(&mut self) -> Parsed<Duration> {
        duration(self.need("a time, such as 50ms,")?)
    }

    /// All words that are left.
    pub(super) fn all(&mut self) -> Vec<String> {
        let mut all: Vec<_> = self.rest.drain(..).map(str::to_owned).collect();
        all.reverse();
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Nothing is left.
    pub(super) fn end(&self) -> Parsed {
        match self.peek() {
            Some(word) => Err(format!("{word} makes no sense here")),
            None => Ok(()),
        }
    }
}

/// `n1`
pub(super) fn node(word: &str) -> Parsed<NodeId> {
    let number = word.strip_prefix('n').and_then(|number| number.parse().ok());
    number.and_then(NodeId::new).ok_or_else(|| format!("{word} is no server, such as n1"))
}

/// `50ms`
pub(super) fn duration(word: &str) -> Parsed<Duration> {
    let millis = word.strip_suffix("ms").and_then(|number| number.parse().ok());
    millis.map(Duration::from_millis).ok_or_else(|| format!("{word} is no time, such as 50ms"))
}

/// What of these a word may have meant, as a question.
pub(super) fn meant(word: &str, known: &[&str]) -> String {
    let distance = |known: &str| strsim::osa_distance(word, known);
    let nearest = known.iter().min_by_key(|known| distance(known));
    nearest
        .filter(|known| distance(known) <= 2)
        .map_or_else(String::new, |known| format!("; did you mean {known}?"))
}
