//! What the system allows this process.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::codes;
use crate::diagnostic::Diagnostic;

/// Files of the log, sockets of the runtime, and a few connections.
const FILES_MIN: u64 = 64;

/// Allows this process as many open files as the system lets it have: each connection is one.
/// Refuses to begin with too few, because what then fails first is anybody's guess.
pub(crate) fn raise_open_files() -> Result<(), Box<Diagnostic>> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // A system that says no leaves the limit as it is.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    match getrlimit(Resource::Nofile).current {
        Some(files) if files < FILES_MIN => {
            let what = format!("{files} open files are not enough for a server");
            Err(Diagnostic::new(codes::NO_RUNTIME, what)
                .why("the limit of open files of this process is too low (`ulimit -Hn`)")
                .help(format!("allow at least {FILES_MIN}; each connection is one more")))
        }
        _ => Ok(()),
    }
}
