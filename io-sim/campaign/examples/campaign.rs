//! Campaigns on the engine that needs no special build.
//!
//! An example and no binary, so that `cargo run` has one binary to run.

use std::process::ExitCode;

use clap::Parser;
use quorate_campaign::{Command, Direct, command, exit_code};

/// Campaigns of simulated worlds.
#[derive(Parser)]
struct Campaign {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    exit_code(command(&Campaign::parse().command, &[&Direct])).into()
}
