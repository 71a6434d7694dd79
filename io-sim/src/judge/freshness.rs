//! How much of the log an answer must reflect at least.

use std::collections::VecDeque;

use quorate_core::Index;
use quorate_core::wire::Consistency;
use quorate_sm::courier::Ask;

/// No bounded query is as old as that, in nanoseconds.
const PAST_NS: u64 = 20_000_000_000;

/// What was committed when, for a while: what old answers must reflect.
#[derive(Default)]
pub struct Freshness {
    /// In other worlds clocks stand still, and nobody can tell how old anything is.
    trusts_clocks: bool,
    known: VecDeque<(u64, Index)>,
}

impl Freshness {
    /// Of a world; `trusts_clocks` if its servers may.
    pub fn new(trusts_clocks: bool) -> Self {
        Self { trusts_clocks, known: VecDeque::new() }
    }

    /// So much is committed anywhere now, in nanoseconds of the world's own time.
    pub fn note(&mut self, now: u64, committed: Index) {
        if self.trusts_clocks {
            self.known.push_back((now, committed));
            while self.known.front().is_some_and(|oldest| oldest.0 + PAST_NS < now) {
                self.known.pop_front();
            }
        }
    }

    /// What the answer must reflect if this is asked now, when so much is committed (thesis 6.4).
    pub fn least(&self, ask: &Ask, now: u64, committed: Index) -> Index {
        match ask {
            Ask::Query(Consistency::Bounded { age_max_ms }, _) => self.before(now, *age_max_ms),
            Ask::Query(Consistency::Stale | Consistency::AtLeast(_), _)
            | Ask::Sequential(_)
            | Ask::Watch { .. } => Index(0),
            _ => committed,
        }
    }

    /// At least that was committed so long before, by clocks that are a tenth too slow.
    fn before(&self, now: u64, age_max_ms: u32) -> Index {
        let then = now.saturating_sub(u64::from(age_max_ms) * 1_120_000 + 1_000_000);
        let after = self.known.partition_point(|known| known.0 <= then);
        after.checked_sub(1).map_or(Index(0), |at| self.known[at].1)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const MS: u64 = 1_000_000;

    fn least(freshness: &Freshness, consistency: Consistency, now_ms: u64) -> u64 {
        freshness.least(&Ask::Query(consistency, Bytes::new()), now_ms * MS, Index(9)).0
    }

    #[test]
    fn who_asks_for_less_may_be_told_of_less() {
        let mut freshness = Freshness::new(true);
        for (at_ms, committed) in [(0, 1), (1_000, 4), (2_000, 9)] {
            freshness.note(at_ms * MS, Index(committed));
        }
        assert_eq!(least(&freshness, Consistency::Linearizable, 2_000), 9);
        assert_eq!(least(&freshness, Consistency::Lease, 2_000), 9);
        assert_eq!(least(&freshness, Consistency::Stale, 2_000), 0);
        assert_eq!(least(&freshness, Consistency::AtLeast(Index(7)), 2_000), 0);
        let bounded = |age_max_ms| Consistency::Bounded { age_max_ms };
        assert_eq!(least(&freshness, bounded(0), 2_002), 9);
        assert_eq!(least(&freshness, bounded(880), 2_000), 4);
        assert_eq!(least(&freshness, bounded(900), 2_000), 1, "by a clock that is slow");
        assert_eq!(least(&freshness, bounded(30_000), 2_000), 1, "there always was as much");
        let command = Ask::Repeatable(Bytes::new());
        assert_eq!(freshness.least(&command, 2_000 * MS, Index(9)), Index(9));
    }

    #[test]
    fn nothing_is_asked_of_age_where_clocks_stand_still() {
        let mut freshness = Freshness::new(false);
        freshness.note(0, Index(9));
        assert_eq!(least(&freshness, Consistency::Bounded { age_max_ms: 0 }, 2_000), 0);
    }

    #[test]
    fn the_past_is_forgotten_some_day() {
        let mut freshness = Freshness::new(true);
        for at_ms in 0..100_000 {
            freshness.note(at_ms * MS, Index(at_ms));
        }
        assert_eq!(freshness.known.len(), 20_001);
    }
}
