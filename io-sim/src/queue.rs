//! What will happen, in order of time; of two things at one moment, the one planned first.

use std::collections::BTreeMap;

/// Things that are planned.
pub struct Queue<T> {
    planned: BTreeMap<(u64, u64), T>,
    count: u64,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Queue<T> {
    /// Nothing is planned.
    pub fn new() -> Self {
        Self { planned: BTreeMap::new(), count: 0 }
    }

    /// This will happen then.
    pub fn plan(&mut self, at: u64, what: T) {
        self.count += 1;
        self.planned.insert((at, self.count), what);
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<u64> {
        self.planned.first_key_value().map(|(&(at, _), _)| at)
    }

    /// What happens next, whatever the time.
    pub fn pop(&mut self) -> Option<T> {
        self.planned.pop_first().map(|(_, what)| what)
    }
}
