//! Readers that wait for events.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use bytes::Bytes;
use quorate_core::{Index, RequestId};
use serde::{Deserialize, Serialize};

use crate::envelope::MachineId;
use crate::events::{Event, Events, Filter, Gap, Position, Since};

/// Asks for events. Answered by [`Watched`]: at once if there are some, or else when there are.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Watch {
    /// Whose events.
    pub machine: MachineId,
    /// Which of them.
    pub filter: Filter,
    /// From where on. [`Since::Now`] is answered at once: with no events, but with the position that is
    /// now.
    pub since: Since,
    /// Answered once this entry is applied even if there are none.
    pub until: Option<Index>,
}

/// The answer to a [`Watch`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Watched {
    /// Events, in order, and all that were asked for up to a position.
    Events {
        /// What has happened.
        events: Vec<Event>,
        /// Where to go on.
        next: Position,
    },
    /// Some were forgotten.
    Gap(Gap),
}

/// The most bytes of events in one answer, beyond its first.
const ANSWER_BYTES_MAX: usize = 256 << 10;

impl Watched {
    /// What there is to answer as of the entry `applied`, to a reader for whom the events up to a
    /// position were `examined` already; none if it has to wait.
    pub(crate) fn of(
        events: &Events,
        watch: &Watch,
        examined: Option<Position>,
        applied: Index,
    ) -> Option<Self> {
        let place = match events.place(watch.since, examined) {
            Ok(place) => place,
            Err(gap) => return Some(Self::Gap(gap)),
        };
        let (mut found, mut next, mut bytes) = (Vec::new(), place, 0);
        for event in events.from(place) {
            if watch.filter.is_met(&event.topic) {
                bytes += event.topic.len() + event.body.len();
                if bytes > ANSWER_BYTES_MAX && !found.is_empty() {
                    break;
                }
                found.push(event.clone());
            }
            next = event.next();
        }
        let is_due = watch.since == Since::Now || watch.until.is_some_and(|until| until <= applied);
        (is_due || !found.is_empty()).then_some(Self::Events { events: found, next })
    }
}

/// The readers that wait, by what they wait for: an event looks only for those that want it.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    by_id: BTreeMap<RequestId, Watch>,
    by_topic: BTreeSet<(MachineId, Bytes, RequestId)>,
    by_prefix: BTreeSet<(MachineId, Bytes, RequestId)>,
    /// How many prefixes of each length there are.
    prefix_lengths: BTreeMap<usize, usize>,
    by_entry: BTreeSet<(Index, RequestId)>,
    bytes: u64,
}

impl Watches {
    pub(crate) const WATCHES_MAX: usize = 1 << 18;
    pub(crate) const BYTES_MAX: u64 = 64 << 20;

    /// Takes a reader in; says whether there is room for it.
    #[must_use]
    pub(crate) fn insert(&mut self, id: RequestId, watch: Watch) -> bool {
        self.remove(id);
        let cost = cost_bytes(&watch);
        if self.by_id.len() >= Self::WATCHES_MAX || self.bytes + cost > Self::BYTES_MAX {
            return false;
        }
        self.bytes += cost;
        match &watch.filter {
            Filter::Topic(topic) => {
                self.by_topic.insert((watch.machine, topic.clone(), id));
            }
            Filter::Prefix(prefix) => {
                self.by_prefix.insert((watch.machine, prefix.clone(), id));
                *self.prefix_lengths.entry(prefix.len()).or_default() += 1;
            }
        }
        if let Some(until) = watch.until {
            self.by_entry.insert((until, id));
        }
        self.by_id.insert(id, watch);
        true
    }

    pub(crate) fn remove(&mut self, id: RequestId) -> Option<Watch> {
        let watch = self.by_id.remove(&id)?;
        self.bytes -= cost_bytes(&watch);
        match &watch.filter {
            Filter::Topic(topic) => {
                self.by_topic.remove(&(watch.machine, topic.clone(), id));
            }
            Filter::Prefix(prefix) => {
                self.by_prefix.remove(&(watch.machine, prefix.clone(), id));
                if let Some(count) = self.prefix_lengths.get_mut(&prefix.len()) {
                    *count -= 1;
                    if *count == 0 {
                        self.prefix_lengths.remove(&prefix.len());
                    }
                }
            }
        }
        if let Some(until) = watch.until {
            self.by_entry.remove(&(until, id));
        }
        Some(watch)
    }

    /// Who waits for an event of this topic.
    pub(crate) fn concerned(
        &self,
        machine: MachineId,
        topic: &Bytes,
        into: &mut BTreeSet<RequestId>,
    ) {
        let mut look = |set: &BTreeSet<(MachineId, Bytes, RequestId)>, key: Bytes| {
            let (first, last) = (RequestId(0), RequestId(u64::MAX));
            let range = (machine, key.clone(), first)..=(machine, key, last);
            into.extend(set.range(range).map(|entry| entry.2));
        };
        look(&self.by_topic, topic.clone());
        for &length in self.prefix_lengths.keys().take_while(|&&length| length <= topic.len()) {
            look(&self.by_prefix, topic.slice(..length));
        }
    }

