//! `quorate dev`: one server, at once.

use std::path::{Path, PathBuf};

use clap::Args;
use quorate_core::wire::Address;
use quorate_core::{ClusterId, Membership, NodeId};

use crate::arguments;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::directory;
use crate::exit::Exit;
use crate::init;
use crate::logging::LogArgs;
use crate::output;
use crate::server::{self, ListensAt};
use crate::settings::Settings;

/// Runs a group of one server, to try things out.
///
/// Its data are real files with real syncs, in a temporary directory that is removed at the end;
/// with --dir they stay. It prints commands to paste into another terminal.
///
/// Example: quorate dev --dir ./try --log-level warn
#[derive(Args, Debug)]
pub(crate) struct Dev {
    /// Where the data are, and stay; made if it does not exist.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Where clients connect; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", value_parser = arguments::address, default_value = "127.0.0.1:7100")]
    listen: Address,
    /// Where the HTTP gateway listens; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", value_parser = arguments::address, default_value = "127.0.0.1:7200")]
    http: Address,
    #[command(flatten)]
    log: LogArgs,
}

/// Files of the log that a laptop does not notice.
const SEGMENT_MIB: u64 = 8;

pub(crate) fn run(args: &Dev) -> Result<Exit, Box<Diagnostic>> {
    args.log.start();
    match &args.dir {
        Some(directory) => serve(args, directory, "The data stay."),
        None => {
            let name = format!("quorate-dev-{:016x}", init::random_128() >> 64);
            let directory = std::env::temp_dir().join(name);
            let served = serve(args, &directory, "Then the data are removed.");
            // If nothing was made there is nothing to remove.
            let _ = std::fs::remove_dir_all(&directory);
            served
        }
    }
}

fn serve(args: &Dev, directory: &Path, afterwards: &str) -> Result<Exit, Box<Diagnostic>> {
    let is_empty =
        std::fs::read_dir(directory).map_or(true, |mut entries| entries.next().is_none());
    if is_empty {
        make(directory, &args.listen)?;
    }
    let disk = directory::take(directory)?;
    let mut settings = Settings::read(directory)?;
    if settings.peers.len() > 1 {
        let what = format!("{} belongs to a member of a larger group", directory.display());
        return Err(Diagnostic::new(codes::BAD_MEMBERS, what).help("start it by `quorate serve`"));
    }
    settings.listen = args.listen.clone();
    settings.http = Some(args.http.clone());
    for own in settings.peers.values_mut() {
        *own = args.listen.clone();
    }
    server::run(directory, disk, &settings, |at| {
        output::print(&invitation(directory, at, afterwards))
    })
}

fn make(directory: &Path, listen: &Address) -> Result<(), Box<Diagnostic>> {
    let node = NodeId::new(1).expect("one is not zero");
    let genesis = Membership::of_voters([node]).expect("one server is a group");
    let identity = init::new_identity(ClusterId(init::random_128()), node);
    let settings = Settings::new(listen.clone(), [(node, listen.clone())].into());
    init::make(directory, &identity, &genesis, &settings.with_segments_of_mib(SEGMENT_MIB), "dev")
}

fn invitation(directory: &Path, at: &ListensAt, afterwards: &str) -> String {
    let ListensAt { address, http } = at;
    let http = http.as_deref().unwrap_or_default();
    let quorate = std::env::args().next().unwrap_or_else(|| "quorate".to_owned());
    format!(
        "One server listens at {address}, its data are in {}.\n\n  \
         export QUORATE_SERVERS={address}\n  \
         {quorate} put hello world\n  \
         {quorate} get hello\n  \
         {quorate} status\n  \
         curl http://{http}/v1/kv/hello\n\n\
         Ctrl-C ends it. {afterwards}\n",
        directory.display()
    )
}
