//! `quorate bench`: how fast is a group?

mod load;
pub(crate) mod picture;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use quorate_io_tokio::RealEnv;
use quorate_io_tokio::client::{Client, ClientConfig};
use serde_json::{Value, json};

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::local::{LocalGroup, TemporaryDirectory, free_addresses};
use crate::output::{self, Format};
use load::{Figures, Load, Target};

/// Measures writes and linearizable reads per second, with 1, 16, 64 and 256 callers at a time.
///
/// Without --servers it starts three server processes on this machine, with files in a temporary
/// directory, and removes them afterwards. Every write is exactly once; every caller waits for its
/// answer before it goes on.
///
/// Example: quorate bench --callers 1,64 --seconds 3 --html bench.html
#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// How many callers at a time; one row each.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256], alias = "clients")]
    callers: Vec<usize>,
    /// How long each measurement takes.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// The length of a value, in bytes.
    #[arg(long, value_name = "N", default_value_t = 256)]
    value_bytes: usize,
    /// The most callers that share a connection and a session.
    #[arg(long, value_name = "N", default_value_t = 32)]
    callers_per_connection: usize,
    /// Measure these servers instead; they will hold keys that begin with `bench/`.
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', env = "QUORATE_SERVERS")]
    servers: Vec<String>,
    /// Where the temporary directory is made; a disk is measured, so which one matters.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Writes what the callers saw, for `quorate check history` and other judges. Slows them down.
    #[arg(long, value_name = "FILE")]
    history: Option<PathBuf>,
    /// Draws the figures.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// How the figures are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// One row of the table.
pub(crate) struct Row {
    callers: usize,
    writes: Figures,
    reads: Figures,
    /// Writes per sync of the leader's log, if there was one.
    writes_per_sync: Option<f64>,
    syncs: Option<u64>,
}

pub(crate) fn run(args: &Bench) -> Result<Exit, Box<Diagnostic>> {
    if args.callers.contains(&0) || args.callers_per_connection == 0 {
        return Err(Diagnostic::new(codes::BAD_BENCH, "nobody calls")
            .help("give at least one caller, and one caller per connection"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Diagnostic::new(codes::NO_RUNTIME, "the bench cannot run here").because(&error)
    })?;
    runtime.block_on(measure(args))
}

async fn measure(args: &Bench) -> Result<Exit, Box<Diagnostic>> {
    let mut group = None;
    let servers = if args.servers.is_empty() {
        let directory = TemporaryDirectory::new(args.dir.as_deref(), "quorate-bench")?;
        let addresses = free_addresses(3)?;
        let made = LocalGroup::create(directory.path(), &addresses, |_, to| addresses[to].clone())?;
        // Dropped in this order: the servers end before their files go.
        let (group, _) = group.insert((made, directory));
        group.start_all()?;
        let client = group.client(Duration::from_secs(5));
        group.wait_for_leader(&client, Duration::from_secs(20)).await?;
        addresses
    } else {
        args.servers.clone()
    };
    let rows = measure_all(args, &servers).await?;
    report(args, &rows)?;
    drop(group);
    Ok(Exit::Done)
}

async fn measure_all(args: &Bench, servers: &[String]) -> Result<Vec<Row>, Box<Diagnostic>> {
    let span = Duration::from_secs(args.seconds);
    let mut load = Load::new(args.value_bytes, args.history.is_some());
    let mut rows = Vec::new();
    if args.format == Format::Text {
        output::print(HEADER)?;
    }
    for &callers in &args.callers {
        let connections = callers.div_ceil(args.callers_per_connection);
        let connect =
            |_| Client::connect(RealEnv::new(), servers.to_vec(), ClientConfig::default());
        let clients: Vec<_> = (0..connections).map(connect).collect();
        // Sessions are opened, and caches are filled, before anything is measured.
        load.run(&clients, callers, Target::Writes, span / 6).await;
        let before = syncs(&clients[0], servers).await;
        let writes = load.run(&clients, callers, Target::Writes, span).await;
        let after = syncs(&clients[0], servers).await;
        let reads = load.run(&clients, callers, Target::Reads, span).await;
        let syncs = before.zip(after).map(|(before, after)| after.saturating_sub(before));
        let writes_per_sync =
            syncs.filter(|&syncs| syncs > 0).map(|syncs| writes.done as f64 / syncs as f64);
        let row = Row { callers, writes, reads, writes_per_sync, syncs };
        match args.format {
            Format::Text => output::print(&row.text())?,
            Format::Json => output::print_json(&row.json())?,
        }
        rows.push(row);
    }
    if let Some(file) = &args.history {
        load.write_history(file)?;
    }
    Ok(rows)
}

/// How often the leader has synced its log.
async fn syncs(client: &Client, servers: &[String]) -> Option<u64> {
    let mut newest = None;
    for server in servers {
        if let Ok(status) = client.status_of(server).await
            && status.leader == Some(status.id)
        {
            newest = newest.max(Some((status.term, status.syncs)));
        }
    }
    newest.map(|found| found.1)
}

fn report(args: &Bench, rows: &[Row]) -> Result<(), Box<Diagnostic>> {
    let Some(file) = &args.html else { return Ok(()) };
    std::fs::write(file, picture::page(rows, args.value_bytes)).map_err(|error| {
        Diagnostic::new(codes::BAD_BENCH, format!("{} cannot be written", file.display()))
            .because(&error)
    })?;
    eprintln!("drawn: {}", file.display());
    Ok(())
}

const HEADER: &str = concat!(
    "         ------------------------- writes -------------------------",
    "   -------- linearizable reads --------\n",
    "callers     per s   p50 us   p99 us   max us    syncs   per sync",
    "        per s   p50 us   p99 us   max us   failed\n",
);

impl Row {
    fn text(&self) -> String {
        let per_sync = self.writes_per_sync.map_or("-".into(), |ratio| format!("{ratio:.1}"));
        let syncs = self.syncs.map_or("-".into(), |syncs| syncs.to_string());
        format!(
            "{:>7} {:>9.0} {:>8} {:>8} {:>8} {:>8} {:>10} {:>12.0} {:>8} {:>8} {:>8} {:>8}\n",
            self.callers,
            self.writes.per_second(),
            self.writes.percentile_us(50),
            self.writes.percentile_us(99),
            self.writes.percentile_us(100),
            syncs,
            per_sync,
            self.reads.per_second(),
            self.reads.percentile_us(50),
            self.reads.percentile_us(99),
            self.reads.percentile_us(100),
            self.writes.failed + self.reads.failed,
        )
    }

    fn json(&self) -> Value {
        let figures = |figures: &Figures| {
            json!({
                "per_second": figures.per_second(),
                "p50_us": figures.percentile_us(50),
                "p99_us": figures.percentile_us(99),
                "max_us": figures.percentile_us(100),
                "done": figures.done,
                "failed": figures.failed,
            })
        };
        json!({
            "v": 1,
            "callers": self.callers,
            "writes": figures(&self.writes),
            "reads": figures(&self.reads),
            "syncs": self.syncs,
            "writes_per_sync": self.writes_per_sync,
        })
    }
}
