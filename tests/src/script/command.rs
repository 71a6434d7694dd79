//! What a line of a script can say.

use super::begin::Begin;
use super::clients::Ask;
use super::fate::Fate;
use super::look::Look;
use super::network::Net;
use super::parse::{Parsed, Words, meant};
use super::time::Pass;

/// A line that has been read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Command {
    Begin(Begin),
    Pass(Pass),
    Ask(Ask),
    Net(Net),
    Fate(Fate),
    Look(Look),
}

impl Command {
    /// # Errors
    /// What of it is not understood.
    pub(super) fn parse(line: &str) -> Parsed<Self> {
        let words = &mut Words::of(line);
        let verb = words.need("a command")?;
        let command = match verb {
            _ if Begin::VERBS.contains(&verb) => Self::Begin(Begin::read(verb, words)?),
            _ if Pass::VERBS.contains(&verb) => Self::Pass(Pass::read(verb, words)?),
            _ if Ask::VERBS.contains(&verb) => Self::Ask(Ask::read(verb, words)?),
            _ if Net::VERBS.contains(&verb) => Self::Net(Net::read(verb, words)?),
            _ if Fate::VERBS.contains(&verb) => Self::Fate(Fate::read(verb, words)?),
            _ if Look::VERBS.contains(&verb) => Self::Look(Look::read(verb, words)?),
            _ => return Err(format!("there is no command {verb}{}", meant(verb, &verbs()))),
        };
        words.end()?;
        Ok(command)
    }

    /// Would it be too much to show all that comes of it?
    pub(super) fn is_terse(&self) -> bool {
        match self {
            Self::Pass(pass) => pass.is_terse(),
            Self::Net(net) => net.is_terse(),
            _ => false,
        }
    }
}

fn verbs() -> Vec<&'static str> {
    let groups: [&[&str]; 6] =
        [&Begin::VERBS, &Pass::VERBS, &Ask::VERBS, &Net::VERBS, &Fate::VERBS, &Look::VERBS];
    groups.concat()
}
