//! Barriers: many that wait for each other.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;

use quorate_sm::{Caller, Lost, SessionId, machine};
use serde::{Deserialize, Serialize};

use crate::names::{self, NameTooLong};
use quorate_sm::courier::CallError;

/// A barrier opens when so many have arrived, for those; and is there again for the next ones.
#[machine(brief, schema = "schemas/barriers.schema")]
pub trait Barriers {
    /// Arrives at a barrier for so many; whoever is there already stays.
    fn arrive(
        &mut self,
        cx: &mut BarriersCx,
        name: String,
        parties: u32,
    ) -> Result<Arrival, NotArrived>;
    /// Does not wait any longer; says whether it did.
    fn leave(&mut self, cx: &mut BarriersCx, name: String) -> bool;
    #[session_ended]
    fn gone(&mut self, cx: &mut BarriersCx, session: SessionId);
    /// How many wait.
    fn waiting(&self, name: String) -> u64;
    /// What becomes of it.
    fn moved(name: String) -> Move;
}

/// What became of a barrier.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Move {
    /// It has opened, for those of this generation.
    Opened(u64),
    /// This session does not wait any longer: by its own wish, or because it ended.
    Left(SessionId),
}

/// What came of arriving.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Arrival {
    /// Who waits.
    pub session: SessionId,
    /// Counts how often any barrier has opened: those who arrive between two openings are of one generation.
    pub generation: u64,
    /// How many are still to come; if none, the barrier has opened.
    pub missing: u32,
}

/// Why somebody cannot wait there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum NotArrived {
    /// Nobody could tell when the caller is gone.
    #[error("whoever waits is a session, and the caller has none")]
    NoSession,
    /// Others wait for so many.
    #[error("it is a barrier for {parties} as long as somebody waits")]
    OtherParties {
        /// For how many.
        parties: u32,
    },
    /// The name.
    #[error(transparent)]
    Name(#[from] NameTooLong),
}

/// Who waits where.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Gates {
    gates: BTreeMap<String, Gate>,
    waits: BTreeMap<SessionId, BTreeSet<String>>,
    generations: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Gate {
    parties: u32,
    generation: u64,
    there: BTreeSet<SessionId>,
}

impl Gates {
    fn forget(&mut self, name: &String, session: SessionId) {
        if let Some(waits) = self.waits.get_mut(&session) {
            waits.remove(name);
            if waits.is_empty() {
                self.waits.remove(&session);
            }
        }
    }

    fn withdraw(&mut self, cx: &mut BarriersCx, name: &String, session: SessionId) -> bool {
        let Some(gate) = self.gates.get_mut(name) else { return false };
        let was_there = gate.there.remove(&session);
        if was_there {
            cx.emit_moved(name, Move::Left(session));
        }
        if gate.there.is_empty() {
            self.gates.remove(name);
        }
        was_there
    }
}

impl Barriers for Gates {
    fn arrive(
        &mut self,
        cx: &mut BarriersCx,
        name: String,
        parties: u32,
    ) -> Result<Arrival, NotArrived> {
        names::check(&name)?;
        let session = cx.session().ok_or(NotArrived::NoSession)?;
        let generations = &mut self.generations;
        let gate = self.gates.entry(name.clone()).or_insert_with(|| {
            *generations += 1;
            Gate { parties, generation: *generations, there: BTreeSet::new() }
        });
        if gate.parties != parties {
            return Err(NotArrived::OtherParties { parties: gate.parties });
        }
        gate.there.insert(session);
        self.waits.entry(session).or_default().insert(name.clone());
        let generation = gate.generation;
        let there = u32::try_from(gate.there.len()).unwrap_or(u32::MAX);
        let missing = parties.saturating_sub(there);
        if missing == 0 {
            let gate = self.gates.remove(&name).expect("it is there");
            gate.there.iter().for_each(|&session| self.forget(&name, session));
            cx.emit_moved(name, Move::Opened(generation));
        }
        Ok(Arrival { session, generation, missing })
    }

    fn leave(&mut self, cx: &mut BarriersCx, name: String) -> bool {
        let Some(session) = cx.session() else { return false };
        self.forget(&name, session);
        self.withdraw(cx, &name, session)
    }

    fn gone(&mut self, cx: &mut BarriersCx, session: SessionId) {
        for name in self.waits.remove(&session).unwrap_or_default() {
            self.withdraw(cx, &name, session);
        }
    }

    fn waiting(&self, name: String) -> u64 {
        self.gates.get(&name).map_or(0, |gate| gate.there.len() as u64)
    }
}

/// Why nobody knows whether a barrier has opened.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BarrierError {
    /// The caller cannot wait there.
    #[error(transparent)]
    Refused(#[from] NotArrived),
    /// No server could be asked, or what happened is forgotten.
    #[error(transparent)]
    Lost(#[from] Lost),
}

impl From<CallError> for BarrierError {
    fn from(error: CallError) -> Self {
        Self::Lost(error.into())
    }
}

impl<C: Caller> BarriersClient<C> {
    /// Waits until so many have arrived, this client's session included. Whoever drops the future has arrived all
    /// the same, until it [leaves](Self::leave).
    ///
    /// # Errors
    /// See [`BarrierError`].
    pub async fn wait(&self, name: impl Into<String>, parties: u32) -> Result<(), BarrierError> {
        let name = name.into();
        // Whoever listens first misses nothing.
        let mut moves = self.moved(name.clone()).await?;
        loop {
            let arrival = self.arrive(name.clone(), parties).await??;
            if arrival.missing == 0 {
                return Ok(());
            }
            loop {
                match moves.next().await?.event {
                    Move::Opened(generation) if generation == arrival.generation => return Ok(()),
                    // A session that ended lost its place: this client arrives again in its next one.
                    Move::Left(session) if session == arrival.session => break,
                    Move::Opened(_) | Move::Left(_) => {}
                }
            }
        }
    }
}
