//! What has happened: the events that a machine publishes, kept for those who are late.

use alloc::collections::VecDeque;

use bytes::Bytes;
use quorate_core::Index;
use serde::{Deserialize, Serialize};

/// Counts the events of one machine: a place between two of them.
///
/// A reader that has seen the events up to a position finds there what comes next, on any server and
/// at any time, as long as it is kept.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Position(pub u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);
}

/// Something that happened in a machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The entry that made it happen.
    pub index: Index,
    /// Where it stands: between this position and the next.
    pub position: Position,
    /// What it is about, for those who want to hear of some things only.
    pub topic: Bytes,
    /// What it says.
    pub body: Bytes,
}

impl Event {
    /// Where a reader goes on that has seen it.
    pub const fn next(&self) -> Position {
        Position(self.position.0 + 1)
    }
}

/// Which events are wanted, by their topic.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Filter {
    /// Those of one topic.
    Topic(Bytes),
    /// Those whose topic begins so; all of them, if it is empty.
    Prefix(Bytes),
}

impl Filter {
    /// Is an event of this topic wanted?
    pub fn is_met(&self, topic: &[u8]) -> bool {
        match self {
            Self::Topic(wanted) => topic == wanted,
            Self::Prefix(start) => topic.starts_with(start),
        }
    }
}

/// How many events a machine keeps for those who are late. Part of the replicated state, like
/// [`SessionLimits`](crate::SessionLimits).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EventLimits {
    /// The most events.
    pub events_max: u32,
    /// The most bytes that they take, 64 for each counted in; the newest is kept, however large.
    pub bytes_max: u64,
}

impl Default for EventLimits {
    fn default() -> Self {
        Self { events_max: 65_536, bytes_max: 8 << 20 }
    }
}

/// The newest events of one machine: part of the replicated state, so they survive the log's
/// compaction, and every server has the same.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Events {
    limits: EventLimits,
    ring: VecDeque<Event>,
    bytes: u64,
    next: Position,
    /// No event after this entry is forgotten.
    complete_after: Index,
}

/// Where a reader wants to begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Since {
    /// With the next event.
    Now,
    /// Behind the events that it has seen.
    Position(Position),
    /// With the events of the entries after this one.
    Entry(Index),
}

impl From<Position> for Since {
    fn from(position: Position) -> Self {
        Self::Position(position)
    }
}

impl From<Index> for Since {
    fn from(entry: Index) -> Self {
        Self::Entry(entry)
    }
}

/// Events in between are forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
#[error("events are forgotten: they are complete from position {} on, after entry {}", .resume.0, .complete_after.0)]
pub struct Gap {
    /// Where to go on.
    pub resume: Position,
    /// Nothing after this entry is missing from there on: what was read from the state as of it, or
    /// later, makes up for what is forgotten.
    pub complete_after: Index,
}

/// What an event costs beside its bytes.
const EVENT_OVERHEAD_BYTES: u64 = 64;

impl Events {
    pub(crate) fn new(limits: EventLimits) -> Self {
        let (ring, bytes) = (VecDeque::new(), 0);
        Self { limits, ring, bytes, next: Position::START, complete_after: Index(0) }
    }

    pub(crate) fn publish(&mut self, index: Index, topic: Bytes, body: Bytes) -> &Event {
        let event = Event { index, position: self.next, topic, body };
        self.next = event.next();
        self.bytes += cost_bytes(&event);
        self.ring.push_back(event);
        while self.is_full()
            && self.ring.len() > 1
            && let Some(oldest) = self.ring.pop_front()
        {
            self.bytes -= cost_bytes(&oldest);
            self.complete_after = oldest.index;
        }
        self.ring.back().expect("it has just come")
    }

    fn is_full(&self) -> bool {
        self.ring.len() as u64 > u64::from(self.limits.events_max)
            || self.bytes > self.limits.bytes_max
    }

    /// Where the next event will stand.
    pub(crate) const fn next(&self) -> Position {
        self.next
    }

    /// The position at which a reader begins, who has `examined` the events up to there already.
    pub(crate) fn place(&self, since: Since, examined: Option<Position>) -> Result<Position, Gap> {
        let gap = Gap { resume: self.first(), complete_after: self.complete_after };
        let place = match since {
            Since::Now => self.next,
            // Perhaps beyond the end: the reader has seen what this replica has not applied yet.
            Since::Position(position) => position,
            Since::Entry(index) if index < self.complete_after && examined.is_none() => {
                return Err(gap);
            }
            Since::Entry(index) => {
                let at = self.ring.partition_point(|event| event.index <= index);
                self.ring.get(at).map_or(self.next, |event| event.position)
            }
        };
        let place = examined.map_or(place, |examined| place.max(examined));
        if place < self.first() { Err(gap) } else { Ok(place) }
    }

    /// The events from a position on.
    pub(crate) fn from(&self, position: Position) -> impl Iterator<Item = &Event> {
        let skipped = position.0.saturating_sub(self.first().0).min(self.ring.len() as u64);
        self.ring.range(usize::try_from(skipped).expect("at most the length of a list")..)
    }

    fn first(&self) -> Position {
        self.ring.front().map_or(self.next, |event| event.position)
    }

