//! The way from a command to the servers, and what is said when there is none.

use std::time::Duration;

use clap::Args;
use quorate_core::wire::Address;
use quorate_io_tokio::RealEnv;
use quorate_io_tokio::client::{CallError, Client, ClientConfig, KvClient, KvError, Reason};

use crate::arguments;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::output::Format;

/// Which servers are asked, for how long, and how the answer is printed.
#[derive(Args, Debug)]
pub(crate) struct ClientArgs {
    /// Servers of the group; one is enough to find the others.
    #[arg(
        long,
        value_name = "HOST:PORT,...",
        value_delimiter = ',',
        value_parser = arguments::address,
        env = "QUORATE_SERVERS",
        default_value = "127.0.0.1:7100"
    )]
    pub(crate) servers: Vec<Address>,
    /// The most time that it may take: 500ms, 10s, 2m.
    #[arg(long, value_name = "SPAN", value_parser = arguments::span, default_value = "10s")]
    timeout: Duration,
    /// How data are printed to stdout.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

impl ClientArgs {
    /// The servers, as text.
    pub(crate) fn addresses(&self) -> Vec<String> {
        self.servers.iter().map(ToString::to_string).collect()
    }

    /// Carries out `work` with a client of the servers.
    pub(crate) fn run<T>(
        &self,
        work: impl AsyncFnOnce(KvClient) -> Result<T, Box<Diagnostic>>,
    ) -> Result<T, Box<Diagnostic>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Diagnostic::new(codes::NO_RUNTIME, "the client cannot run here").because(&error)
        })?;
        runtime.block_on(async {
            let servers = self.addresses();
            let config = ClientConfig { call_timeout: self.timeout, ..ClientConfig::default() };
            let kv = KvClient::new(Client::connect(RealEnv::new(), servers, config));
            let done = work(kv.clone()).await;
            // The servers need not keep the session of a process that is about to end.
            kv.close().await;
            done
        })
    }
}

/// What became of an operation on the store that has no answer.
pub(crate) fn failed(error: &KvError) -> Box<Diagnostic> {
    match error {
        KvError::Call(error) => not_answered(error),
        KvError::Refused(why) => {
            Diagnostic::new(codes::CANNOT_BE_DONE, "the store cannot do that").because(why)
        }
    }
}

/// What became of a call that has no answer.
pub(crate) fn not_answered(error: &CallError) -> Box<Diagnostic> {
    match error {
        CallError::NotApplied(why) => {
            let help = match why {
                Reason::Unreachable => "do the servers run, and is --servers right?",
                Reason::TurnedAway(_) => "the servers are of another cluster or version",
                _ => "try again; `quorate status` shows whether the group can decide",
            };
            Diagnostic::new(codes::NOT_APPLIED, "nothing was changed").because(why).help(help)
        }
        CallError::Unknown(why) => {
            Diagnostic::new(codes::UNKNOWN, "nobody knows whether it was applied")
                .because(why)
                .help("read before you try again, or use an operation that may happen twice")
        }
    }
}
