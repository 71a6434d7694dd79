//! When connections end.

use alloc::collections::BTreeMap;

use super::io::ConnectionId;
use crate::types::Instant;

/// When connections end: of strangers, unless they have said by then who they are; of peers, links
/// of ours included, unless something more was heard.
///
/// Every step asks for the earliest, and almost every one puts some off.
#[derive(Debug, Default)]
pub(super) struct Endings {
    all: BTreeMap<ConnectionId, Instant>,
    /// The earliest of all.
    earliest: Option<Instant>,
}

impl Endings {
    /// This connection ends then.
    pub(super) fn set(&mut self, id: ConnectionId, at: Instant) {
        let before = self.all.insert(id, at);
        self.note(before, Some(at));
    }

    /// The ending of this connection, if it has one, is put off until then.
    pub(super) fn put_off(&mut self, id: ConnectionId, at: Instant) {
        if let Some(ending) = self.all.get_mut(&id) {
            let before = core::mem::replace(ending, at);
            self.note(Some(before), Some(at));
        }
    }

    /// This connection has no ending any more.
    pub(super) fn remove(&mut self, id: ConnectionId) {
        let before = self.all.remove(&id);
        self.note(before, None);
    }

    /// The next ending.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.earliest
    }

    /// The first connection, by name, that should have ended.
    pub(super) fn over(&self, now: Instant) -> Option<ConnectionId> {
        self.earliest.filter(|&earliest| earliest <= now)?;
        self.all.iter().find(|entry| *entry.1 <= now).map(|entry| *entry.0)
    }

    /// All connections with an ending.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.all.keys().copied()
    }

    /// One ending has become another: looks at all only if the earliest is gone.
    fn note(&mut self, before: Option<Instant>, after: Option<Instant>) {
        self.earliest = if before.is_some() && before == self.earliest {
            self.all.values().copied().min()
        } else {
            [self.earliest, after].into_iter().flatten().min()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_is_known_whatever_changes() {
        let (mut endings, mut state) = (Endings::default(), 1_u64);
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) % below
        };
        for _ in 0..10_000 {
            let (id, at) = (ConnectionId::accepted(draw(6)), Instant(draw(20)));
            match draw(3) {
                0 => endings.set(id, at),
                1 => endings.put_off(id, at),
                _ => endings.remove(id),
            }
            assert_eq!(endings.earliest(), endings.all.values().copied().min());
            let over = endings.all.iter().find(|entry| *entry.1 <= at).map(|entry| *entry.0);
            assert_eq!(endings.over(at), over);
        }
    }
}
