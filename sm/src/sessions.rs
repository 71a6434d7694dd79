//! All sessions of a log: who is known, and whether a command is to be applied (thesis 6.3).

use alloc::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::Index;
use serde::{Deserialize, Serialize};

use crate::envelope::{Order, Sequence, SessionId, Stamp};
use crate::outcome::Rejection;
use crate::session::Session;

/// How much the replicas remember of their clients.
///
/// Part of the replicated state, hence the same on every replica of a group for as long as the group
/// lives: replicas that differ here answer differently. At worst a replica holds
/// `sessions_max * (answer_bytes_max + the largest answer)` bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionLimits {
    /// One more session evicts the least recently active one.
    pub sessions_max: u32,
    /// How far the number of a command may be above the lowest one that is not acknowledged.
    pub window: u32,
    /// Beyond this many bytes of unacknowledged answers, 64 for each counted in, a session's
    /// commands are rejected.
    pub answer_bytes_max: u64,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { sessions_max: 4096, window: 1024, answer_bytes_max: 256 * 1024 }
    }
}

/// The sessions of a log. A function of the log, like the state machine next to it.
///
/// A number of a session has one fate: once it has an answer, be it the machine's or a rejection
/// for good, every copy of the command gets the same bytes until the client acknowledges them, and
/// no copy is applied after that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sessions {
    limits: SessionLimits,
    by_id: BTreeMap<SessionId, Session>,
    /// Follows from `by_id`.
    #[serde(skip)]
    by_nonce: BTreeMap<u128, SessionId>,
}

/// What to do with a session's command.
#[derive(Debug)]
pub(crate) enum Admission<'a> {
    /// Give this answer, from an earlier copy.
    Answered(Bytes),
    /// Give this rejection, and forget it.
    Rejected(Rejection),
    /// Give this rejection, and record it.
    Refused(Slot<'a>, Rejection),
    /// Apply, and record the answer.
    Apply(Slot<'a>),
}

/// The place for an answer.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    session: &'a mut Session,
    sequence: Sequence,
}

impl Slot<'_> {
    pub(crate) fn record(self, answer: Bytes) {
        self.session.record(self.sequence, answer);
    }
}

impl Sessions {
    pub(crate) fn new(limits: SessionLimits) -> Self {
        assert!(limits.sessions_max > 0, "a log without sessions");
        assert!(limits.window > 0, "sessions without commands");
        Self { limits, by_id: BTreeMap::new(), by_nonce: BTreeMap::new() }
    }

    /// The sessions as they were written down, with what follows from that.
    pub(crate) fn restored(mut self) -> Option<Self> {
        for (&id, session) in &self.by_id {
            self.by_nonce.insert(session.nonce, id);
        }
        let is_sane = self.limits.sessions_max > 0
            && self.limits.window > 0
            && self.by_nonce.len() == self.by_id.len();
        is_sane.then_some(self)
    }

    /// How much is remembered.
    pub const fn limits(&self) -> SessionLimits {
        self.limits
    }

    /// How many sessions there are.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Is there no session?
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Every session and its last entry, for a [`SessionKeeper`](crate::SessionKeeper).
    pub fn activity(&self) -> impl Iterator<Item = (SessionId, Index)> + '_ {
        self.by_id.iter().map(|(&id, session)| (id, session.last_active))
    }

    /// Opens the session of `nonce`, unless it is open; names the one that had to make room for it.
    pub(crate) fn open(&mut self, at: Index, nonce: u128) -> (SessionId, Option<SessionId>) {
        if let Some(&id) = self.by_nonce.get(&nonce) {
            let session = self.by_id.get_mut(&id).expect("each nonce has its session");
            session.last_active = at;
            return (id, None);
        }
        let is_full = self.by_id.len() as u64 >= u64::from(self.limits.sessions_max);
        let evicted = is_full.then(|| self.evict());
        let id = SessionId(at);
        let before = self.by_id.insert(id, Session::new(nonce, at));
        assert!(before.is_none(), "{id:?} was opened twice");
        self.by_nonce.insert(nonce, id);
        (id, evicted)
    }

    pub(crate) fn keep_alive(
        &mut self,
        at: Index,
        id: SessionId,
        acknowledged_below: Sequence,
    ) -> Result<(), Rejection> {
        self.touch(at, id)?.acknowledge(acknowledged_below);
        Ok(())
    }

    pub(crate) fn close(&mut self, id: SessionId) -> Result<(), Rejection> {
        let session = self.by_id.remove(&id).ok_or(Rejection::SessionExpired)?;
        self.by_nonce.remove(&session.nonce);
        Ok(())
    }

    /// Ends a session that was not active after `known`. The order of the log decides between an
    /// expiry and a sign of life, so all replicas agree, and a leader that is behind the times
    /// harms nobody.
    pub(crate) fn expire(&mut self, id: SessionId, known: Index) -> Result<(), Rejection> {
        let last_active = self.by_id.get(&id).ok_or(Rejection::SessionExpired)?.last_active;
        if last_active > known {
            return Err(Rejection::SessionActive { last_active });
        }
        self.close(id)
    }

    /// Is the command to be applied? Each of its copies is asked here.
    pub(crate) fn admit(&mut self, at: Index, stamp: Stamp) -> Admission<'_> {
        let SessionLimits { window, answer_bytes_max, .. } = self.limits;
        let Stamp { session, sequence, acknowledged_below, order } = stamp;
        let session = match self.touch(at, session) {
            Ok(session) => session,
            Err(why) => return Admission::Rejected(why),
        };
        session.acknowledge(acknowledged_below);

        let below = session.acknowledged_below;
        if sequence < below {
            return Admission::Rejected(Rejection::AlreadyAcknowledged { below });
        }
        if let Some(answer) = session.answer_to(sequence) {
            return Admission::Answered(answer.clone());
        }
        if sequence.0 - below.0 >= u64::from(window) {
            let limit = Sequence(below.0 + u64::from(window));
            return Admission::Rejected(Rejection::OutOfWindow { limit });
        }
        if order == Order::InSequence && sequence != session.next {
            return Admission::Rejected(Rejection::OutOfOrder { next: session.next });
        }
        // Recorded, unlike the two rejections before: the client may report this one as final, so
        // a late copy must not slip in when there is room again.
        let bytes = session.answer_bytes;
        if bytes >= answer_bytes_max {
            let why = Rejection::TooManyAnswerBytes { bytes, bytes_max: answer_bytes_max };
            return Admission::Refused(Slot { session, sequence }, why);
        }
        Admission::Apply(Slot { session, sequence })
    }

    fn touch(&mut self, at: Index, id: SessionId) -> Result<&mut Session, Rejection> {
        let session = self.by_id.get_mut(&id).ok_or(Rejection::SessionExpired)?;
        session.last_active = at;
        Ok(session)
    }

    /// Looks at all sessions, which is rare enough: only when one more opens than there may be.
    fn evict(&mut self) -> SessionId {
        // No two sessions were last active in the same entry.
        let oldest = self.activity().min_by_key(|&(_, last_active)| last_active);
        let (id, _) = oldest.expect("at least one session is allowed");
        self.close(id).expect("it was found");
        id
    }
}
