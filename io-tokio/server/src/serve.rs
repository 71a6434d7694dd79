//! `quorate serve`: runs the server of a data directory.

use std::path::PathBuf;

use clap::Args;

use crate::config::Addresses;
use crate::diagnostic::Diagnostic;
use crate::directory;
use crate::exit::Exit;
use crate::logging::LogArgs;
use crate::medium::{self, Network};
use crate::server;

/// Runs a server from its data directory, until SIGTERM or SIGINT.
///
/// The first signal lets it finish what is under way, the second ends it at once; no end, however
/// sudden, loses what was acknowledged. Starting again is the same command. It refuses directories
/// that are empty, foreign, damaged or in use.
///
/// Example: quorate serve ./n1 --log-format json
#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The directory that `quorate init` made.
    dir: PathBuf,
    #[command(flatten)]
    addresses: Addresses,
    /// Starts even if the data are on a file system of the network: `quorate explain Q0317`.
    #[arg(long)]
    allow_network_fs: bool,
    #[command(flatten)]
    log: LogArgs,
}

pub(crate) fn run(args: &Serve) -> Result<Exit, Box<Diagnostic>> {
    let disk = directory::take(&args.dir)?;
    let settings = args.addresses.over(&args.dir)?;
    args.log.start();
    let network = if args.allow_network_fs { Network::Allowed } else { Network::Refused };
    medium::check(&args.dir, network)?;
    server::run(&args.dir, disk, &settings, |_| Ok(()))
}
