//! Elections: one leader of many candidates.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;

use quorate_sm::{SessionId, machine};
use serde::{Deserialize, Serialize};

use crate::names::{self, NameTooLong};

/// Who stands first leads, until it resigns or its session ends; then whoever stands next.
#[machine(brief, schema = "schemas/elections.schema")]
pub trait Elections {
    /// Stands for `election` under a name; whoever stands already has its name changed, and keeps its place.
    fn stand(
        &mut self,
        cx: &mut ElectionsCx,
        election: String,
        candidate: String,
    ) -> Result<Standing, NotStanding>;
    /// Stands no longer; says whether it did.
    fn resign(&mut self, cx: &mut ElectionsCx, election: String) -> bool;
    #[session_ended]
    fn gone(&mut self, cx: &mut ElectionsCx, session: SessionId);
    /// Who leads.
    fn leader(&self, election: String) -> Option<Leader>;
    /// How many stand, the leader included.
    fn candidates(&self, election: String) -> u64;
    /// Somebody else leads, or nobody does any more.
    fn elected(election: String) -> Option<Leader>;
}

/// Who leads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Leader {
    /// Its session.
    pub session: SessionId,
    /// What it calls itself.
    pub candidate: String,
    /// Greater than that of every leader before, of any election: a fencing token.
    pub epoch: u64,
}

/// How a candidate stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Standing {
    /// It leads.
    Leads {
        /// See [`Leader::epoch`].
        epoch: u64,
    },
    /// Others come first.
    Waits {
        /// How many, the leader included.
        ahead: u64,
    },
}

/// Why somebody cannot stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum NotStanding {
    /// Nobody could tell when the candidate is gone.
    #[error("a candidate is a session, and the caller has none")]
    NoSession,
    /// A name.
    #[error(transparent)]
    Name(#[from] NameTooLong),
}

/// Who stands for what, in the order in which they came.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Ballots {
    elections: BTreeMap<String, Election>,
    /// What each session stands for.
    stands: BTreeMap<SessionId, BTreeSet<String>>,
    epochs: u64,
}

/// The first one leads.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Election {
    line: VecDeque<(SessionId, String)>,
    epoch: u64,
}

impl Election {
    fn leader(&self) -> Option<Leader> {
        let (session, candidate) = self.line.front()?.clone();
        Some(Leader { session, candidate, epoch: self.epoch })
    }
}

impl Ballots {
    /// Says who leads, after that has changed.
    fn inaugurate(&mut self, cx: &mut ElectionsCx, name: &String) {
        let Some(election) = self.elections.get_mut(name) else { return };
        if election.line.is_empty() {
            self.elections.remove(name);
            return cx.emit_elected(name, None);
        }
        self.epochs += 1;
        election.epoch = self.epochs;
        cx.emit_elected(name, election.leader());
    }

    fn withdraw(&mut self, cx: &mut ElectionsCx, name: &String, session: SessionId) {
        let Some(election) = self.elections.get_mut(name) else { return };
        let led = election.line.front().is_some_and(|first| first.0 == session);
        election.line.retain(|candidate| candidate.0 != session);
        if led {
            self.inaugurate(cx, name);
        }
    }
}

impl Elections for Ballots {
    fn stand(
        &mut self,
        cx: &mut ElectionsCx,
        election: String,
        candidate: String,
    ) -> Result<Standing, NotStanding> {
        names::check(&election)?;
        names::check(&candidate)?;
        let session = cx.session().ok_or(NotStanding::NoSession)?;
        let line = &mut self.elections.entry(election.clone()).or_default().line;
        let ahead = match line.iter().position(|it| it.0 == session) {
            Some(place) => {
                line[place].1 = candidate;
                place
            }
            None => {
                line.push_back((session, candidate));
                self.stands.entry(session).or_default().insert(election.clone());
                if line.len() == 1 {
                    self.inaugurate(cx, &election);
                }
                self.elections[&election].line.len() - 1
            }
        };
        Ok(match ahead {
            0 => Standing::Leads { epoch: self.elections[&election].epoch },
            ahead => Standing::Waits { ahead: ahead as u64 },
        })
    }

    fn resign(&mut self, cx: &mut ElectionsCx, election: String) -> bool {
        let Some(session) = cx.session() else { return false };
        let Some(stands) = self.stands.get_mut(&session) else { return false };
        let stood = stands.remove(&election);
        if stands.is_empty() {
            self.stands.remove(&session);
        }
        self.withdraw(cx, &election, session);
        stood
    }

    fn gone(&mut self, cx: &mut ElectionsCx, session: SessionId) {
        for election in self.stands.remove(&session).unwrap_or_default() {
            self.withdraw(cx, &election, session);
        }
    }

    fn leader(&self, election: String) -> Option<Leader> {
        self.elections.get(&election)?.leader()
    }

    fn candidates(&self, election: String) -> u64 {
        self.elections.get(&election).map_or(0, |election| election.line.len() as u64)
    }
}
