//! How much is said on stderr beside errors, and in which colours.

use std::fmt;
use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::{ArgAction, Args, ValueEnum};
use tracing::level_filters::LevelFilter;

/// How much is said, and how.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Talk {
    /// When stderr has colours.
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Says nothing but errors on stderr; a server logs warnings and errors.
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Logs more to stderr: -v what happens, -vv each step of it.
    #[arg(long, short, global = true, action = ArgAction::Count)]
    verbose: u8,
}

/// When there are colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// Decided once, at the start.
static TALK: OnceLock<Talk> = OnceLock::new();

fn talk() -> Talk {
    TALK.get().copied().unwrap_or_default()
}

impl Talk {
    /// Makes it so for the rest of the process.
    pub(crate) fn settle(self) {
        let settled = TALK.set(self);
        assert!(settled.is_ok(), "it is decided once");
    }

    /// The least level that a server logs if nobody named one.
    const fn server_level(self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::WARN,
            (false, 0) => LevelFilter::INFO,
            (false, 1) => LevelFilter::DEBUG,
            (false, _) => LevelFilter::TRACE,
        }
    }

    /// The same for everything that is no server.
    const fn tool_level(self) -> LevelFilter {
        match self.verbose {
            0 => LevelFilter::OFF,
            1 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}

pub(crate) fn server_level() -> LevelFilter {
    talk().server_level()
}

pub(crate) fn tool_level() -> LevelFilter {
    talk().tool_level()
}

pub(crate) fn is_quiet() -> bool {
    talk().quiet
}

/// Says something that is neither data nor an error.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    if !is_quiet() {
        eprintln!("{text}");
    }
}

/// Does this stream have colours?
pub(crate) fn colours_on(stream: &impl IsTerminal) -> bool {
    match talk().color {
        Color::Auto => {
            stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty())
        }
        Color::Always => true,
        Color::Never => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_louder_than_a_tool() {
        let quiet = Talk { quiet: true, ..Talk::default() };
        let loud = |verbose| Talk { verbose, ..Talk::default() };
        let levels = |talk: Talk| (talk.server_level(), talk.tool_level());
        assert_eq!(levels(quiet), (LevelFilter::WARN, LevelFilter::OFF));
        assert_eq!(levels(loud(0)), (LevelFilter::INFO, LevelFilter::OFF));
        assert_eq!(levels(loud(1)), (LevelFilter::DEBUG, LevelFilter::DEBUG));
        assert_eq!(levels(loud(9)), (LevelFilter::TRACE, LevelFilter::TRACE));
    }
}