    /// Do the parts fit together?
    pub(crate) fn is_sane(&self) -> bool {
        let positions = self.ring.iter().zip(self.first().0..);
        let bytes: u64 = self.ring.iter().map(cost_bytes).sum();
        positions.clone().all(|(event, position)| event.position.0 == position)
            && self.first().0.checked_add(self.ring.len() as u64) == Some(self.next.0)
            && self.ring.iter().is_sorted_by_key(|event| event.index)
            && self.ring.front().is_none_or(|event| event.index >= self.complete_after)
            && bytes == self.bytes
            && self.limits.events_max > 0
    }
}

fn cost_bytes(event: &Event) -> u64 {
    (event.topic.len() + event.body.len()) as u64 + EVENT_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn filled(events_max: u32, indexes: &[u64]) -> Events {
        let mut events = Events::new(EventLimits { events_max, bytes_max: 1 << 20 });
        for &index in indexes {
            events.publish(Index(index), Bytes::new(), Bytes::new());
            assert!(events.is_sane());
        }
        events
    }

    fn indexes(events: &Events, since: Since) -> Result<Vec<u64>, Gap> {
        let place = events.place(since, None)?;
        Ok(events.from(place).map(|event| event.index.0).collect())
    }

    #[test]
    fn a_reader_goes_on_where_it_was() {
        let events = filled(9, &[4, 4, 7]);
        assert_eq!(indexes(&events, Since::Position(Position(0))), Ok([4, 4, 7].into()));
        assert_eq!(indexes(&events, Since::Position(Position(1))), Ok([4, 7].into()));
        assert_eq!(indexes(&events, Since::Position(Position(3))), Ok([].into()));
        assert_eq!(indexes(&events, Since::Now), Ok([].into()));
        let ahead = Since::Position(Position(5));
        assert_eq!(events.place(ahead, None), Ok(Position(5)), "this replica is behind");
        assert_eq!(indexes(&events, ahead), Ok([].into()));
        assert_eq!(indexes(&events, Since::Entry(Index(0))), Ok([4, 4, 7].into()));
        assert_eq!(indexes(&events, Since::Entry(Index(4))), Ok([7].into()));
        assert_eq!(indexes(&events, Since::Entry(Index(9))), Ok([].into()));
    }

    #[test]
    fn what_is_forgotten_is_a_gap_and_never_silence() {
        // The second event of entry 7 is there, the first is not.
        let events = filled(2, &[4, 7, 7, 8]);
        let gap = Gap { resume: Position(2), complete_after: Index(7) };
        for missed in [Since::Position(Position(1)), Since::Entry(Index(6)), Since::Entry(Index(0))]
        {
            assert_eq!(events.place(missed, None), Err(gap), "{missed:?}");
        }
        assert_eq!(indexes(&events, Since::Position(gap.resume)), Ok([7, 8].into()));
        assert_eq!(indexes(&events, Since::Entry(gap.complete_after)), Ok([8].into()));
    }

    #[test]
    fn who_has_examined_what_is_forgotten_has_missed_nothing() {
        let events = filled(2, &[4, 7, 7, 8]);
        let place = |since, examined| events.place(since, Some(Position(examined)));
        assert_eq!(place(Since::Position(Position(0)), 3), Ok(Position(3)));
        assert_eq!(place(Since::Entry(Index(4)), 2), Ok(Position(2)));
        assert_eq!(
            place(Since::Entry(Index(7)), 2),
            Ok(Position(3)),
            "wants no more of that entry"
        );
        assert_eq!(place(Since::Entry(Index(90)), 2), Ok(Position(4)));
        let gap = Gap { resume: Position(2), complete_after: Index(7) };
        assert_eq!(place(Since::Position(Position(0)), 1), Err(gap));
    }

    #[test]
    fn bytes_are_bounded_and_the_newest_stays() {
        let mut events = Events::new(EventLimits { events_max: 9, bytes_max: 200 });
        for index in 1..=4 {
            events.publish(Index(index), Bytes::new(), Bytes::from_static(&[0; 36]));
        }
        assert_eq!(indexes(&events, Since::Entry(Index(2))), Ok([3, 4].into()));
        assert_eq!(events.ring.len(), 2);
        events.publish(Index(5), Bytes::from_static(&[0; 18]), Bytes::from_static(&[0; 18]));
        assert_eq!((events.ring.len(), events.bytes), (2, 200), "a topic counts as much");
        events.publish(Index(6), Bytes::new(), Bytes::from_static(&[0; 500]));
        assert_eq!(indexes(&events, Since::Entry(Index(5))), Ok([6].into()));
        assert_eq!(events.ring.len(), 1);
        assert!(events.is_sane());
    }

    /// Each in one way only.
    #[test]
    fn what_does_not_fit_together_is_not_sane() {
        let lies: [fn(&mut Events); 6] = [
            |events| events.ring[1].position.0 += 1,
            |events| events.next.0 += 1,
            |events| events.ring[2].index = Index(3),
            |events| events.complete_after = Index(5),
            |events| events.bytes += 1,
            |events| events.limits.events_max = 0,
        ];
        for (number, lie) in lies.into_iter().enumerate() {
            let mut events = filled(9, &[4, 4, 7]);
            lie(&mut events);
            assert!(!events.is_sane(), "{number}");
        }
        let mut at_the_end = filled(9, &[]);
        at_the_end.next = Position(u64::MAX);
        assert!(at_the_end.is_sane());
        assert!(filled(1, &[]).is_sane());
    }
}
