//! What is said when something goes wrong: what, why, and what to do.

use std::error::Error;
use std::io;

use crate::codes::Code;
use crate::exit::Exit;
use crate::talk::colours_on;

/// An error for people.
#[derive(Debug)]
pub(crate) struct Diagnostic {
    code: &'static Code,
    what: String,
    why: Option<String>,
    help: Option<String>,
}

impl Diagnostic {
    pub(crate) fn new(code: &'static Code, what: impl Into<String>) -> Box<Self> {
        Box::new(Self { code, what: what.into(), why: None, help: None })
    }

    /// Adds the cause, down to the bottom of it.
    pub(crate) fn because(mut self: Box<Self>, why: &dyn Error) -> Box<Self> {
        let mut text = why.to_string();
        let mut source = why.source();
        while let Some(deeper) = source {
            let deeper_text = deeper.to_string();
            // Many errors print their source themselves.
            if !text.contains(&deeper_text) {
                text = format!("{text}: {deeper_text}");
            }
            source = deeper.source();
        }
        self.why = Some(text);
        self
    }

    pub(crate) fn why(mut self: Box<Self>, why: impl Into<String>) -> Box<Self> {
        self.why = Some(why.into());
        self
    }

    pub(crate) fn help(mut self: Box<Self>, help: impl Into<String>) -> Box<Self> {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn exit(&self) -> Exit {
        self.code.exit
    }

    /// Says it on stderr.
    pub(crate) fn report(&self) {
        let bold_red = if colours_on(&io::stderr()) { ("\x1b[1;31m", "\x1b[0m") } else { ("", "") };
        eprintln!("{}error[{}]{}: {}", bold_red.0, self.code.id, bold_red.1, self.what);
        if let Some(why) = &self.why {
            eprintln!(" cause: {why}");
        }
        if let Some(help) = &self.help {
            eprintln!(" help: {help}");
        }
    }
}
