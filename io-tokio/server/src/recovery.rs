//! What a server finds in its data directory, and what it does if that is damaged.

use std::path::Path;

use quorate_core::snapshot::SnapshotStore;
use quorate_core::wal::{
    self, Damage, Disk, DiskErrorKind, Hole, OpenError, Opened, Wal, read_ident,
};
use quorate_io_tokio::{Env as _, FileDisk, RealEnv};
use quorate_sm::Applier;

use crate::diagnostic::Diagnostic;
use crate::directory;
use crate::mending::{self, Mended};
use crate::settings::Settings;

/// Everything that a server starts from.
pub(crate) struct Recovery {
    pub(crate) wal: Wal<FileDisk>,
    pub(crate) opened: Opened,
    pub(crate) snapshots: SnapshotStore<<FileDisk as Disk>::File>,
}

/// Opens a directory and says what was found. What is missing in the middle of the log is had from
/// others. What is damaged otherwise is set aside: the server begins anew, without a say. The state in the
/// snapshot that the log begins with is loaded.
pub(crate) async fn recover(
    directory: &Path,
    mut disk: FileDisk,
    settings: &Settings,
    env: &RealEnv,
    applier: &mut Applier,
) -> Result<Recovery, Box<Diagnostic>> {
    let mut filled = None;
    let recovery = loop {
        let why = match open(disk, settings, env, applier) {
            Ok(recovery) => break recovery,
            Err(why) => why,
        };
        disk = directory::lock(directory)?;
        // What was filled and is there again is beyond this.
        let hole = hole_of(&why).filter(|(damage, _)| filled.as_ref() != Some(*damage));
        if let Some((damage, hole)) = hole {
            let is_filled = fill(&disk, (damage, hole), settings, env).await;
            if is_filled.map_err(|error| refused(directory, &error))? {
                filled = Some(damage.clone());
                continue;
            }
        }
        set_aside(directory, &disk, why)?;
        let opened = open(disk, settings, env, applier);
        break opened.map_err(|error| refused(directory, &error))?;
    };
    report(&recovery.opened);
    Ok(recovery)
}

fn hole_of(why: &OpenError) -> Option<(&Damage, Hole)> {
    let OpenError::Damaged(damage) = why else { return None };
    Some((damage, damage.hole.as_deref()?.clone()))
}

async fn fill(
    disk: &FileDisk,
    hole: (&Damage, Hole),
    settings: &Settings,
    env: &RealEnv,
) -> Result<bool, OpenError> {
    let ident = read_ident(disk)?;
    let mended = mending::fill(disk, hole, &ident, settings, env).await?;
    Ok(matches!(mended, Mended::Filled))
}

fn open(
    disk: FileDisk,
    settings: &Settings,
    env: &RealEnv,
    applier: &mut Applier,
) -> Result<Recovery, OpenError> {
    let (wal, opened) = Wal::open(disk, settings.tuning.wal_options(), env.random())?;
    applier.abandon_loading();
    let snapshots = wal.snapshots(|part| applier.load(part))?;
    Ok(Recovery { wal, opened, snapshots })
}

fn set_aside(directory: &Path, disk: &FileDisk, why: OpenError) -> Result<(), Box<Diagnostic>> {
    let damage = why.to_string();
    let healed = wal::heal(disk, why).map_err(|error| refused(directory, &error))?;
    tracing::error!(
        %damage,
        files = ?healed.aside,
        "the log is damaged and was set aside; the server has no say until its group has brought it \
         up to date"
    );
    Ok(())
}

fn refused(directory: &Path, error: &OpenError) -> Box<Diagnostic> {
    let refused = directory::not_opened(directory, error);
    match error {
        OpenError::Disk(disk) if disk.kind == DiskErrorKind::Full => {
            refused.help("make room on the disk and start again")
        }
        _ => refused,
    }
}

fn report(opened: &Opened) {
    let Opened { ident, boot_epoch, recovered, commit, report } = opened;
    let base = recovered.snapshot.last_included.index;
    tracing::info!(
        cluster = %ident.identity.cluster,
        server = %ident.identity.node,
        boot = boot_epoch,
        term = recovered.hard_state.term.0,
        entries = recovered.last.index.0 - base.0,
        last = recovered.last.index.0,
        committed = commit.0,
        segments = report.segments,
        batches = report.batches,
        ended = ?report.row,
        "the log was recovered"
    );
    if let Some(cut) = &report.cut {
        tracing::info!(
            file = cut.file,
            offset = cut.offset,
            bytes = cut.bytes,
            "writes that were under way at the last end were cut off; nobody was told of them"
        );
    }
    if report.bad_copies > 0 {
        tracing::warn!(
            copies = report.bad_copies,
            "copies in the log are damaged, their twins are not"
        );
    }
}