    /// Who waits for nothing after the entry `applied`.
    pub(crate) fn due(&self, applied: Index) -> impl Iterator<Item = RequestId> + '_ {
        self.by_entry.iter().take_while(move |entry| entry.0 <= applied).map(|entry| entry.1)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = RequestId> + '_ {
        self.by_id.keys().copied()
    }

    pub(crate) fn of_machine(&self, machine: MachineId) -> impl Iterator<Item = RequestId> + '_ {
        self.by_id.iter().filter(move |entry| entry.1.machine == machine).map(|entry| *entry.0)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }
}

fn cost_bytes(watch: &Watch) -> u64 {
    const OVERHEAD_BYTES: u64 = 64;
    let (Filter::Topic(bytes) | Filter::Prefix(bytes)) = &watch.filter;
    bytes.len() as u64 + OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(machine: u16, filter: Filter) -> Watch {
        let since = Since::Position(Position::START);
        Watch { machine: MachineId(machine), filter, since, until: None }
    }

    fn topic(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn an_event_concerns_those_who_wait_for_its_topic_or_a_prefix_of_it() {
        let mut watches = Watches::default();
        let filters = [
            (1, Filter::Topic(topic("a/b"))),
            (1, Filter::Topic(topic("a"))),
            (1, Filter::Prefix(topic("a/"))),
            (1, Filter::Prefix(topic(""))),
            (1, Filter::Prefix(topic("a/b/c"))),
            (2, Filter::Prefix(topic(""))),
        ];
        for (id, (machine, filter)) in (0..).zip(filters) {
            assert!(watches.insert(RequestId(id), watch(machine, filter)));
        }
        let concerned = |watches: &Watches, text| {
            let mut found = BTreeSet::new();
            watches.concerned(MachineId(1), &topic(text), &mut found);
            found.into_iter().map(|id| id.0).collect::<Vec<_>>()
        };
        assert_eq!(concerned(&watches, "a/b"), [0, 2, 3]);
        assert_eq!(concerned(&watches, "a"), [1, 3]);
        assert_eq!(concerned(&watches, "a/b/c/d"), [2, 3, 4]);
        for id in 0..6 {
            assert!(watches.remove(RequestId(id)).is_some());
            assert!(watches.remove(RequestId(id)).is_none());
        }
        assert!(concerned(&watches, "a/b").is_empty());
        assert!(watches.prefix_lengths.is_empty() && watches.bytes == 0);
    }

    #[test]
    fn there_is_room_for_so_many_bytes() {
        let mut watches = Watches::default();
        let large = || watch(1, Filter::Topic(Bytes::from_static(&[0; 1 << 20])));
        let taken = (0..).take_while(|&id| watches.insert(RequestId(id), large())).count();
        assert_eq!((taken, watches.len()), (63, 63));
        watches.remove(RequestId(5));
        assert_eq!(watches.bytes, 62 * ((1 << 20) + 64));
        assert!(watches.insert(RequestId(5), large()));
        // To the last byte.
        let left = usize::try_from(Watches::BYTES_MAX - watches.bytes).expect("a megabyte");
        let rest = |bytes| watch(1, Filter::Topic(alloc::vec![0; bytes - 64].into()));
        assert!(!watches.insert(RequestId(70), rest(left + 1)));
        assert!(watches.insert(RequestId(70), rest(left)));
        assert_eq!(watches.bytes, Watches::BYTES_MAX);
    }

    #[test]
    fn readers_are_found_by_machine_and_by_the_entry_that_they_wait_for() {
        let mut watches = Watches::default();
        assert!(watches.is_empty());
        for (id, machine, until) in [(1, 1, Some(5)), (2, 2, Some(7)), (3, 1, None)] {
            let until = until.map(Index);
            let waits = Watch { until, ..watch(machine, Filter::Topic(topic("a"))) };
            assert!(watches.insert(RequestId(id), waits));
        }
        assert!(!watches.is_empty());
        let of = |machine| watches.of_machine(MachineId(machine)).collect::<Vec<_>>();
        assert_eq!(of(1), [RequestId(1), RequestId(3)]);
        assert_eq!(of(2), [RequestId(2)]);
        let due = |applied| watches.due(Index(applied)).count();
        assert_eq!([4, 5, 6, 7].map(due), [0, 1, 1, 2]);
    }

    #[test]
    fn an_answer_is_of_so_many_bytes_and_of_one_event_at_least() {
        let limits = crate::EventLimits { events_max: 100, bytes_max: 1 << 30 };
        let mut events = Events::new(limits);
        for (index, bytes) in
            (1..).zip([64 << 10, 64 << 10, 64 << 10, (64 << 10) - 1, 1, 300 << 10])
        {
            events.publish(Index(index), topic("a"), alloc::vec![0; bytes - 1].into());
        }
        let told = |from| {
            let since = Since::Position(Position(from));
            let watch = Watch { since, ..watch(1, Filter::Topic(topic("a"))) };
            let Some(Watched::Events { events, next }) =
                Watched::of(&events, &watch, None, Index(9))
            else {
                panic!("there are events");
            };
            (events.len() as u64, next.0)
        };
        assert_eq!(told(0), (5, 5), "four times 64 KiB, to the byte");
        assert_eq!(told(1), (4, 5));
        assert_eq!(told(5), (1, 6), "however long it is");
    }
}
