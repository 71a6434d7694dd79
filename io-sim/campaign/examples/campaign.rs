//! Campaigns on the engine that needs no special build.
//!
//! An example and no binary, so that `cargo run` has one binary to run.

use std::process::ExitCode;

use clap::Parser;
use quorate_campaign::{Command, Direct, EXIT_CODES, Program, command, exit_code};

/// Campaigns of simulated worlds.
#[derive(Parser)]
#[command(after_help = EXIT_CODES, arg_required_else_help = true)]
struct Campaign {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let name = "cargo run -p quorate-campaign --example campaign --";
    let program = Program { name, engines: &[&Direct] };
    exit_code(command(&Campaign::parse().command, &program)).into()
}
