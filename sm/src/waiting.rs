//! Reads that wait until this replica has applied enough (thesis 6.4).

use alloc::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::{Index, RequestId};

/// Reads in the order in which they fall due, first come first served within an index.
#[derive(Default, Debug)]
pub(crate) struct WaitingReads {
    by_index: BTreeMap<(Index, u64), (RequestId, Bytes)>,
    /// How many have come so far: the place in the queue of the next one.
    arrivals: u64,
    /// Sum of the queries' lengths.
    bytes: u64,
}

/// Why a read was turned down; nothing happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReadRefusal {
    /// Too many reads wait.
    #[error("{reads} reads of {bytes} bytes wait already")]
    Busy {
        /// How many.
        reads: usize,
        /// What their queries take.
        bytes: u64,
    },
}

impl WaitingReads {
    pub(crate) const READS_MAX: usize = 4096;
    pub(crate) const BYTES_MAX: u64 = 4 << 20;

    pub(crate) fn push(
        &mut self,
        index: Index,
        id: RequestId,
        query: Bytes,
    ) -> Result<(), ReadRefusal> {
        let (reads, bytes) = (self.by_index.len(), self.bytes);
        let query_bytes = query.len() as u64;
        if reads >= Self::READS_MAX || bytes.saturating_add(query_bytes) > Self::BYTES_MAX {
            return Err(ReadRefusal::Busy { reads, bytes });
        }
        self.by_index.insert((index, self.arrivals), (id, query));
        self.arrivals += 1;
        self.bytes += query_bytes;
        Ok(())
    }

    /// The next read that waits for nothing after `applied`.
    pub(crate) fn pop_ready(&mut self, applied: Index) -> Option<(RequestId, Bytes)> {
        let first = self.by_index.first_entry()?;
        if first.key().0 > applied {
            return None;
        }
        let (id, query) = first.remove();
        self.bytes -= query.len() as u64;
        Some((id, query))
    }

    /// Forgets the reads of this name; looks at all.
    pub(crate) fn cancel(&mut self, id: RequestId) {
        let bytes = &mut self.bytes;
        self.by_index.retain(|_, (waiting, query)| {
            let stays = *waiting != id;
            *bytes -= if stays { 0 } else { query.len() as u64 };
            stays
        });
    }
}
