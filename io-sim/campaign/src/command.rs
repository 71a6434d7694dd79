//! All commands, for the programs that have them.

use clap::Subcommand;

use crate::{CampaignError, Engine, Found, Minimize, Mutants, Promote, Replay, Report, Run, Show};

/// Runs simulated worlds, and looks into those that fail.
#[derive(Subcommand, Debug)]
#[allow(missing_docs, reason = "each command says what it does")]
pub enum Command {
    Run(Run),
    Replay(Replay),
    Show(Show),
    Minimize(Minimize),
    Promote(Promote),
    Report(Report),
    Mutants(Mutants),
}

/// Carries a command out; the first engine is the one that is meant where none is named.
///
/// # Errors
/// If it cannot be carried out.
pub fn command(command: &Command, engines: &[&dyn Engine]) -> Result<Found, CampaignError> {
    match command {
        Command::Run(args) => {
            let engine = engines.iter().find(|engine| engine.name() == args.engine);
            let engine = engine.ok_or_else(|| CampaignError::Engine {
                engine: args.engine.clone(),
                engines: engines.iter().map(|engine| engine.name()).collect(),
            })?;
            crate::run(args, *engine)
        }
        Command::Replay(args) => crate::replay(args),
        Command::Show(args) => crate::show(args),
        Command::Minimize(args) => crate::minimize(args),
        Command::Promote(args) => crate::promote(args),
        Command::Report(args) => crate::report(args),
        Command::Mutants(args) => crate::mutants(args),
    }
}

/// The exit codes of a program of these commands: 0 if everything held, 8 for a counterexample, 9 if
/// not everything was decided, 2 for a command that could not be carried out.
pub fn exit_code(found: Result<Found, CampaignError>) -> u8 {
    match found {
        Ok(Found::Nothing) => 0,
        Ok(Found::Counterexample) => 8,
        Ok(Found::Undecided) => 9,
        Err(error) => {
            eprintln!("{error}");
            2
        }
    }
}
