//! `bench`: how fast the engines are, with all checks on.

use std::time::Duration;

use clap::Args;
use quorate_io_sim::scenario::Options;

use crate::draw::Draw;
use crate::engine::{Engine, Outcome, Passed};
use crate::output::print;
use crate::program::Program;
use crate::seeds::Seeds;
use crate::worlds::processor_time;
use crate::{CampaignError, Found};

/// How many servers are idle.
const SERVERS: u64 = 5;

/// Measures how fast the engines are, with all checks on, on one processor.
///
/// Two kinds of worlds: servers under attack, as tests run them, and five servers that nobody asks
/// for anything. Figures are of processor time, so that other work on the machine counts little; they
/// are printed, and nothing is demanded of them.
#[derive(Args, Debug)]
pub struct Bench {
    /// The worlds under attack
    #[arg(long, value_name = "A..B", default_value = "0..10")]
    seeds: Seeds,
    /// For how long servers are idle, in their own time: an hour at most
    #[arg(long, value_parser = humantime::parse_duration, value_name = "TIME", default_value = "1000s")]
    idle: Duration,
    /// Only this engine
    #[arg(long, value_name = "NAME")]
    engine: Option<String>,
    /// Prints the figures as JSON
    #[arg(long)]
    json: bool,
}

/// What was measured.
#[derive(serde::Serialize)]
struct Row {
    world: &'static str,
    engine: &'static str,
    worlds: u64,
    events: u64,
    simulated_seconds: f64,
    processor_seconds: f64,
    events_per_second: f64,
    times_real_time: f64,
}

/// Measures.
///
/// # Errors
/// If there is no such engine, seeds have no end, or servers cannot be idle for so long.
pub fn bench(args: &Bench, program: &Program<'_>) -> Result<Found, CampaignError> {
    if args.seeds.is_open() {
        return Err(CampaignError::Arguments { why: "a measurement needs seeds with an end" });
    }
    if args.idle > Options::CHAOS_MAX {
        return Err(CampaignError::Arguments {
            why: "servers are idle for an hour at most: --idle 1h",
        });
    }
    let chosen = args.engine.as_deref().map(|name| program.engine(name)).transpose()?;
    let engines = chosen.map_or_else(|| program.engines.to_vec(), |engine| vec![engine]);
    let mut rows = Vec::new();
    for engine in engines {
        for (world, run) in [
            ("servers under attack", attacked as fn(&Bench, &dyn Engine) -> Vec<Outcome>),
            ("five idle servers", idle),
        ] {
            let before = processor_time();
            let outcomes = run(args, engine);
            let processor = processor_time() - before;
            let passed: Result<Vec<Passed>, _> = outcomes.into_iter().collect();
            match passed {
                Ok(passed) => rows.push(Row::of(world, engine.name(), &passed, processor)),
                Err(failed) => {
                    print(&failed.facts)?;
                    return Ok(Found::Counterexample);
                }
            }
        }
    }
    if args.json {
        print(&(serde_json::to_string_pretty(&rows).expect("plain values") + "\n"))?;
    } else {
        print(&table(&rows))?;
    }
    Ok(Found::Nothing)
}

fn attacked(args: &Bench, engine: &dyn Engine) -> Vec<Outcome> {
    let run = |seed| engine.run(seed, &Draw::default()).expect("nothing was set");
    args.seeds.0.clone().map(run).collect()
}

fn idle(args: &Bench, engine: &dyn Engine) -> Vec<Outcome> {
    vec![engine.idle(SERVERS, args.idle)]
}

impl Row {
    fn of(
        world: &'static str,
        engine: &'static str,
        passed: &[Passed],
        processor: Duration,
    ) -> Self {
        let events: u64 = passed.iter().map(|passed| passed.events).sum();
        let simulated: Duration = passed.iter().map(|passed| passed.simulated).sum();
        let (simulated, processor) = (simulated.as_secs_f64(), processor.as_secs_f64().max(1e-6));
        Self {
            world,
            engine,
            worlds: passed.len() as u64,
            events,
            simulated_seconds: simulated,
            processor_seconds: processor,
            events_per_second: events as f64 / processor,
            times_real_time: simulated / processor,
        }
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<22}{:<9}{:>7}{:>13}{:>12}{:>12}{:>16}\n",
        "world", "engine", "worlds", "simulated", "processor", "events/s", "times real time"
    );
    for row in rows {
        text.push_str(&format!(
            "{:<22}{:<9}{:>7}{:>11.1} s{:>10.2} s{:>12.0}{:>16.0}\n",
            row.world,
            row.engine,
            row.worlds,
            row.simulated_seconds,
            row.processor_seconds,
            row.events_per_second,
            row.times_real_time
        ));
    }
    text.push_str(
        "events are what nodes, or on madsim the network, took in, a second of processor time\n",
    );
    text
}
