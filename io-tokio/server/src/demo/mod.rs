//! `quorate demo`: a group of real processes is broken in five ways while callers use it, simulated
//! worlds are run on the same code, and it is computed whether every promise was kept.

mod acts;
mod callers;
mod chart;
mod proxy;
mod report;
mod simulation;
mod stage;
mod tear;
mod verdict;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use clap::Args;
use quorate_io_sim::history::{History, Outcome};
use quorate_io_tokio::client::{CallError, KvClient};
use quorate_sm::kv::Page;
use serde_json::Value;
use tokio::task::LocalSet;

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::local::{LocalGroup, free_addresses};
use crate::output;
use acts::ACTS;
use callers::{COUNTERS, Caller, Observed};
use proxy::Network;
use report::Told;
use stage::{Played, Stage};
use verdict::{Evidence, Finding};

/// Breaks a group of three servers on purpose while callers use it, and checks what they saw.
///
/// The servers are processes of this program with real files and real sockets on loopback. They are
/// killed, cut off and damaged in five acts of equal length. Then come simulated worlds: some
/// thousands of bare cores and some dozens of whole servers from seeds, as many as three tenths of the
/// time of the acts allow, and, as a negative control, worlds that lie, which must be noticed. The
/// verdicts: acknowledged writes lost, increments applied twice, whether the whole history is
/// linearizable, whether every world kept every promise, and whether every lie was noticed. A page
/// tells all of it. Exit code 0: all hold. 8: one does not.
///
/// Example: quorate demo --seconds 30 --dir /tmp/demo
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// How long the acts take, all together.
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(15..=3600))]
    seconds: u64,
    /// Where the servers keep their files; what an earlier demo left there is removed.
    #[arg(long, value_name = "DIR", default_value = "demo-data")]
    dir: PathBuf,
    /// Where the page goes, and the picture of a run that went wrong; DIR/report, if not given.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Hides an acknowledged write from what is judged: the verdicts must notice.
    #[arg(long, hide = true)]
    lie: bool,
}

/// How many callers there are.
const CALLERS: u64 = 8;

/// Marks a directory that may be removed by the next demo.
const MARKER: &str = "made-by-quorate-demo";

pub(crate) fn run(args: &Demo) -> Result<Exit, Box<Diagnostic>> {
    prepare(&args.dir)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Diagnostic::new(codes::NO_RUNTIME, "the demo cannot run here").because(&error)
    })?;
    let local = LocalSet::new();
    let (acts, evidence) = runtime.block_on(local.run_until(play(args)))?;
    drop((local, runtime));
    let history = args.dir.join("history.jsonl");
    let failed = |error| unwritten(&history, &error);
    write(&history, &evidence.history).map_err(failed)?;
    let mut findings = evidence.findings();
    tell(&findings)?;
    let folder = args.report.clone().unwrap_or_else(|| args.dir.join("report"));
    findings.extend(simulate(args, &acts, &findings, &folder, &history)?);
    output::print(&format!(
        "judge it yourself: quorate check history {}\nlook at it: {}\n",
        history.display(),
        folder.join(PAGE).display()
    ))?;
    let holds = findings.iter().all(|finding| finding.holds);
    Ok(if holds { Exit::Done } else { Exit::Counterexample })
}

/// The name of the page.
const PAGE: &str = "index.html";

/// The simulation act, and the page about all acts. What came of it.
fn simulate(
    args: &Demo,
    acts: &[Played],
    real: &[Finding],
    folder: &Path,
    history: &Path,
) -> Result<Vec<Finding>, Box<Diagnostic>> {
    let number = acts.len() + 1;
    let span = Duration::from_secs(args.seconds);
    let sim = args.dir.join("sim");
    let cores = simulation::cores(span * 3 / 20);
    output::print(&format!(
        "act {number}  simulated, bare cores: {} seeds, {:.1} h in {:.1} s, {} crashes, {} partitions\n",
        cores.seeds,
        cores.sum.elapsed.as_secs_f64() / 3600.0,
        cores.took.as_secs_f64(),
        cores.sum.crashes,
        cores.sum.partitions,
    ))?;
    let servers = simulation::servers(&sim, span * 3 / 20)?;
    output::print(&format!(
        "act {number}  simulated, whole servers: {} seeds, {:.1} min in {:.1} s, {} calls, {} crashes\n",
        servers.ran,
        servers.simulated.as_secs_f64() / 60.0,
        servers.elapsed.as_secs_f64(),
        servers.counts.get("calls").unwrap_or(&0),
        servers.counts.get("crashes").unwrap_or(&0),
    ))?;
    let control = simulation::control(&sim)?;
    let lies = &control.lies;
    for lie in lies {
        let noticed = match &lie.noticed {
            Some((property, seed)) => format!("noticed by {property}, seed {seed}"),
            None => format!("NOT NOTICED in {} seeds", lie.seeds),
        };
        output::print(&format!("control  {:<56}{noticed}\n", lie.what))?;
    }
    let findings = verdict::of_worlds(&cores, &servers, &control);
    tell(&findings)?;
    fs::create_dir_all(folder).map_err(|error| unwritten(folder, &error))?;
    let picture = simulation::picture(lies, &folder.join(report::PICTURE))?;
    let all: Vec<_> = real.iter().chain(&findings).cloned().collect();
    let page = report::page(&Told {
        acts,
        findings: &all,
        cores: &cores,
        servers: &servers,
        lies,
        picture: picture.as_ref(),
        history: &history.display().to_string(),
    });
    let file = folder.join(PAGE);
    fs::write(&file, page).map_err(|error| unwritten(&file, &error))?;
    Ok(findings)
}

