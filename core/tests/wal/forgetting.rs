//! The simulated disk forgets as real ones do.

use quorate_core::wal::{Disk, DiskErrorKind, Fate, MemDisk, MemFile, Unsynced};

fn disk_with(name: &str, bytes: &[u8]) -> (MemDisk, MemFile) {
    let disk = MemDisk::new();
    let file = disk.create(name).expect("created");
    disk.write_at(&file, 0, bytes).expect("written");
    (disk, file)
}

#[test]
fn what_was_not_synced_may_be_lost_kept_or_garbled_sector_by_sector() {
    let (disk, file) = disk_with("a", &[1; 1536]);
    disk.sync(&file).expect("synced");
    disk.sync_dir().expect("synced");
    disk.write_at(&file, 0, &[2; 1536]).expect("written");
    disk.crash(|what| match what {
        Unsynced::Sector { sector: 0, .. } => Fate::Lost,
        Unsynced::Sector { sector: 1, .. } => Fate::Kept,
        _ => Fate::Garbled,
    });
    let bytes = disk.contents("a").expect("there");
    assert_eq!(bytes[..512], [1; 512]);
    assert_eq!(bytes[512..1024], [2; 512]);
    assert!(!bytes[1024..].iter().all(|&byte| byte == 1 || byte == 2));
}

#[test]
fn a_name_that_was_not_synced_may_be_gone() {
    let (disk, file) = disk_with("a", b"x");
    disk.sync(&file).expect("synced");
    disk.crash(|_| Fate::Lost);
    assert_eq!(disk.contents("a"), None);
}

#[test]
fn a_failed_sync_forgets_what_it_should_have_synced() {
    let (disk, file) = disk_with("a", b"x");
    disk.sync_dir().expect("synced");
    disk.fail_after(0, DiskErrorKind::Io);
    assert!(disk.sync(&file).is_err());
    disk.sync(&file).expect("it works again, and does nothing");
    disk.crash(|_| Fate::Lost);
    assert_eq!(disk.contents("a").as_deref(), Some(&[0][..]));
}
