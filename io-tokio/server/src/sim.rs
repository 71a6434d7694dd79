//! `sim`: simulated worlds, as they are run to find bugs.

use clap::{Args, Subcommand};
use quorate_campaign::{CampaignError, Direct, Found, Program, Replay, Run, Show};

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
#[command(arg_required_else_help = true)]
pub(crate) struct Sim {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    #[command(after_help = "Example: quorate sim run --seeds 0..1000 --jobs 4
         quorate sim run --budget 10m --profile disk")]
    Run(Run),
    #[command(after_help = "Example: quorate sim replay 1241
         quorate sim replay sim-out/direct-1241")]
    Replay(Replay),
    #[command(after_help = "Example: quorate sim show 1241 --out bad.html
         quorate sim show 1241 --format ascii --from 2s --until 2500ms")]
    Show(Show),
}

pub(crate) fn run(args: &Sim) -> Result<Exit, Box<Diagnostic>> {
    let program = Program { name: "quorate sim", engines: &[&Direct] };
    let found = match &args.command {
        Command::Run(args) => quorate_campaign::run(args, &program),
        Command::Replay(args) => quorate_campaign::replay(args, &program),
        Command::Show(args) => quorate_campaign::show(args, &program),
    };
    match found {
        Ok(Found::Nothing) => Ok(Exit::Done),
        Ok(Found::Counterexample) => Ok(Exit::Counterexample),
        Ok(Found::Undecided) => Ok(Exit::Undecided),
        Err(error) => Err(unfit(&error)),
    }
}

fn unfit(error: &CampaignError) -> Box<Diagnostic> {
    let diagnostic = Diagnostic::new(codes::BAD_SIM, "the simulation cannot be run").because(error);
    match error.help() {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}
