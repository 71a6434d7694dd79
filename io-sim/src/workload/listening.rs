//! What is told to those who listen to all events of a machine.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::Index;
use quorate_sm::{Event, Filter, Gap, Position, Since, StateMachine, Watched};

use super::{Broken, Request};

/// Clients that listen, each from where it was; all must be told the same, in order, without a gap or a
/// repetition that is not said to be one.
#[derive(Debug, Default)]
pub(super) struct Listening {
    /// Where each client goes on.
    at: BTreeMap<u16, Position>,
    /// What was told, to anybody.
    told: BTreeMap<Position, Event>,
}

impl Listening {
    /// How many events anybody was told.
    pub(super) fn count(&self) -> usize {
        self.told.len()
    }

    /// The last event that anybody was told.
    pub(super) fn last(&self) -> Option<Position> {
        self.told.last_key_value().map(|entry| *entry.0)
    }

    /// A client asks for what comes next, or is there when an entry is applied.
    pub(super) fn ask<M: StateMachine>(&self, client: u16, until: Index) -> Request<M> {
        let (filter, since) = (Filter::Prefix(Bytes::new()), Since::Position(self.at(client)));
        Request::Watch { filter, since, until }
    }

    fn at(&self, client: u16) -> Position {
        self.at.get(&client).copied().unwrap_or_default()
    }

    /// What it is told.
    pub(super) fn hear(
        &mut self,
        client: u16,
        until: Index,
        watched: Watched,
    ) -> Result<(), Broken> {
        match watched {
            Watched::Events { events, next } => self.hear_events(client, until, events, next),
            Watched::Gap(gap) => self.hear_of_gap(client, gap),
        }
    }

    fn hear_of_gap(&mut self, client: u16, gap: Gap) -> Result<(), Broken> {
        let at = self.at(client);
        if gap.resume <= at {
            return Err(Broken::new(format!("{gap}: but it was asked from {at:?} on")));
        }
        self.at.insert(client, gap.resume);
        Ok(())
    }

    fn hear_events(
        &mut self,
        client: u16,
        until: Index,
        events: Vec<Event>,
        next: Position,
    ) -> Result<(), Broken> {
        let was_empty = events.is_empty();
        let mut at = self.at(client);
        for event in events {
            if event.position != at {
                let text = format!("{:?} is told at {at:?}: a gap, or twice", event.position);
                return Err(Broken::new(text));
            }
            at = event.next();
            self.remember(event)?;
        }
        if next != at {
            return Err(Broken::new(format!("{next:?} follows {at:?}: every event is wanted")));
        }
        // If there was nothing to tell, nothing came of the entries up to there.
        let missed = self.told.range(at..).find(|(_, event)| event.index <= until);
        if let (Some((position, _)), true) = (missed, was_empty) {
            let text = format!("{position:?} is not told to one who waited for {until:?}");
            return Err(Broken::new(text));
        }
        self.at.insert(client, at);
        Ok(())
    }

    fn remember(&mut self, event: Event) -> Result<(), Broken> {
        let before = self.told.range(..event.position).next_back();
        let after = self.told.range(event.next()..).next();
        let is_in_order = before.is_none_or(|(_, before)| before.index <= event.index)
            && after.is_none_or(|(_, after)| event.index <= after.index);
        if !is_in_order {
            return Err(Broken::new(format!("{event:?} is out of order")));
        }
        match self.told.get(&event.position) {
            Some(first) if *first != event => {
                Err(Broken::new(format!("{event:?} was {first:?} before")))
            }
            Some(_) => Ok(()),
            None => {
                self.told.insert(event.position, event);
                Ok(())
            }
        }
    }
}
