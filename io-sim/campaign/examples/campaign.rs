//! Campaigns on the engine that needs no special build: `campaign run`, `report` and `mutants`.
//!
//! An example and no binary, so that `cargo run` has one binary to run.

use std::process::ExitCode;

use clap::Parser;
use quorate_campaign::{Direct, Found, Mutants, Report, Run, mutants, report, run};

/// Campaigns of simulated worlds
#[derive(Parser)]
enum Campaign {
    Run(Run),
    Report(Report),
    Mutants(Mutants),
}

fn main() -> ExitCode {
    let found = match Campaign::parse() {
        Campaign::Run(args) => run(&args, &Direct),
        Campaign::Report(args) => report(&args),
        Campaign::Mutants(args) => mutants(&args),
    };
    match found {
        Ok(Found::Nothing) => ExitCode::SUCCESS,
        Ok(Found::Counterexample) => 8.into(),
        Ok(Found::Undecided) => 9.into(),
        Err(error) => {
            eprintln!("{error}");
            2.into()
        }
    }
}
