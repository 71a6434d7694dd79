//! `quorate explain`: the long text behind a code.

use std::fmt::Write as _;

use clap::Args;

use crate::codes::{self, ALL};
use crate::diagnostic::Diagnostic;
use crate::exit::{self, Exit};
use crate::output;

/// Explains an error by its code; without a code, lists all.
///
/// Example: quorate explain Q0312
#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// The code that an error was printed with.
    code: Option<String>,
    /// Prints all explanations as one document.
    #[arg(long, conflicts_with = "code")]
    all: bool,
}

pub(crate) fn run(args: &Explain) -> Result<Exit, Box<Diagnostic>> {
    let text = match &args.code {
        Some(id) => match codes::find(id) {
            Some(code) => format!(
                "{}: {}\n\n{}\n\nExit code {}: {}.\n",
                code.id,
                code.title,
                code.text,
                code.exit.code(),
                code.exit.meaning()
            ),
            None => {
                return Err(Diagnostic::new(codes::UNKNOWN_CODE, format!("there is no code {id}"))
                    .help("`quorate explain` lists all codes"));
            }
        },
        None if args.all => document(),
        None => list(),
    };
    output::print(&text)?;
    Ok(Exit::Done)
}

fn list() -> String {
    let mut text = String::new();
    for code in ALL {
        let _ = writeln!(text, "{}  {}", code.id, code.title);
    }
    text
}

/// All of it, as Markdown.
pub(crate) fn document() -> String {
    let mut text = String::from(
        "# Errors of quorate\n\nPrinted by `quorate explain --all`; `quorate explain CODE` prints \
         one.\n\n",
    );
    let _ = write!(text, "```text\n{}```\n", exit::table());
    for code in ALL {
        let _ = write!(
            text,
            "\n## {}: {}\n\nExit code {}.\n\n{}\n",
            code.id,
            code.title,
            code.exit.code(),
            code.text
        );
    }
    text
}
