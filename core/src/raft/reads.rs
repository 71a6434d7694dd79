//! Linearizable reads without a log entry (thesis 6.4, ReadIndex).

use alloc::collections::VecDeque;

use crate::types::{Index, RequestId, Round};

/// The reads that a leader has not confirmed yet, oldest first.
///
/// A read waits for two things: first for a commit in the leader's own term, since before it the
/// leader may not know the newest commit index (thesis 6.4, step 1), then for a majority to answer
/// a heartbeat that was sent after the read came in.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads {
    /// No round was started for these.
    new: VecDeque<RequestId>,
    asked: VecDeque<Asked>,
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    id: RequestId,
    index: Index,
    round: Round,
}

impl Reads {
    pub(super) fn len(&self) -> usize {
        self.new.len() + self.asked.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn push(&mut self, id: RequestId) {
        self.new.push_back(id);
    }

    /// Is there a read for which no round was started?
    pub(super) fn is_round_owed(&self) -> bool {
        !self.new.is_empty()
    }

    /// All reads that came in before `round` is sent are answered from `commit` on.
    pub(super) fn start_round(&mut self, round: Round, commit: Index) {
        let asked = self.new.drain(..).map(|id| Asked { id, index: commit, round });
        self.asked.extend(asked);
    }

    /// The next read whose round a majority has answered, with its index.
    pub(super) fn pop_confirmed(&mut self, round: Round) -> Option<(RequestId, Index)> {
        let asked = self.asked.pop_front_if(|asked| asked.round <= round)?;
        Some((asked.id, asked.index))
    }

    /// Gives up all reads.
    pub(super) fn into_ids(self) -> impl Iterator<Item = RequestId> {
        self.asked.into_iter().map(|asked| asked.id).chain(self.new)
    }
}
