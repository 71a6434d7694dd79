//! `quorate completions` and `quorate man`: what shells and readers of manuals want to know.

use std::io;
use std::path::PathBuf;

use clap::{Args, Command};
use clap_complete::Shell;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::output;

/// Prints a script that completes commands and options in a shell.
///
/// Example: quorate completions bash > ~/.local/share/bash-completion/completions/quorate
#[derive(Args, Debug)]
pub(crate) struct Completions {
    shell: Shell,
}

pub(crate) fn completions(
    args: &Completions,
    mut command: Command,
) -> Result<Exit, Box<Diagnostic>> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "quorate", &mut script);
    output::print_with(|out| out.write_all(&script))?;
    Ok(Exit::Done)
}

/// Prints the manual page of quorate, or writes one for each command.
///
/// Example: quorate man --dir /usr/local/share/man/man1
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// Writes the pages of all commands into this directory, which must exist.
    #[arg(long)]
    dir: Option<PathBuf>,
}

pub(crate) fn man(args: &Man, command: Command) -> Result<Exit, Box<Diagnostic>> {
    match &args.dir {
        Some(directory) => clap_mangen::generate_to(command, directory).map_err(|error| {
            let what = format!("no manual can be written to {}", directory.display());
            Diagnostic::new(codes::STDOUT_FAILED, what).because(&error)
        })?,
        None => {
            let page = || -> io::Result<Vec<u8>> {
                let mut page = Vec::new();
                clap_mangen::Man::new(command).render(&mut page)?;
                Ok(page)
            };
            output::print_with(|out| out.write_all(&page()?))?;
        }
    }
    Ok(Exit::Done)
}
