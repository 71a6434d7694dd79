//! Writes down what a world tells.

use std::collections::BTreeMap;

use quorate_sm::courier::{Answered, Ask, CallError};

use super::chronicle::{Asked, Chronicle, Ending, Moment, Standing, What};
use super::sides;
use super::streams::{Streams, Turn};
use crate::history::{Call, Outcome};
use crate::judge::Violation;
use crate::net::{Delivery, End, HostId, NetEvent};
use crate::workload::Subject;

/// Writes a [`Chronicle`].
pub(crate) struct Recorder {
    chronicle: Chronicle,
    streams: Streams,
    /// How each server stood when it was last asked.
    standings: Vec<Option<Standing>>,
    /// What each client waits for.
    asks: BTreeMap<u16, Ask>,
    /// What time it is, in nanoseconds.
    now: u64,
}

impl Recorder {
    pub(crate) fn new(servers: u16, clients: u16) -> Self {
        Self {
            chronicle: Chronicle { servers, clients, moments: Vec::new() },
            streams: Streams::default(),
            standings: vec![None; usize::from(servers) + 1],
            asks: BTreeMap::new(),
            now: 0,
        }
    }

    pub(crate) fn finish(self) -> Chronicle {
        self.chronicle
    }

    /// It is `now`.
    pub(crate) fn tick(&mut self, now: u64) {
        self.now = now;
    }

    pub(crate) fn put(&mut self, what: What) {
        self.chronicle.moments.push(Moment { at: self.now, what });
    }

    /// How a server stands; mentioned if it stood otherwise.
    pub(crate) fn stands(&mut self, server: HostId, standing: Standing) {
        let known = &mut self.standings[usize::from(server.0)];
        if *known != Some(standing) {
            *known = Some(standing);
            self.put(What::Stands { n: server.0, standing });
        }
    }

    /// A process is gone; whatever it knew, it will say again.
    pub(crate) fn down(&mut self, server: HostId, text: String) {
        self.standings[usize::from(server.0)] = None;
        self.put(What::Down { n: server.0, text });
    }

    pub(crate) fn cut(&mut self, blocked: &[(HostId, HostId)]) {
        let blocked: Vec<_> = blocked.iter().map(|(from, to)| (from.0, to.0)).collect();
        let text = sides::find(&blocked, self.chronicle.servers).text;
        self.put(What::Cut { blocked, text });
    }

    /// A client, which is a host and has a number among the clients, asks.
    pub(crate) fn called(&mut self, host: HostId, number: u16, ask: &Ask, subject: &dyn Subject) {
        let asked = subject.operation(number).map(|operation| operation.call.clone());
        let text = asked.as_ref().map_or_else(|| subject.ask_in_words(ask), Call::to_string);
        let asked = asked.map(|Call { function, key, argument }| Asked {
            f: function,
            k: key,
            v: argument,
        });
        self.asks.insert(host.0, ask.clone());
        self.put(What::Called { n: host.0, text, asked });
    }

    /// What it asked for has ended, `told` so.
    pub(crate) fn ended(
        &mut self,
        host: HostId,
        number: u16,
        told: Option<Result<Answered, CallError>>,
        subject: &dyn Subject,
    ) {
        let (Some(told), Some(ask)) = (told, self.asks.remove(&host.0)) else { return };
        let outcome = subject.operation(number).map(|operation| &operation.outcome);
        let how = match (&told, outcome) {
            // The machine declined.
            (_, Some(Outcome::Failed { .. })) | (Err(CallError::NotApplied(_)), _) => {
                Ending::Failed
            }
            (Err(CallError::Unknown(_)), _) => Ending::Unknown,
            (Ok(_), _) => Ending::Ok,
        };
        let answer = match outcome {
            Some(Outcome::Ok { answer, .. }) => answer.clone(),
            _ => None,
        };
        let text = match (&answer, &told) {
            (Some(answer), _) => answer.to_string(),
            (None, Ok(_)) if outcome.is_some() => String::new(),
            (None, Ok(answered)) => subject.answer_in_words(&ask, answered),
            (None, Err(error)) => error.to_string(),
        };
        self.put(What::Ended { n: host.0, how, text, answer });
    }

    /// A connection is being made.
    pub(crate) fn connected(&mut self, dialer: End, from: HostId, to: HostId) {
        self.streams.connect(dialer.connection, from.0, to.0);
    }

    /// Bytes are handed to the network.
    pub(crate) fn sent(&mut self, end: End, bytes: &[u8]) {
        let turns = self.streams.send(end, bytes);
        self.write_turns(turns);
    }

    /// Something happens at the end of a connection.
    pub(crate) fn delivered(&mut self, delivery: &Delivery) {
        if let NetEvent::Bytes(bytes) = &delivery.event {
            let turns = self.streams.arrive(delivery.end.other(), bytes);
            self.write_turns(turns);
        }
    }

    pub(crate) fn violated(&mut self, violation: &Violation) {
        let Violation { property, evidence } = violation;
        self.put(What::Violated { property: format!("{property:?}"), evidence: evidence.clone() });
    }

    fn write_turns(&mut self, turns: Vec<Turn>) {
        for turn in turns {
            self.put(match turn {
                Turn::Sent { id, from, to, kind, text } => What::Sent { id, from, to, kind, text },
                Turn::Arrived { id, how } => What::Arrived { id, how },
                Turn::Garbled { from, to } => What::Garbled { from, to },
            });
        }
    }
}
