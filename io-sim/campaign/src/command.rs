//! All commands, for the programs that have them.

use clap::Subcommand;

use crate::{
    Bench, CampaignError, Cover, Found, Minimize, Mutants, Program, Promote, Replay, Report, Run,
    Show,
};

/// What can be done with simulated worlds.
#[derive(Subcommand, Debug)]
#[allow(missing_docs, reason = "each command says what it does")]
pub enum Command {
    #[command(after_help = "Example: cargo sim run --seeds 0..1000 --jobs 4
         cargo sim run --budget 10m --profile disk --engine madsim")]
    Run(Run),
    #[command(after_help = "Example: cargo sim replay 1241
         cargo sim replay sim-out/direct-1241")]
    Replay(Replay),
    #[command(after_help = "Example: cargo sim show 1241 --out bad.html
         cargo sim show min.scn --format ascii --from 2s --until 2500ms")]
    Show(Show),
    #[command(after_help = "Example: cargo sim minimize sim-out/direct-1241 --budget 5m")]
    Minimize(Minimize),
    #[command(after_help = "Example: cargo sim promote min.scn --name lost-vote \\
           --what 'A vote that was given, and lost.' --why 'The sync was forgotten.'")]
    Promote(Promote),
    #[command(after_help = "Example: cargo sim run --seeds 0..100000 --shard 2/16 --out parts/2
         cargo sim report parts/*")]
    Report(Report),
    #[command(name = "coverage", after_help = "Example: cargo sim coverage --seeds 0..1000")]
    Cover(Cover),
    #[command(after_help = "Example: cargo sim bench --engine direct --seeds 0..30")]
    Bench(Bench),
    #[command(after_help = "Example: cargo sim mutants --budget 2m votes-twice half-elects")]
    Mutants(Mutants),
}

/// Carries a command out.
///
/// # Errors
/// If it cannot be carried out.
pub fn command(command: &Command, program: &Program<'_>) -> Result<Found, CampaignError> {
    match command {
        Command::Run(args) => crate::run(args, program),
        Command::Replay(args) => crate::replay(args, program),
        Command::Show(args) => crate::show(args, program),
        Command::Minimize(args) => crate::minimize(args, program),
        Command::Promote(args) => crate::promote(args),
        Command::Report(args) => crate::report(args),
        Command::Cover(args) => crate::cover(args, program),
        Command::Bench(args) => crate::bench(args, program),
        Command::Mutants(args) => crate::mutants(args),
    }
}

/// The exit codes, for the help of a program.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  everything held
  2  the command makes no sense, or a file cannot be read or written
  8  a counterexample was found
  9  not everything was decided, run, or come to; the rest held";

/// The exit code of a program of these commands, see [`EXIT_CODES`]; an error is printed.
pub fn exit_code(found: Result<Found, CampaignError>) -> u8 {
    match found {
        Ok(Found::Nothing) => 0,
        Ok(Found::Counterexample) => 8,
        Ok(Found::Undecided) => 9,
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(help) = error.help() {
                eprintln!(" help: {help}");
            }
            2
        }
    }
}
