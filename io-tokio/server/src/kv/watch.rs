//! `quorate watch`: what becomes of keys, as it happens.

use std::ffi::OsString;

use clap::Args;
use quorate_core::Index;
use quorate_io_tokio::client::Changes;
use quorate_sm::{Filter, Lost, Since};

use super::{bytes, print};
use crate::client::{self, ClientArgs};
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::talk;

/// Prints what becomes of a key, until it is told to stop.
///
/// A line for each change, in order, each once, whoever leads: version, tab, `put`, `deleted` or
/// `expired`, tab, key, and after another tab the value of a `put`; what is not printable is escaped.
/// The last version that was printed is where `--since` goes on. What is no longer known by then is
/// reported as a gap, with exit code 1.
///
/// Example: quorate watch --prefix user/ --since 1234
#[derive(Args, Debug)]
pub(crate) struct Watch {
    /// The key; with --prefix, what the keys start with.
    key: OsString,
    /// All keys that start so.
    #[arg(long)]
    prefix: bool,
    /// Begin with what happened after this version, instead of now.
    #[arg(long, value_name = "VERSION")]
    since: Option<u64>,
    /// End after so many changes.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn watch(args: Watch) -> Result<Exit, Box<Diagnostic>> {
    let key = bytes(args.key);
    let filter = if args.prefix { Filter::Prefix(key) } else { Filter::Topic(key) };
    let format = args.client.format;
    args.client.run(async |kv| {
        let since = match args.since {
            Some(version) => Index(version),
            None => kv.latest().await.map_err(|error| client::not_answered(&error))?,
        };
        let mut changes: Changes = kv.changes(filter, Since::Entry(since));
        for _ in 0..args.count.unwrap_or(u64::MAX) {
            match changes.next().await {
                Ok(notice) => print::change(format, &notice)?,
                Err(Lost::Call(error)) => return Err(client::not_answered(&error)),
                Err(Lost::Gap(gap)) => {
                    talk::say(format_args!(
                        "what happened up to version {} is no longer known: read the keys, then go on \
                         with --since {0}",
                        gap.complete_after.0
                    ));
                    return Ok(Exit::No);
                }
            }
        }
        Ok(Exit::Done)
    })
}
