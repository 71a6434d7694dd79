//! The commands on the key-value store.

mod list;
mod print;
mod watch;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use quorate_core::wire::Consistency;
use quorate_io_tokio::client::Swap;
use quorate_sm::kv::Expected;
use serde_json::json;

pub(crate) use list::{List, list};
pub(crate) use watch::{Watch, watch};

use crate::arguments;
use crate::client::{self, ClientArgs};
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::output::json_bytes;

/// How fresh an answer must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum At {
    #[default]
    Linearizable,
    Lease,
    Stale,
    Bounded(Duration),
}

/// What `--help` says of it.
const AT_HELP: &str = "How fresh the answer must be: `linearizable` reflects everything that was \
    acknowledged before; `lease` as well, and sooner where the leader may trust clocks (see \
    clock_drift_ppm in the settings); `stale` is whatever the server has, even while the group cannot \
    decide; `stale=2s` is no older than that";

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("stale=")) {
            ("linearizable", _) => Ok(Self::Linearizable),
            ("lease", _) => Ok(Self::Lease),
            ("stale", _) => Ok(Self::Stale),
            (_, Some(age)) => arguments::span(age).map(Self::Bounded),
            _ => {
                Err("it is linearizable, lease, stale, or stale=SPAN as in stale=500ms".to_owned())
            }
        }
    }
}

impl From<At> for Consistency {
    fn from(at: At) -> Self {
        match at {
            At::Linearizable => Self::Linearizable,
            At::Lease => Self::Lease,
            At::Stale => Self::Stale,
            At::Bounded(age) => {
                Self::Bounded { age_max_ms: u32::try_from(age.as_millis()).unwrap_or(u32::MAX) }
            }
        }
    }
}

/// Sets a key; prints its new version.
///
/// Done once, however often it had to be sent. Exit code 3: not applied. 4: unknown.
///
/// Example: quorate put greeting hello --ttl 30s
#[derive(Args, Debug)]
pub(crate) struct Put {
    key: OsString,
    value: OsString,
    /// The key is there for so long only, unless it is written again.
    #[arg(long, value_name = "SPAN", value_parser = arguments::span)]
    ttl: Option<Duration>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn put(args: Put) -> Result<Exit, Box<Diagnostic>> {
    let (key, value) = (bytes(args.key), bytes(args.value));
    let version = args.client.run(async |kv| {
        let put = match args.ttl {
            Some(ttl) => kv.put_for(key.clone(), value, ttl).await,
            None => kv.put(key.clone(), value).await,
        };
        put.map_err(|error| client::failed(&error))
    })?;
    let shown = json!({ "key": json_bytes(&key), "version": version.0 });
    print::answer(args.client.format, format!("version {}", version.0).as_bytes(), shown)?;
    Ok(Exit::Done)
}

/// Prints the value of a key.
///
/// Exit code 1: there is no such key.
///
/// Example: quorate get greeting --at stale
#[derive(Args, Debug)]
pub(crate) struct Get {
    key: OsString,
    #[arg(long, value_name = "LEVEL", default_value = "linearizable", help = AT_HELP)]
    at: At,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn get(args: Get) -> Result<Exit, Box<Diagnostic>> {
    let key = bytes(args.key);
    let found = args.client.run(async |kv| {
        let answer = kv.reading(args.at.into()).get(key.clone()).await;
        answer.map_err(|error| client::not_answered(&error))
    })?;
    match found {
        Some(found) => {
            let shown = print::row(&key, &found);
            print::answer(args.client.format, &found.value, shown)?;
            Ok(Exit::Done)
        }
        None => {
            print::absent(args.client.format, &key)?;
            Ok(Exit::No)
        }
    }
}

/// Removes a key; prints the version that it had.
///
/// Exit code 1: there was no such key.
///
/// Example: quorate del greeting
#[derive(Args, Debug)]
pub(crate) struct Del {
    key: OsString,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn del(args: Del) -> Result<Exit, Box<Diagnostic>> {
    let key = bytes(args.key);
    let removed = args
        .client
        .run(async |kv| kv.delete(key.clone()).await.map_err(|error| client::failed(&error)))?;
    match removed {
        Some(version) => {
            let shown = json!({ "key": json_bytes(&key), "removed": version.0 });
            print::answer(args.client.format, format!("removed {}", version.0).as_bytes(), shown)?;
            Ok(Exit::Done)
        }
        None => {
            print::absent(args.client.format, &key)?;
            Ok(Exit::No)
        }
    }
}

/// Sets a key if its value is as expected; prints its new version.
///
/// Exit code 1: it is not as expected, and nothing was changed.
///
/// Example: quorate cas lock --absent me; quorate cas lock me you
#[derive(Args, Debug)]
#[command(allow_missing_positional = true)]
pub(crate) struct Cas {
    key: OsString,
    /// The value that the key must have.
    #[arg(required_unless_present = "absent", conflicts_with = "absent")]
    old: Option<OsString>,
    /// Its new value.
    #[arg(required = true)]
    new: OsString,
    /// The key must not exist.
    #[arg(long)]
    absent: bool,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn cas(args: Cas) -> Result<Exit, Box<Diagnostic>> {
    let (key, new) = (bytes(args.key), bytes(args.new));
    let expected = args.old.map_or(Expected::Absent, |old| Expected::Value(bytes(old)));
    let swap = args.client.run(async |kv| {
        let swap = kv.compare_and_swap(key.clone(), expected, Some(new)).await;
        swap.map_err(|error| client::failed(&error))
    })?;
    match swap {
        Swap::Done(version) => {
            let version = version.map(|version| version.0);
            let shown = json!({ "key": json_bytes(&key), "swapped": true, "version": version });
            let text = version.map(|version| format!("version {version}")).unwrap_or_default();
            print::answer(args.client.format, text.as_bytes(), shown)?;
            Ok(Exit::Done)
        }
        Swap::Lost(current) => {
            print::lost(args.client.format, &key, current.as_ref())?;
            Ok(Exit::No)
        }
    }
}

/// Adds to a key that holds a decimal number; prints the sum.
///
/// An absent key counts as 0. Counted once, however often it had to be sent.
///
/// Example: quorate incr visits 5
#[derive(Args, Debug)]
pub(crate) struct Incr {
    key: OsString,
    /// What to add; may be negative.
    #[arg(default_value_t = 1, allow_negative_numbers = true)]
    by: i64,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn incr(args: Incr) -> Result<Exit, Box<Diagnostic>> {
    let key = bytes(args.key);
    let sum = args.client.run(async |kv| {
        kv.increment(key.clone(), args.by).await.map_err(|error| client::failed(&error))
    })?;
    let shown = json!({ "key": json_bytes(&key), "value": sum });
    print::answer(args.client.format, sum.to_string().as_bytes(), shown)?;
    Ok(Exit::Done)
}

fn bytes(text: OsString) -> Bytes {
    text.into_vec().into()
}
