//! `quorate wal`: looks at the log of a server that does not run, and changes nothing.

mod describe;

use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use quorate_core::wal::{self, Report};
use serde_json::json;

use crate::diagnostic::Diagnostic;
use crate::directory;
use crate::exit::Exit;
use crate::output::{self, Format};

/// Looks at the log of a server that does not run; changes nothing in it.
#[derive(Args, Debug)]
pub(crate) struct WalCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Shows every part of a log, sound or not, one a line.
    ///
    /// Where to look first: what is not "good". Commands are shown by their length; --bodies shows
    /// them.
    ///
    /// Example: quorate wal dump ./n1 --format json
    Dump {
        #[command(flatten)]
        log: LogDirectory,
        /// Shows commands too: the data of clients.
        #[arg(long)]
        bodies: bool,
    },
    /// Would a server start from this log? Checks all of it.
    ///
    /// Exit code 0: yes. 6: no, something that was acknowledged may be lost. 7: no, the directory
    /// is not what it should be.
    ///
    /// Example: quorate wal verify ./n1
    Verify {
        #[command(flatten)]
        log: LogDirectory,
    },
}

#[derive(Args, Debug)]
struct LogDirectory {
    /// The data directory of a server.
    dir: PathBuf,
    /// How it is printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(args: &WalCommand) -> Result<Exit, Box<Diagnostic>> {
    match &args.what {
        What::Dump { log, bodies } => dump(log, *bodies),
        What::Verify { log } => verify(&log.dir, log.format),
    }
}

fn dump(log: &LogDirectory, bodies: bool) -> Result<Exit, Box<Diagnostic>> {
    let disk = directory::take(&log.dir)?;
    let mut inspected = Ok(());
    output::print_with(|out| {
        let mut written = Ok(());
        inspected = wal::inspect(&disk, |finding| {
            if written.is_ok() {
                let line = describe::line(&finding, log.format, bodies);
                written = writeln!(out, "{line}");
            }
        });
        written
    })?;
    inspected.map_err(|error| {
        directory::refused_by_system(&log.dir, &io::Error::other(error.to_string()))
    })?;
    Ok(Exit::Done)
}

fn verify(dir: &Path, format: Format) -> Result<Exit, Box<Diagnostic>> {
    let disk = directory::take(dir)?;
    let report = wal::verify(&disk).map_err(|error| directory::not_opened(dir, &error))?;
    match format {
        Format::Text => output::print(&in_words(dir, &report))?,
        Format::Json => output::print_json(&json!({
            "v": 1,
            "verdict": "good",
            "ends": describe::row(report.row),
            "segments": report.segments,
            "batches": report.batches,
            "records": report.records,
            "closed": report.closed,
            "bad_copies": report.bad_copies,
            "cut": report.cut.as_ref().map(|cut| json!({
                "file": cut.file, "offset": cut.offset, "bytes": cut.bytes, "later": cut.later,
            })),
        }))?,
    }
    Ok(Exit::Done)
}

fn in_words(dir: &Path, report: &Report) -> String {
    let Report { segments, batches, records, .. } = report;
    let mut text = format!(
        "{}: good: {segments} segments, {batches} batches, {records} records; {}\n",
        dir.display(),
        describe::row(report.row),
    );
    if let Some(cut) = &report.cut {
        text.push_str(&format!(
            "  the next start cuts off {} bytes of {} at offset {}: writes that were under way, and \
             that nobody was told of\n",
            cut.bytes, cut.file, cut.offset
        ));
    }
    if report.bad_copies > 0 {
        text.push_str(&format!(
            "  {} copies of headers or of the hard state are bad, their twins are good\n",
            report.bad_copies
        ));
    }
    text
}
