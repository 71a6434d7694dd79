//! `quorate config`: what a server would run with.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use quorate_core::wire::Address;
use serde_json::{Map, Value, json};

use crate::arguments;
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::output::{self, Format};
use crate::settings::{FILE, Settings};

/// Shows the settings of a server.
#[derive(Args, Debug)]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Show(Show),
}

/// Prints the settings that `quorate serve` would run with, and where each comes from.
///
/// Reads the directory's quorate.toml and the environment, and changes nothing; the server may run.
/// Exit code 2: the settings make no sense.
///
/// Example: quorate config show ./n1 --format json
#[derive(Args, Debug)]
struct Show {
    /// The directory that `quorate init` made.
    dir: PathBuf,
    #[command(flatten)]
    addresses: Addresses,
    /// How the settings are printed.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What stands above quorate.toml.
#[derive(Args, Debug)]
pub(crate) struct Addresses {
    /// Where peers and clients connect, instead of what quorate.toml says.
    #[arg(long, value_name = "HOST:PORT", value_parser = arguments::address, env = LISTEN)]
    listen: Option<Address>,
    /// Where the HTTP gateway listens, instead of what quorate.toml says.
    #[arg(long, value_name = "HOST:PORT", value_parser = arguments::address, env = HTTP)]
    http: Option<Address>,
}

const LISTEN: &str = "QUORATE_LISTEN";
const HTTP: &str = "QUORATE_HTTP";

impl Addresses {
    /// The settings of a data directory, with these above them.
    pub(crate) fn over(&self, directory: &Path) -> Result<Settings, Box<Diagnostic>> {
        let mut settings = Settings::read(directory)?;
        if let Some(listen) = &self.listen {
            settings.listen = listen.clone();
        }
        if let Some(http) = &self.http {
            settings.http = Some(http.clone());
        }
        Ok(settings)
    }
}

/// A setting, its value, and where it comes from.
type Row = (String, Value, String);

pub(crate) fn run(args: &ConfigCommand) -> Result<Exit, Box<Diagnostic>> {
    let What::Show(args) = &args.what;
    let settings = args.addresses.over(&args.dir)?;
    let rows = rows(args, &settings);
    match args.format {
        Format::Text => output::print(&table(&rows))?,
        Format::Json => {
            let entry =
                |(key, value, origin): Row| (key, json!({ "value": value, "from": origin }));
            let settings: Map<_, _> = rows.into_iter().map(entry).collect();
            output::print_json(&json!({ "v": 1, "settings": settings }))?;
        }
    }
    Ok(Exit::Done)
}

fn rows(args: &Show, settings: &Settings) -> Vec<Row> {
    let file = || args.dir.join(FILE).display().to_string();
    let address = |key: &str, value: Option<&Address>, above: Option<&Address>, variable| {
        let from = match (value, above) {
            (None, _) => "default".to_owned(),
            (Some(_), None) => file(),
            (Some(_), Some(above)) => above_the_file(key, above, variable),
        };
        (key.to_owned(), json!(value.map(Address::as_str)), from)
    };
    let Addresses { listen, http } = &args.addresses;
    let mut rows = vec![
        address("listen", Some(&settings.listen), listen.as_ref(), LISTEN),
        address("http", settings.http.as_ref(), http.as_ref(), HTTP),
    ];
    for (id, at) in &settings.peers {
        rows.push((format!("peers.{id}"), json!(at.as_str()), file()));
    }
    for (key, value, default) in settings.tuning.values() {
        let from = if value.is_some() { file() } else { "default".to_owned() };
        rows.push((format!("tuning.{key}"), json!(value.unwrap_or(default)), from));
    }
    rows
}

/// An option stands above the environment; if both say the same, either will do.
fn above_the_file(key: &str, value: &Address, variable: &str) -> String {
    match std::env::var(variable) {
        Ok(text) if text == value.as_str() => variable.to_owned(),
        _ => format!("--{key}"),
    }
}

fn table(rows: &[Row]) -> String {
    let shown = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows: Vec<_> =
        rows.iter().map(|(key, value, from)| [key.clone(), shown(value), from.clone()]).collect();
    output::aligned(&rows)
}
