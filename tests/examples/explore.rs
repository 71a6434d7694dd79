//! Explores every state of a small world of real servers, for as long as it takes.
//!
//! ```sh
//! cargo run --release -p quorate-tests --example explore -- --proposals 1 --crashes 1
//! ```

use std::io::Write as _;
use std::num::ParseIntError;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use quorate_io_sim::explore::{self, Choice, Options, Report};

/// Explores every state of a small world of real servers. Every bound is met exactly; what is left out
/// is zero, so the world is two elections and nothing else.
#[derive(Parser)]
#[command(about, long_about = None)]
struct Arguments {
    /// Servers
    #[arg(long, default_value_t = 3)]
    servers: u8,
    /// How many of them do not belong to the cluster at first; all others vote
    #[arg(long, default_value_t = 0)]
    spares: u8,
    /// Servers ask before they stand for election
    #[arg(long)]
    pre_vote: bool,
    /// Leaders that hear from no majority step down, followers are loyal
    #[arg(long)]
    check_quorum: bool,
    /// Writes are durable at once
    #[arg(long)]
    instant_disks: bool,
    /// Nobody stands for election in a term above this one
    #[arg(long, default_value_t = 2)]
    terms: u8,
    /// No log gets longer
    #[arg(long, default_value_t = 4)]
    entries: u8,
    /// Messages under way; where more are sent, any are lost
    #[arg(long, default_value_t = 2)]
    messages: u8,
    /// How often followers and candidates lose patience
    #[arg(long, default_value_t = 2)]
    timeouts: u8,
    /// How often timers of leaders fire
    #[arg(long, default_value_t = 0)]
    heartbeats: u8,
    /// Commands that are proposed
    #[arg(long, default_value_t = 0)]
    proposals: u8,
    /// Reads that are asked for
    #[arg(long, default_value_t = 0)]
    reads: u8,
    /// Crashes, each with a restart
    #[arg(long, default_value_t = 0)]
    crashes: u8,
    /// Messages that arrive and stay under way
    #[arg(long, default_value_t = 0)]
    duplicates: u8,
    /// Election timeouts in which a server hears and does nothing; with --check-quorum
    #[arg(long, default_value_t = 0)]
    lapses: u8,
    /// Changes of the membership, to any other voters
    #[arg(long, default_value_t = 0)]
    changes: u8,
    /// Transfers of leadership, to any other server
    #[arg(long, default_value_t = 0)]
    transfers: u8,
    /// Snapshots that servers take, of all that they have applied
    #[arg(long, default_value_t = 0)]
    snapshots: u8,
    /// Ends after so many states, complete or not
    #[arg(long, default_value_t = u32::MAX)]
    states: u32,
    /// Goes this way only, as a violation printed it
    #[arg(long, value_delimiter = '.', value_parser = choice)]
    replay: Option<Vec<Choice>>,
}

impl Arguments {
    fn options(&self) -> Options {
        Options {
            servers: self.servers,
            spares: self.spares,
            pre_vote: self.pre_vote,
            check_quorum: self.check_quorum,
            instant_disks: self.instant_disks,
            terms: self.terms,
            entries: self.entries,
            messages: self.messages,
            timeouts: self.timeouts,
            heartbeats: self.heartbeats,
            proposals: self.proposals,
            reads: self.reads,
            crashes: self.crashes,
            duplicates: self.duplicates,
            lapses: self.lapses,
            changes: self.changes,
            transfers: self.transfers,
            snapshots: self.snapshots,
            states: self.states,
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = arguments.options();
    if let Some(choices) = &arguments.replay {
        let (trace, end) = explore::replay(&options, choices);
        trace.iter().for_each(|line| println!("{line}"));
        return match end {
            Ok(()) => ExitCode::SUCCESS,
            Err(violation) => {
                println!("{violation}");
                ExitCode::from(8)
            }
        };
    }
    let started = Instant::now();
    let speed = |report: &Report| report.states as f64 / started.elapsed().as_secs_f64();
    let explored = explore::run(&options, |report| {
        let Report { states, depth, servers, .. } = report;
        let speed = speed(report);
        eprint!(
            "\r{states} states, depth {depth}, {servers} of single servers, {speed:.0} states/s  "
        );
        // Nobody is lost without a picture of the way.
        let _ = std::io::stderr().flush();
    });
    eprintln!();
    match explored {
        Ok(report) => {
            println!("{report}");
            println!(
                "{:.0} states/s, {:.1} s{}",
                speed(&report),
                started.elapsed().as_secs_f64(),
                memory()
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::from(8)
        }
    }
}

/// `7` is an action after which nothing is lost for want of room, or the first way to lose it; `7-2` the third.
fn choice(text: &str) -> Result<Choice, ParseIntError> {
    let (action, loss) = text.split_once('-').unwrap_or((text, "0"));
    Ok((action.parse()?, loss.parse()?))
}

/// The most memory that this process had, where the system says so.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.map_or(String::new(), |peak| format!(", {} of memory at the most", peak.trim()))
}
