//! What is missing in the middle of the log is had from the other servers, before this one starts.

use std::time::Duration;

use quorate_core::wal::{Damage, Disk, Hole, Ident, MendError, Mending, OpenError};
use quorate_core::wire::{Address, NotApplied};
use quorate_core::{NodeId, RoleKind};
use quorate_io_tokio::RealEnv;
use quorate_io_tokio::client::{CallError, Client, ClientConfig, Reason, Routing};

use crate::settings::Settings;

/// How long a server may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two rounds of asking everybody.
const PAUSE: Duration = Duration::from_millis(500);
/// So many rounds are between two lines of the log that say so.
const ROUNDS_A_LINE: u32 = 20;

/// What came of it.
pub(crate) enum Mended {
    /// The log holds what it held before.
    Filled,
    /// It cannot be had, and the others get along without this server's say; or there are no others.
    Lost,
}

/// What a server that was asked has of it.
enum Has {
    All,
    /// Not in its log, not now, or it cannot be reached.
    NothingYet,
    /// It leads, and its log does not have it.
    NothingAsLeader,
}

/// Asks all others for what is missing until one has it. That may be never, if too many are damaged
/// at the same place: then no one should go on as if nothing was there.
///
/// # Errors
/// What the disk says.
pub(crate) async fn fill<D: Disk>(
    disk: &D,
    (damage, hole): (&Damage, Hole),
    ident: &Ident,
    settings: &Settings,
    env: &RealEnv,
) -> Result<Mended, OpenError> {
    let others = others(&hole, ident.identity.node, settings);
    if others.is_empty() {
        return Ok(Mended::Lost);
    }
    let config = ClientConfig {
        cluster: Some(ident.identity.cluster),
        routing: Routing::AsGiven,
        call_timeout: ANSWER_TIMEOUT,
        ..ClientConfig::default()
    };
    let addresses = others.iter().map(|(_, address)| address.to_string()).collect();
    let client = Client::connect(*env, addresses, config);
    let mut mending = Mending::of(hole);
    let wanted = mending.wanted();
    for round in 0.. {
        if round % ROUNDS_A_LINE == 0 {
            tracing::error!(
                %damage,
                first = wanted.after.index.0 + 1,
                last = wanted.last.0,
                from = ?others.iter().map(|(_, address)| address.as_str()).collect::<Vec<_>>(),
                "the log is damaged; the server waits for what is missing from the others"
            );
        }
        let mut has_leader = false;
        for (id, address) in &others {
            match ask(&client, address, &mut mending).await {
                Has::All => {
                    client.close().await;
                    return write(&mending, disk, *id);
                }
                Has::NothingAsLeader => has_leader = true,
                Has::NothingYet => {}
            }
        }
        if has_leader {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    client.close().await;
    Ok(Mended::Lost)
}

/// The other members, as far as this log knows them, that can be reached.
fn others(hole: &Hole, own: NodeId, settings: &Settings) -> Vec<(NodeId, Address)> {
    let members = hole.members();
    let known = members.members().into_iter().filter(|&id| id != own);
    let address = |id| members.address(id).or_else(|| settings.peers.get(&id)).cloned();
    known.filter_map(|id| Some((id, address(id)?))).collect()
}

async fn ask(client: &Client, address: &Address, mending: &mut Mending) -> Has {
    loop {
        match client.entries_of(address.as_str(), mending.wanted()).await {
            Ok(entries) => match mending.take(&entries) {
                Ok(true) => return Has::All,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%address, %error, "an answer is of no use");
                    return Has::NothingYet;
                }
            },
            Err(CallError::NotApplied(Reason::Refused(NotApplied::NotInLog))) => {
                let status = client.status_of(address.as_str()).await;
                let leads = status.is_ok_and(|status| status.role == RoleKind::Leader);
                return if leads { Has::NothingAsLeader } else { Has::NothingYet };
            }
            Err(_) => return Has::NothingYet,
        }
    }
}

fn write<D: Disk>(mending: &Mending, disk: &D, from: NodeId) -> Result<Mended, OpenError> {
    match mending.write(disk) {
        Ok(()) => {
            tracing::warn!(%from, "what was missing in the log is there again");
            Ok(Mended::Filled)
        }
        Err(error @ MendError::TooLong) => {
            tracing::error!(%error, "the log cannot be mended");
            Ok(Mended::Lost)
        }
        Err(MendError::Disk(error)) => Err(OpenError::Disk(error)),
    }
}
