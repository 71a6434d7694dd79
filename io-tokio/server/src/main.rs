//! `quorate`: a replicated key-value store that can be trusted, in one binary.
#![forbid(unsafe_code)]

mod arguments;
mod bench;
mod check;
mod client;
mod codes;
mod config;
mod demo;
mod dev;
mod diagnostic;
mod directory;
mod exit;
mod explain;
mod init;
mod kv;
mod limits;
mod local;
mod logging;
mod manual;
mod medium;
mod members;
mod mending;
mod output;
mod recovery;
mod serve;
mod server;
mod settings;
mod sim;
mod status;
mod talk;
mod wal;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use diagnostic::Diagnostic;
use exit::Exit;
use talk::Talk;

/// A replicated key-value store that can be trusted.
///
/// A group of servers keeps one log by Raft consensus: what a majority has on disk is
/// acknowledged, and stays, whatever happens to the rest. `quorate dev` starts a group of one.
#[derive(Parser, Debug)]
#[command(name = "quorate", version, after_long_help = exit::table(), arg_required_else_help = true)]
#[command(propagate_version = true)]
struct Cli {
    #[command(flatten)]
    talk: Talk,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Init(init::Init),
    Serve(serve::Serve),
    Dev(dev::Dev),
    Put(kv::Put),
    Get(kv::Get),
    Del(kv::Del),
    Cas(kv::Cas),
    Incr(kv::Incr),
    List(kv::List),
    Watch(kv::Watch),
    Status(status::StatusArgs),
    Members(members::Members),
    Transfer(members::Transfer),
    Demo(demo::Demo),
    Bench(bench::Bench),
    Wal(wal::WalCommand),
    Check(check::Check),
    Sim(sim::Sim),
    Config(config::ConfigCommand),
    Explain(explain::Explain),
    Completions(manual::Completions),
    Man(manual::Man),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    cli.talk.settle();
    if !matches!(cli.command, Command::Serve(_) | Command::Dev(_)) {
        logging::start_for_tool();
    }
    match run(cli.command) {
        Ok(exit) => exit.into(),
        Err(diagnostic) => {
            diagnostic.report();
            diagnostic.exit().into()
        }
    }
}

fn run(command: Command) -> Result<Exit, Box<Diagnostic>> {
    match command {
        Command::Init(args) => init::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Dev(args) => dev::run(&args),
        Command::Put(args) => kv::put(args),
        Command::Get(args) => kv::get(args),
        Command::Del(args) => kv::del(args),
        Command::Cas(args) => kv::cas(args),
        Command::Incr(args) => kv::incr(args),
        Command::List(args) => kv::list(args),
        Command::Watch(args) => kv::watch(args),
        Command::Status(args) => status::status(&args),
        Command::Members(args) => members::members(&args),
        Command::Transfer(args) => members::transfer(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Wal(args) => wal::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Sim(args) => sim::run(&args),
        Command::Config(args) => config::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Completions(args) => manual::completions(&args, Cli::command()),
        Command::Man(args) => manual::man(&args, Cli::command()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Cli::command().debug_assert();
    }
}
