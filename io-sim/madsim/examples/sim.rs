//! `cargo sim`: campaigns of simulated worlds, on both engines.
//!
//! An example and no binary, so that `cargo run` has one binary to run.

use std::process::ExitCode;

use clap::Parser;
use quorate_campaign::{Command, Direct, EXIT_CODES, Program, command, exit_code};
use quorate_madsim::Madsim;

/// Runs simulated worlds of servers, and looks into those that fail.
///
/// A world comes from a seed: servers, disks, a network, clients, and faults that strike them. Every
/// property is checked after every step. The same seed is the same world, byte for byte. Two engines
/// run them: `direct`, whole servers in one thread, and `madsim`, the production pump with its tasks.
///
/// A way through: run, replay what failed, minimize it, show it, mend it, promote it.
#[derive(Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim", after_help = EXIT_CODES)]
#[command(arg_required_else_help = true)]
struct Sim {
    #[command(subcommand)]
    command: Command,
}

fn main() -> ExitCode {
    let program = Program { name: "cargo sim", engines: &[&Direct, &Madsim] };
    exit_code(command(&Sim::parse().command, &program)).into()
}
