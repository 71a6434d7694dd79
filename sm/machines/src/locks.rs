//! Locks and semaphores with fencing tokens.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use quorate_sm::courier::{CallError, Doubt};
use quorate_sm::{Caller, Lost, SessionId, Subscription, machine};
use serde::{Deserialize, Serialize};

use crate::names::{self, NameTooLong};

/// Locks, which one session holds at a time, and semaphores, which several do.
///
/// A lock is there as soon as somebody wants it, and gone when nobody does. What a session holds or waits for is
/// given up when the session ends.
#[machine(brief, schema = "schemas/locks.schema")]
pub trait Locks {
    /// Takes one of the permits of `name`, of which there are so many: one for a lock. If there is none left, the
    /// session waits in line, or does not, and leaves the line if it was in it. Whoever asks again for what it
    /// holds gets the same token.
    fn acquire(
        &mut self,
        cx: &mut LocksCx,
        name: String,
        permits: u32,
        waits: bool,
    ) -> Result<Acquired, NotAcquired>;
    /// Gives up what the session holds of `name`, or its place in the line; says whether it had any.
    fn release(&mut self, cx: &mut LocksCx, name: String) -> bool;
    #[session_ended]
    fn gone(&mut self, cx: &mut LocksCx, session: SessionId);
    /// Who holds `name`, in the order in which they got it.
    fn holders(&self, name: String) -> Vec<Holder>;
    /// How many wait for `name`.
    fn waiting(&self, name: String) -> u64;
    /// What becomes of `name`.
    fn moved(name: String) -> Move;
}

/// Whoever holds a lock, or one permit of a semaphore.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Holder {
    /// The session.
    pub session: SessionId,
    /// Its fencing token: greater than those of all who held anything in this machine before. Whoever is asked
    /// to do something under a lock refuses a token that is less than one it has seen (Kleppmann, "How to
    /// do distributed locking", 2016).
    pub fence: u64,
}

/// What became of a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Move {
    /// Somebody holds it from now on.
    Granted(Holder),
    /// This session holds it no longer, or does not wait for it any more: by its own wish, or because it ended.
    GivenUp(SessionId),
}

/// What came of asking for a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Acquired {
    /// The session holds it.
    Held(Holder),
    /// It will be told by [`moved`](LocksClient::moved).
    Waits {
        /// The session that waits.
        session: SessionId,
        /// How many come first.
        ahead: u64,
    },
    /// Others hold it.
    Busy,
}

/// Why a lock cannot be had at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error, Serialize, Deserialize)]
pub enum NotAcquired {
    /// Nobody could tell when the caller is gone.
    #[error("a lock is held by a session, and the caller has none")]
    NoSession,
    /// Nobody could ever hold it.
    #[error("a semaphore without permits")]
    NoPermits,
    /// Others use it as one with so many permits.
    #[error("it has {permits} permits as long as somebody uses it")]
    OtherPermits {
        /// How many it has.
        permits: u32,
    },
    /// The name.
    #[error(transparent)]
    Name(#[from] NameTooLong),
}

/// Who holds what.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct LockTable {
    locks: BTreeMap<String, Lock>,
    /// What each session holds or waits for.
    wanted: BTreeMap<SessionId, BTreeSet<String>>,
    fences: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
struct Lock {
    permits: u32,
    holders: Vec<Holder>,
    line: VecDeque<SessionId>,
}

impl Lock {
    fn has_free_permit(&self) -> bool {
        (self.holders.len() as u64) < u64::from(self.permits)
    }
}

impl LockTable {
    /// How many locks are used.
    pub fn count(&self) -> usize {
        self.locks.len()
    }

    /// Gives free permits to those who come first, and forgets a lock that nobody wants.
    fn settle(&mut self, cx: &mut LocksCx, name: &String) {
        let Some(lock) = self.locks.get_mut(name) else { return };
        while lock.has_free_permit()
            && let Some(session) = lock.line.pop_front()
        {
            self.fences += 1;
            let holder = Holder { session, fence: self.fences };
            lock.holders.push(holder);
            cx.emit_moved(name, Move::Granted(holder));
        }
        if lock.holders.is_empty() {
            self.locks.remove(name);
        }
    }

    fn give_up(&mut self, cx: &mut LocksCx, name: &String, session: SessionId) -> bool {
        let Some(lock) = self.locks.get_mut(name) else { return false };
        let before = lock.holders.len() + lock.line.len();
        lock.holders.retain(|holder| holder.session != session);
        lock.line.retain(|&waiting| waiting != session);
        let had_any = lock.holders.len() + lock.line.len() < before;
        if had_any {
            cx.emit_moved(name, Move::GivenUp(session));
        }
        self.settle(cx, name);
        had_any
    }

