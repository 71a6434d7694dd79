//! What operators read: events of the server on stderr. Keys and values never appear in it.

use std::io;

use clap::{Args, ValueEnum};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::talk::{self, colours_on};

/// How a server logs.
#[derive(Args, Debug)]
pub(crate) struct LogArgs {
    /// How events are written to stderr.
    #[arg(long, value_enum, default_value_t, value_name = "FORMAT", env = "QUORATE_LOG_FORMAT")]
    log_format: LogFormat,
    /// The least level that is logged, also per module: info,quorate_io_tokio=debug. It is info if
    /// neither this nor --quiet nor --verbose is given.
    #[arg(long, value_name = "LEVEL", env = "QUORATE_LOG")]
    log_level: Option<Targets>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

impl LogArgs {
    /// Starts logging, for the rest of the process.
    pub(crate) fn start(&self) {
        let level = Targets::new().with_default(talk::server_level());
        start(self.log_format, self.log_level.clone().unwrap_or(level));
    }
}

/// Starts logging for a command that is no server, if it was asked for.
pub(crate) fn start_for_tool() {
    let level = talk::tool_level();
    if level != LevelFilter::OFF {
        start(LogFormat::Human, Targets::new().with_default(level));
    }
}

fn start(format: LogFormat, level: Targets) {
    let plain = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let layer = match format {
        LogFormat::Human => plain.with_ansi(colours_on(&io::stderr())).boxed(),
        LogFormat::Json => plain.json().flatten_event(true).boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(level));
    let set = tracing::subscriber::set_global_default(subscriber);
    assert!(set.is_ok(), "logging is started once");
}
