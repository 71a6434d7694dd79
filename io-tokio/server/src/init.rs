//! `quorate init`: makes a data directory, whole or not at all.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use quorate_core::wal::{self, Identity, Origin};
use quorate_core::wire::Address;
use quorate_core::{ClusterId, Incarnation, Membership, NodeId};
use quorate_io_tokio::{Env, FileDisk, RealEnv};

use crate::arguments::{self, Cluster, Peer};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::directory;
use crate::exit::Exit;
use crate::settings::{self, Settings};
use crate::talk;

/// Creates the data directory of a server, of a new group or one that joins a group.
///
/// Run it once for each founding member, with the same peers and the same cluster. It writes who
/// the server is, for ever, and a quorate.toml that may be edited. `quorate serve DIR` starts the
/// server.
///
/// A server that is to join a group is made with --join, and told of some members and of itself.
/// Once it runs it waits, until `quorate members add` lets it in. A member that lost its disk is
/// made anew like that, under its old number: the group knows it, brings it up to date, and gives
/// it its vote back when that can do no harm. `quorate status` calls it forgetful until then.
///
/// Example: quorate init ./n1 --node 1 --cluster shop
/// --peers 1=10.0.0.1:7100,2=10.0.0.2:7100,3=10.0.0.3:7100
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The directory to make; must not exist, or be empty.
    dir: PathBuf,
    /// The number of this server, never to be used again for another one.
    #[arg(long, value_name = "N", value_parser = arguments::node)]
    node: NodeId,
    /// All founding members of the group, or some members with --join, and this one:
    /// 1=HOST:PORT,2=HOST:PORT,...
    #[arg(long, value_name = "N=HOST:PORT", required = true, value_delimiter = ',')]
    peers: Vec<Peer>,
    /// The cluster: a name, or 32 hexadecimal digits. Servers of other clusters are strangers.
    #[arg(long, value_name = "NAME")]
    cluster: Cluster,
    /// The group exists: this server is new to it, or comes back after its disk was lost.
    #[arg(long)]
    join: bool,
    /// Where this server listens, if that is not the address by which its peers know it.
    #[arg(long, value_name = "HOST:PORT", value_parser = arguments::address)]
    listen: Option<Address>,
    /// Where its HTTP gateway listens; without it there is none.
    #[arg(long, value_name = "HOST:PORT", value_parser = arguments::address)]
    http: Option<Address>,
}

pub(crate) fn run(args: &Init) -> Result<Exit, Box<Diagnostic>> {
    let bad_members = |what| Diagnostic::new(codes::BAD_MEMBERS, what);
    let is_founder = |id: &NodeId| !(args.join && *id == args.node);
    let genesis = Membership::of_voters(args.peers.iter().map(|peer| peer.id).filter(is_founder))
        .map_err(|error| {
        bad_members("these servers cannot form a group".into()).because(&error)
    })?;
    let peers: BTreeMap<_, _> =
        args.peers.iter().map(|peer| (peer.id, peer.address.clone())).collect();
    let Some(own) = peers.get(&args.node) else {
        return Err(bad_members(format!("server {} is not among the peers", args.node))
            .help(format!("add {}=HOST:PORT to --peers", args.node)));
    };
    let listen = args.listen.clone().unwrap_or_else(|| own.clone());
    let settings = Settings { http: args.http.clone(), ..Settings::new(listen, peers.clone()) };
    let identity = new_identity(args.cluster.id, args.node);
    make(&args.dir, &identity, &genesis, &settings, &args.cluster.to_string())?;
    let Identity { cluster, node, incarnation } = identity;
    talk::say(format_args!(
        "made {}: server {node} {} in cluster {cluster}, incarnation {incarnation}",
        args.dir.display(),
        if args.join { "to join".to_owned() } else { format!("of {}", genesis.voters().len()) },
    ));
    talk::say(format_args!("start it: quorate serve {}", args.dir.display()));
    if args.join {
        let servers: Vec<_> = genesis.voters().iter().map(|id| peers[id].as_str()).collect();
        talk::say(format_args!(
            "then let it in, unless it is a member already: quorate members add {node}={own} --servers {}",
            servers.join(",")
        ));
    }
    Ok(Exit::Done)
}

/// Who a server is whose disk begins its life.
pub(crate) fn new_identity(cluster: ClusterId, node: NodeId) -> Identity {
    Identity { cluster, node, incarnation: Incarnation(random_128()) }
}

/// A number that nobody draws twice.
pub(crate) fn random_128() -> u128 {
    let env = RealEnv::new();
    u128::from(env.random()) << 64 | u128::from(env.random())
}

/// Makes a data directory under another name next to its place, and renames it when all of it is
/// on the disk.
pub(crate) fn make(
    directory: &Path,
    identity: &Identity,
    genesis: &Membership,
    settings: &Settings,
    cluster: &str,
) -> Result<(), Box<Diagnostic>> {
    let failed = |error: io::Error| not_made(directory, &error);
    check_free(directory)?;
    let absolute = std::path::absolute(directory).map_err(failed)?;
    let (Some(parent), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    };
    fs::create_dir_all(parent).map_err(failed)?;
    let temporary = parent.join(format!(".{}.{:016x}", name.display(), RealEnv::new().random()));
    let made = fs::create_dir(&temporary).map_err(failed).and_then(|()| {
        fill(&temporary, identity, genesis, &settings.to_text(identity.node, cluster))?;
        fs::rename(&temporary, &absolute).map_err(failed)
    });
    if made.is_err() {
        // It has been said what failed; a remnant under a name of its own does no harm.
        let _ = fs::remove_dir_all(&temporary);
    }
    made?;
    sync(parent).map_err(failed)
}

fn not_made(directory: &Path, error: &io::Error) -> Box<Diagnostic> {
    let code = match error.kind() {
        io::ErrorKind::PermissionDenied => codes::DIRECTORY_DENIED,
        _ => codes::CANNOT_INIT,
    };
    Diagnostic::new(code, format!("{} cannot be made", directory.display())).because(error)
}

fn check_free(directory: &Path) -> Result<(), Box<Diagnostic>> {
    let shown = directory.display();
    match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(directory::refused_by_system(directory, &error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Diagnostic::new(codes::NOT_EMPTY, format!("{shown} is not empty"))
                .why("`quorate init` touches nothing that exists")
                .help(format!("give another path, perhaps {}", directory.join("data").display()))),
        },
    }
}

fn fill(
    directory: &Path,
    identity: &Identity,
    genesis: &Membership,
    settings: &str,
) -> Result<(), Box<Diagnostic>> {
    let path = directory.join(settings::FILE);
    let write = || {
        fs::write(&path, settings)?;
        File::open(&path)?.sync_all()
    };
    write().map_err(|error| directory::refused_by_system(directory, &error))?;
    let disk = directory::lock(directory)?;
    let origin = match genesis.is_member(identity.node) {
        true => Origin::Founding,
        false => Origin::Joining,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs());
    wal::format_as(&disk, identity, now, genesis, origin)
        .map_err(|error| directory::not_made(directory, &error))?;
    drop(disk);
    let unlocked = || {
        fs::remove_file(directory.join(FileDisk::LOCK))?;
        sync(directory)
    };
    unlocked().map_err(|error| directory::refused_by_system(directory, &error))
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_permission_is_told_from_a_disk_that_says_no() {
        let exit = |kind: io::ErrorKind| not_made(Path::new("d"), &kind.into()).exit();
        assert_eq!(exit(io::ErrorKind::PermissionDenied), Exit::Denied);
        assert_eq!(exit(io::ErrorKind::ReadOnlyFilesystem), Exit::Disk);
    }
}
