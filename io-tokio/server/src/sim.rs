//! `sim`: simulated worlds, as they are run to find bugs.

use clap::{Args, Subcommand};
use quorate_campaign::{CampaignError, Direct, Found, Replay, Run, Show};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;

/// Runs simulated worlds of servers like this one, and shows what happens in them.
///
/// A world comes from a seed: servers, disks, a network, clients, and faults that strike them. Every
/// property is checked after every step. The same seed is the same world, byte for byte.
///
/// Example: quorate sim run --seeds 0..1000
#[derive(Args, Debug)]
pub(crate) struct Sim {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Run(Run),
    Replay(Replay),
    Show(Show),
}

pub(crate) fn run(args: &Sim) -> Result<Exit, Box<Diagnostic>> {
    let found = match &args.command {
        Command::Run(args) => quorate_campaign::run(args, &Direct),
        Command::Replay(args) => quorate_campaign::replay(args),
        Command::Show(args) => quorate_campaign::show(args),
    };
    match found {
        Ok(Found::Nothing) => Ok(Exit::Done),
        Ok(Found::Counterexample) => Ok(Exit::Counterexample),
        Ok(Found::Undecided) => Ok(Exit::Undecided),
        Err(error) => Err(unfit(&error)),
    }
}

fn unfit(error: &CampaignError) -> Box<Diagnostic> {
    Diagnostic::new(codes::BAD_SIM, "the simulation cannot be run").because(error)
}
