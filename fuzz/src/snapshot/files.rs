//! The same bytes, piece by piece into files.

use quorate_core::snapshot::{Slot, SnapshotStore, StoreError, Stored};
use quorate_core::wal::{Disk, Fate, MemDisk, MemFile};
use quorate_core::{Index, LogId, Term};

use super::{CLUSTER, Cuts, Read, Snapshots};
use crate::within;

/// Writes the bytes as a snapshot that was announced, in two ways: as what its head says, and as
/// something else.
pub(super) fn keep(bytes: &[u8], cuts: &Cuts, read: &Read, snapshots: &mut Snapshots) {
    if read.complete.is_some() && read.error.is_some() {
        // Whether a store hears of what follows the end depends on the cuts.
        return;
    }
    let other = LogId { term: Term(1), index: Index(1) };
    let said = read.head().map_or(other, |(_, id)| id);
    for (slot, id) in [(Slot::Own, said), (Slot::Fetched, other)] {
        let disk = MemDisk::new();
        let is_wanted = read.complete.is_some() && read.head() == Some((CLUSTER, id));
        let is_stored = write(&disk, slot, id, cuts.of(bytes));
        assert_eq!(is_stored, is_wanted, "{id:?} of {read:?}");
        disk.crash(|_| Fate::Lost);
        let mut store = SnapshotStore::open(&disk, CLUSTER, id).expect("a disk that works");
        let names = disk.list().expect("a disk that works");
        assert_eq!(
            (store.whole().len(), names.len()),
            (usize::from(is_stored), usize::from(is_stored))
        );
        if is_stored {
            read_back(&disk, &mut store, id, bytes, cuts);
            load(&disk, &store, id, bytes.len(), &read.state());
            snapshots.stored += 1;
            snapshots.rotten += rot(&disk, &store, id, &names[0], bytes);
        }
    }
}

/// Is it whole in the end?
fn write(disk: &MemDisk, slot: Slot, id: LogId, pieces: Vec<&[u8]>) -> bool {
    let mut store = SnapshotStore::open(disk, CLUSTER, id).expect("a disk that works");
    let (mut offset, mut is_whole) = (0, false);
    for piece in pieces {
        assert!(!is_whole, "nothing follows the end");
        match store.write(disk, slot, id, offset, piece) {
            Ok(Stored::Part(bytes)) => {
                offset += piece.len() as u64;
                assert_eq!(bytes, offset);
            }
            Ok(Stored::Whole(meta)) => {
                assert_eq!((meta.last_included, store.whole()), (id, &[id][..]));
                is_whole = true;
            }
            Err(error @ StoreError::Damaged { .. }) => {
                assert!(!error.to_string().is_empty());
                assert_eq!(disk.list().expect("a disk that works"), Vec::<String>::new());
                return false;
            }
            Err(error) => panic!("{error}"),
        }
    }
    is_whole
}

/// Every byte, in pieces of another length than it was written in.
fn read_back(
    disk: &MemDisk,
    store: &mut SnapshotStore<MemFile>,
    id: LogId,
    bytes: &[u8],
    cuts: &Cuts,
) {
    let bytes_max = u32::try_from(cuts.0[0].min(1 << 20)).expect("no more than a MiB") + 9;
    let mut offset = 0;
    while let Some((piece, total)) = store.read(disk, id, offset as u64, bytes_max).expect("read") {
        assert_eq!(total, bytes.len() as u64);
        assert!(!piece.is_empty() && bytes[offset..].starts_with(&piece));
        offset += piece.len();
    }
    assert_eq!(offset, bytes.len());
}

/// A piece of the file and a block are held, which may be making room for its last bytes.
fn load(disk: &MemDisk, store: &SnapshotStore<MemFile>, id: LogId, bytes: usize, state: &[u8]) {
    let (budget, mut left) = (4 * bytes as u64 + (1 << 10), state);
    let take = |part: &[u8]| left = left.strip_prefix(part).expect("what was written");
    within(budget, || store.load(disk, id, take)).expect("it is whole");
    assert!(left.is_empty(), "{} bytes are missing", left.len());
}

/// Bits flip, and the end is lost.
fn rot(disk: &MemDisk, store: &SnapshotStore<MemFile>, id: LogId, name: &str, bytes: &[u8]) -> u32 {
    let file = disk.open(name).expect("it is there");
    let middle = bytes.len() / 2;
    for at in [0, 12, 21, middle, bytes.len() - 1] {
        disk.write_at(&file, at as u64, &[bytes[at] ^ 0x10]).expect("a disk that works");
        assert!(matches!(store.load(disk, id, |_| ()), Err(StoreError::Damaged { .. })), "{at}");
        disk.write_at(&file, at as u64, &bytes[at..=at]).expect("a disk that works");
    }
    disk.set_length(&file, bytes.len() as u64 - 1).expect("a disk that works");
    assert!(matches!(store.load(disk, id, |_| ()), Err(StoreError::Damaged { .. })));
    disk.remove(name).expect("a disk that works");
    assert!(matches!(store.load(disk, id, |_| ()), Err(StoreError::Missing { .. })));
    1
}