fn tell(findings: &[Finding]) -> Result<(), Box<Diagnostic>> {
    for finding in findings {
        let word = if finding.holds { "ok " } else { "BAD" };
        output::print(&format!("verdict  {word}  {}\n", finding.text))?;
    }
    Ok(())
}

fn unwritten(path: &Path, error: &io::Error) -> Box<Diagnostic> {
    let what = format!("{} cannot be written", path.display());
    Diagnostic::new(codes::NO_LOCAL_GROUP, what).because(error)
}

/// Makes the directory, anew if an earlier demo made it.
fn prepare(directory: &Path) -> Result<(), Box<Diagnostic>> {
    let what = || format!("{} cannot be used for a demo", directory.display());
    let failed = |error: io::Error| Diagnostic::new(codes::NO_LOCAL_GROUP, what()).because(&error);
    if directory.exists() {
        if !directory.join(MARKER).exists() {
            return Err(Diagnostic::new(codes::NO_LOCAL_GROUP, what())
                .why("it exists, and no demo has made it")
                .help("give another one: quorate demo --dir DIR"));
        }
        fs::remove_dir_all(directory).map_err(failed)?;
    }
    fs::create_dir_all(directory).map_err(failed)?;
    File::create(directory.join(MARKER)).map(drop).map_err(failed)
}

/// The acts that are real. The servers are gone when it returns.
async fn play(args: &Demo) -> Result<(Vec<Played>, Evidence), Box<Diagnostic>> {
    let addresses = free_addresses(3)?;
    let network = Network::start(&addresses).await?;
    let mut group = LocalGroup::create(&args.dir, &addresses, |from, to| {
        if from == to { addresses[to].clone() } else { network.route(from, to) }
    })?;
    group.start_all()?;
    let client = group.client(Duration::from_secs(10));
    group.wait_for_leader(&client, Duration::from_secs(20)).await?;
    output::print(&format!(
        "three servers at {}, files in {}, {CALLERS} callers\n",
        addresses.join(" "),
        args.dir.display()
    ))?;

    let observed = Rc::new(RefCell::new(Observed::new()));
    let is_over = Rc::new(Cell::new(false));
    let callers: Vec<_> = (1..=CALLERS)
        .map(|number| {
            let client = group.client(Duration::from_secs(10));
            let caller = Caller::new(number, client, Rc::clone(&observed));
            tokio::task::spawn_local(caller.run(Rc::clone(&is_over)))
        })
        .collect();
    let span = Duration::from_secs(args.seconds) / u32::try_from(ACTS.len()).unwrap_or(1);
    let mut stage = Stage { group, network, client, observed: Rc::clone(&observed) };
    let mut acts = Vec::new();
    for (number, act) in (1..).zip(ACTS) {
        acts.push(stage.play(number, act, span).await?);
    }
    is_over.set(true);
    let mut done = Vec::new();
    for caller in callers {
        done.push(caller.await.expect("a caller does not panic"));
    }
    stage.group.wait_for_leader(&stage.client, Duration::from_secs(20)).await?;
    let mut evidence = gather(&stage, done, &observed).await?;
    if args.lie {
        lie(&mut evidence);
    }
    Ok((acts, evidence))
}

/// Looks at what is there in the end: the last entries of the history.
async fn gather(
    stage: &Stage,
    mut callers: Vec<Caller>,
    observed: &Rc<RefCell<Observed>>,
) -> Result<Evidence, Box<Diagnostic>> {
    let failed = |error: &CallError| {
        Diagnostic::new(codes::NO_LOCAL_GROUP, "what is there in the end cannot be read")
            .because(error)
    };
    let present =
        list(&KvClient::new(stage.client.clone()), "own/").await.map_err(|e| failed(&e))?;
    let newest = observed.borrow().owned.keys().next_back().cloned();
    let reader = callers.first_mut().expect("there are callers");
    if let Some(newest) = newest {
        reader.get(&newest).await;
    }
    let mut counted = Vec::new();
    for counter in 0..COUNTERS {
        let key = format!("counter/{counter}");
        let holds = reader.get(&key).await.and_then(|value| value.as_i64()).unwrap_or(0);
        let count = observed.borrow().counted.get(&key).copied().unwrap_or_default();
        counted.push((key, count, holds));
    }
    drop(callers);
    let observed = observed.replace(Observed::new());
    let owned = observed.owned.iter().map(|(key, promise)| (key.clone(), *promise)).collect();
    Ok(Evidence { owned, present, counted, history: observed.finish() })
}

async fn list(kv: &KvClient, prefix: &'static str) -> Result<BTreeSet<String>, CallError> {
    let mut keys = BTreeSet::new();
    let mut after = None;
    loop {
        let Page { rows, next } = kv.list(prefix, after, 1000).await?;
        keys.extend(rows.iter().map(|row| String::from_utf8_lossy(&row.key).into_owned()));
        after = next;
        if after.is_none() {
            return Ok(keys);
        }
    }
}

/// Lets one acknowledged write vanish from the evidence, as if the servers had lost it.
fn lie(evidence: &mut Evidence) {
    let operations = &mut evidence.history.operations;
    let is_own = |key: &Option<String>| key.as_ref().is_some_and(|key| key.starts_with("own/"));
    let read = operations
        .iter_mut()
        .rfind(|operation| operation.call.function == "get" && is_own(&operation.call.key));
    let Some(read) = read else { return };
    if let Outcome::Ok { answer, .. } = &mut read.outcome {
        *answer = Some(Value::Null);
    }
    if let Some(key) = &read.call.key {
        evidence.present.remove(key);
    }
}

fn write(file: &Path, history: &History) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(file)?);
    history.write_to(&mut out)?;
    out.flush()
}
