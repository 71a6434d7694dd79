//! Which entry will answer which request.

use alloc::collections::VecDeque;

use crate::types::{Index, LogId, RequestId};

/// The requests that have a place in the log, by index.
///
/// A request is done if and only if the entry that is committed at its index has its term: two
/// leaders may give one index to two requests, and only one of them keeps it.
#[derive(Clone, Debug, Default)]
pub(super) struct Proposals {
    accepted: VecDeque<(LogId, RequestId)>,
}

impl Proposals {
    /// A request got a place.
    pub(super) fn accept(&mut self, at: LogId, id: RequestId) {
        self.accepted.push_back((at, id));
    }

    /// The next request whose place in this log is given to another. Its entry may live on in the log
    /// of a server that leads later.
    pub(super) fn pop_replaced(&mut self, at: LogId) -> Option<RequestId> {
        self.accepted.pop_back_if(|accepted| accepted.0.index >= at.index).map(|popped| popped.1)
    }

    /// The next request whose place is at or before `index`, and its place.
    pub(super) fn pop_up_to(&mut self, index: Index) -> Option<(LogId, RequestId)> {
        self.accepted.pop_front_if(|accepted| accepted.0.index <= index)
    }

    /// Does a request wait for an entry up to `index`?
    pub(super) fn is_awaited(&self, index: Index) -> bool {
        self.accepted.front().is_some_and(|front| front.0.index <= index)
    }
}
