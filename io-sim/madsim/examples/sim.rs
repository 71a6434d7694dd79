//! `cargo sim`: campaigns of simulated worlds, on both engines.
//!
//! An example and no binary, so that `cargo run` has one binary to run.

use std::process::ExitCode;

use clap::Parser;
use quorate_campaign::{Command, Direct, command, exit_code};
use quorate_madsim::Madsim;

/// Campaigns of simulated worlds, on both engines.
#[derive(Parser)]
#[command(name = "cargo sim")]
struct Sim {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    exit_code(command(&Sim::parse().command, &[&Direct, &Madsim])).into()
}
