//! How fresh this server's state is, at least: queries that may be of some age need not ask a leader, if
//! one was asked not long ago.

use core::time::Duration;

use crate::types::{Index, Instant};

/// What a leader has confirmed (thesis 6.4): at this moment nothing was committed after that entry.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Freshness(Option<(Instant, Index)>);

impl Freshness {
    /// A leader was asked at `since` at the earliest, and named an index.
    pub(super) fn learn(&mut self, since: Instant, index: Index) {
        let is_newer = self.0.is_none_or(|known| known.0 <= since);
        if is_newer {
            self.0 = Some((since, index));
        }
    }

    /// What a state must include to be so old at most, and how old it is then.
    pub(super) fn within(&self, now: Instant, age_max_ms: u32) -> Option<(Index, Duration)> {
        let (since, index) = self.0?;
        let age = now.since(since);
        (age <= Duration::from_millis(age_max_ms.into())).then_some((index, age))
    }
}
