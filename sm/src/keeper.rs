//! Which sessions a leader lets expire.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use quorate_core::{Index, Instant};

use crate::envelope::{Envelope, SessionId};

/// Finds the sessions whose clients are silent, while its server leads.
///
/// Expiry is a command like any other, so the clock of one server only ever *asks* for it. Time
/// counts in favour of the clients:
/// 1. it starts anew with each leader, since clients may not have reached the one before;
/// 2. it stands still while nobody looks: a leader that slept through a minute would otherwise find
///    everybody silent for a minute.
///
/// ```
/// use core::time::Duration;
/// use quorate_core::{Index, Instant};
/// use quorate_sm::{Envelope, SessionId, SessionKeeper};
///
/// let silent = SessionId(Index(3));
/// let mut keeper = SessionKeeper::new(Duration::from_secs(8));
/// assert_eq!(keeper.deadline(), None, "a follower expires nothing");
///
/// keeper.become_leader(Instant(0));
/// let mut expired = Vec::new();
/// while expired.is_empty() {
///     let now = keeper.deadline().unwrap();
///     expired = keeper.poll(now, [(silent, Index(7))]);
/// }
/// assert_eq!(expired, [Envelope::ExpireSession { session: silent, last_active: Index(7) }]);
/// ```
#[derive(Clone, Debug)]
pub struct SessionKeeper {
    timeout: Duration,
    watch: Option<Watch>,
}

/// One leadership's view of the clients.
#[derive(Clone, Debug)]
struct Watch {
    polled: Instant,
    /// Time that counts.
    watched: Duration,
    seen: BTreeMap<SessionId, Seen>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    last_active: Index,
    /// In time that counts.
    since: Duration,
}

impl SessionKeeper {
    /// The most sessions that one poll expires; the next one takes up the rest.
    pub const EXPIRED_MAX: usize = 1024;

    /// A follower's keeper. A session expires after at least `timeout` of silence, and at most
    /// half as much again if it is polled in time.
    ///
    /// # Panics
    /// If the timeout is less than 4 ns.
    pub fn new(timeout: Duration) -> Self {
        assert!(timeout / 4 > Duration::ZERO, "a timeout of {timeout:?}");
        Self { timeout, watch: None }
    }

    /// This server leads from `now` on: every session has a full timeout from here.
    pub fn become_leader(&mut self, now: Instant) {
        let seen = BTreeMap::new();
        self.watch = Some(Watch { polled: now, watched: Duration::ZERO, seen });
    }

    /// This server leads no longer.
    pub fn become_follower(&mut self) {
        self.watch = None;
    }

    /// When to poll next; earlier is harmless, later keeps sessions longer.
    pub fn deadline(&self) -> Option<Instant> {
        self.watch.as_ref().map(|watch| watch.polled.after(self.stride()))
    }

    /// What to propose at `now`, given [`Sessions::activity`](crate::Sessions::activity). What gets
    /// lost is proposed again after another timeout.
    pub fn poll(
        &mut self,
        now: Instant,
        activity: impl IntoIterator<Item = (SessionId, Index)>,
    ) -> Vec<Envelope<'static>> {
        let stride = self.stride();
        let Some(watch) = &mut self.watch else { return Vec::new() };
        watch.watched += now.since(watch.polled).min(stride);
        watch.polled = watch.polled.max(now);
        watch.observe(activity);
        watch.expired(self.timeout)
    }

    /// How far apart two looks may be.
    fn stride(&self) -> Duration {
        self.timeout / 4
    }
}

impl Watch {
    fn observe(&mut self, activity: impl IntoIterator<Item = (SessionId, Index)>) {
        let since = self.watched;
        let seen = |(id, last_active)| match self.seen.get(&id) {
            Some(&seen) if seen.last_active == last_active => (id, seen),
            _ => (id, Seen { last_active, since }),
        };
        self.seen = activity.into_iter().map(seen).collect();
    }

    fn expired(&mut self, timeout: Duration) -> Vec<Envelope<'static>> {
        let mut expired = Vec::new();
        for (&session, seen) in &mut self.seen {
            if self.watched - seen.since >= timeout && expired.len() < SessionKeeper::EXPIRED_MAX {
                seen.since = self.watched;
                let last_active = seen.last_active;
                expired.push(Envelope::ExpireSession { session, last_active });
            }
        }
        expired
    }
}
