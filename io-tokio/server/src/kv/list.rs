//! `quorate list`: keys with a prefix, page by page.

use std::ffi::OsString;

use clap::Args;
use quorate_sm::kv::{LIST_ROWS_MAX, Page};

use super::{AT_HELP, At, bytes, print};
use crate::client::{self, ClientArgs};
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;

/// Prints keys and their values, in order of the keys.
///
/// One a line, with a tab in between; what is not printable is escaped. A long listing is fetched
/// in pages, each of which shows the store of its own moment.
///
/// Example: quorate list user/ --limit 10
#[derive(Args, Debug)]
pub(crate) struct List {
    /// What the keys start with.
    #[arg(default_value = "")]
    prefix: OsString,
    /// The most keys to print; all, if it is not given.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[arg(long, value_name = "LEVEL", default_value = "linearizable", help = AT_HELP)]
    at: At,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn list(args: List) -> Result<Exit, Box<Diagnostic>> {
    let prefix = bytes(args.prefix);
    let format = args.client.format;
    args.client.run(async |kv| {
        let kv = kv.reading(args.at.into());
        let mut left = args.limit.unwrap_or(u64::MAX);
        let mut after = None;
        while left > 0 {
            let rows_max = u32::try_from(left).unwrap_or(LIST_ROWS_MAX).min(LIST_ROWS_MAX);
            let page = kv.list(prefix.clone(), after, rows_max).await;
            let Page { rows, next } = page.map_err(|error| client::not_answered(&error))?;
            print::rows(format, &rows)?;
            left -= (rows.len() as u64).min(left);
            after = next;
            if after.is_none() {
                break;
            }
        }
        Ok(Exit::Done)
    })
}