    fn forget(&mut self, name: &String, session: SessionId) {
        if let Some(wanted) = self.wanted.get_mut(&session) {
            wanted.remove(name);
            if wanted.is_empty() {
                self.wanted.remove(&session);
            }
        }
    }
}

impl Locks for LockTable {
    fn acquire(
        &mut self,
        cx: &mut LocksCx,
        name: String,
        permits: u32,
        waits: bool,
    ) -> Result<Acquired, NotAcquired> {
        names::check(&name)?;
        let session = cx.session().ok_or(NotAcquired::NoSession)?;
        if permits == 0 {
            return Err(NotAcquired::NoPermits);
        }
        let (holders, line) = (Vec::new(), VecDeque::new());
        let lock = self.locks.entry(name.clone()).or_insert(Lock { permits, holders, line });
        if lock.permits != permits {
            return Err(NotAcquired::OtherPermits { permits: lock.permits });
        }
        if let Some(&holder) = lock.holders.iter().find(|holder| holder.session == session) {
            return Ok(Acquired::Held(holder));
        }
        if !waits && !lock.has_free_permit() {
            self.give_up(cx, &name, session);
            self.forget(&name, session);
            return Ok(Acquired::Busy);
        }
        if !lock.line.contains(&session) {
            lock.line.push_back(session);
        }
        self.wanted.entry(session).or_default().insert(name.clone());
        self.settle(cx, &name);
        let lock = &self.locks[&name];
        Ok(match lock.line.iter().position(|&waiting| waiting == session) {
            Some(ahead) => Acquired::Waits { session, ahead: ahead as u64 },
            None => Acquired::Held(*lock.holders.last().expect("it was granted")),
        })
    }

    fn release(&mut self, cx: &mut LocksCx, name: String) -> bool {
        let Some(session) = cx.session() else { return false };
        self.forget(&name, session);
        self.give_up(cx, &name, session)
    }

    fn gone(&mut self, cx: &mut LocksCx, session: SessionId) {
        for name in self.wanted.remove(&session).unwrap_or_default() {
            self.give_up(cx, &name, session);
        }
    }

    fn holders(&self, name: String) -> Vec<Holder> {
        self.locks.get(&name).map(|lock| lock.holders.clone()).unwrap_or_default()
    }

    fn waiting(&self, name: String) -> u64 {
        self.locks.get(&name).map_or(0, |lock| lock.line.len() as u64)
    }
}

/// What a client holds, until it releases it, or its session ends.
#[derive(Debug)]
pub struct Held<C> {
    locks: LocksClient<C>,
    name: String,
    /// Who holds it, and by which token: to be shown to whatever is done under the lock.
    pub holder: Holder,
    moves: Subscription<Move, C>,
}

/// Why a lock was not had.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be had.
    #[error(transparent)]
    Refused(#[from] NotAcquired),
    /// No server could be asked, or the answer is not known. The session may hold it, or stand in line.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl<C: Caller> LocksClient<C> {
    /// Waits until this client's session holds the lock.
    ///
    /// All clones of a client are one session: they hold a lock together, so this is no way to keep tasks of one
    /// process apart.
    ///
    /// Whoever drops the future stays in line: the session may hold the lock later, until it asks again or
    /// [releases](Self::release) it.
    ///
    /// # Errors
    /// See [`LockError`].
    pub async fn lock(&self, name: impl Into<String>) -> Result<Held<C>, LockError> {
        self.permit(name, 1).await
    }

    /// Waits until this client's session holds one of so many permits, as [`lock`](Self::lock) does.
    ///
    /// # Errors
    /// See [`LockError`].
    pub async fn permit(
        &self,
        name: impl Into<String>,
        permits: u32,
    ) -> Result<Held<C>, LockError> {
        let name = name.into();
        // Whoever listens first misses nothing.
        let mut moves = self.moved(name.clone()).await?;
        loop {
            let session = match self.acquire(name.clone(), permits, true).await?? {
                Acquired::Held(holder) => {
                    return Ok(Held { locks: self.clone(), name, holder, moves });
                }
                Acquired::Waits { session, .. } => session,
                Acquired::Busy => return Err(CallError::Unknown(Doubt::BadAnswer).into()),
            };
            // A session that ended lost its place: this client asks again in its next one.
            until(&mut moves, |moved| match moved {
                Move::Granted(holder) => holder.session == session,
                Move::GivenUp(other) => other == session,
            })
            .await?;
        }
    }
}

/// Waits for something to happen, or for not knowing whether it has.
async fn until<C: Caller>(
    moves: &mut Subscription<Move, C>,
    is_it: impl Fn(Move) -> bool,
) -> Result<(), CallError> {
    loop {
        match moves.next().await {
            Ok(notice) if is_it(notice.event) => return Ok(()),
            Ok(_) => {}
            Err(Lost::Gap(_)) => return Ok(()),
            Err(Lost::Call(error)) => return Err(error),
        }
    }
}

impl<C: Caller> Held<C> {
    /// Gives it up; says whether this session had it until now.
    ///
    /// # Errors
    /// See [`CallError`]: it may be held until the session ends.
    pub async fn release(self) -> Result<bool, CallError> {
        self.locks.release(self.name).await
    }

    /// Waits until it is held no longer: because the session ended, which a client that is cut off learns late,
    /// or because another clone of the client released it.
    ///
    /// # Errors
    /// [`CallError::NotApplied`] only.
    pub async fn lost(&mut self) -> Result<(), CallError> {
        loop {
            let holders = self.locks.holders(self.name.clone()).await?;
            if !holders.contains(&self.holder) {
                return Ok(());
            }
            let session = self.holder.session;
            until(&mut self.moves, |moved| moved == Move::GivenUp(session)).await?;
        }
    }
}
