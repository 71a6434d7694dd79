use quorate_machines::locks::{
    Acquired, Holder, LockTable, Locks, LocksCx, LocksMachine, Move, NotAcquired,
};
use quorate_sm::SessionId;
use serde::{Deserialize, Serialize};

use crate::support;

/// Whoever wants anything, in the order in which they came.
#[derive(Default, Serialize, Deserialize)]
struct Wishes {
    all: Vec<Wish>,
    fences: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Wish {
    name: String,
    permits: u32,
    session: SessionId,
    fence: Option<u64>,
}

impl Wishes {
    fn holders_of(&self, name: &str) -> Vec<Holder> {
        let theirs = self.all.iter().filter(|wish| wish.name == name);
        let held = theirs.filter_map(|it| Some(Holder { session: it.session, fence: it.fence? }));
        let mut held: Vec<_> = held.collect();
        held.sort_by_key(|holder| holder.fence);
        held
    }

    fn grant(&mut self, cx: &mut LocksCx, name: &str) {
        loop {
            let held = self.holders_of(name).len();
            let next = self.all.iter_mut().find(|it| it.name == name && it.fence.is_none());
            let Some(next) = next.filter(|next| held < next.permits as usize) else { return };
            self.fences += 1;
            next.fence = Some(self.fences);
            let holder = Holder { session: next.session, fence: self.fences };
            cx.emit_moved(name.to_owned(), Move::Granted(holder));
        }
    }

    fn drop_wish(&mut self, cx: &mut LocksCx, name: &str, session: SessionId) -> bool {
        let before = self.all.len();
        self.all.retain(|wish| wish.name != name || wish.session != session);
        if self.all.len() == before {
            return false;
        }
        cx.emit_moved(name.to_owned(), Move::GivenUp(session));
        self.grant(cx, name);
        true
    }
}

impl Locks for Wishes {
    fn acquire(
        &mut self,
        cx: &mut LocksCx,
        name: String,
        permits: u32,
        waits: bool,
    ) -> Result<Acquired, NotAcquired> {
        let session = cx.session().ok_or(NotAcquired::NoSession)?;
        if permits == 0 {
            return Err(NotAcquired::NoPermits);
        }
        let wished = self.all.iter().find(|wish| wish.name == name);
        if let Some(other) = wished.filter(|wish| wish.permits != permits) {
            return Err(NotAcquired::OtherPermits { permits: other.permits });
        }
        if !self.all.iter().any(|wish| wish.name == name && wish.session == session) {
            self.all.push(Wish { name: name.clone(), permits, session, fence: None });
            self.grant(cx, &name);
            let held = self.holders_of(&name).iter().any(|holder| holder.session == session);
            if !held && !waits {
                self.all.pop();
            }
        }
        let held = self.holders_of(&name).into_iter().find(|holder| holder.session == session);
        if let Some(holder) = held {
            return Ok(Acquired::Held(holder));
        }
        if !waits {
            self.drop_wish(cx, &name, session);
            return Ok(Acquired::Busy);
        }
        let line = self.all.iter().filter(|wish| wish.name == name && wish.fence.is_none());
        let ahead = line.take_while(|wish| wish.session != session).count() as u64;
        Ok(Acquired::Waits { session, ahead })
    }

    fn release(&mut self, cx: &mut LocksCx, name: String) -> bool {
        cx.session().is_some_and(|session| self.drop_wish(cx, &name, session))
    }

    fn gone(&mut self, cx: &mut LocksCx, session: SessionId) {
        let theirs = self.all.iter().filter(|wish| wish.session == session);
        let mut names: Vec<_> = theirs.map(|wish| wish.name.clone()).collect();
        names.sort();
        for name in &names {
            self.drop_wish(cx, name, session);
        }
    }

    fn holders(&self, name: String) -> Vec<Holder> {
        self.holders_of(&name)
    }

    fn waiting(&self, name: String) -> u64 {
        self.all.iter().filter(|wish| wish.name == name && wish.fence.is_none()).count() as u64
    }
}

#[test]
fn locks_agree_with_a_list_of_wishes() {
    support::agree::<LocksMachine<LockTable>, LocksMachine<Wishes>>(200);
}

#[test]
fn locks_hold_in_a_world_of_faults() {
    quorate_io_sim::check!(
        LocksMachine<LockTable>,
        seeds = 4,
        holds = |locks| {
            // Few names are drawn.
            for name in ["", "a", "b", "c"] {
                let holders = locks.0.holders(name.to_owned());
                let waiting = locks.0.waiting(name.to_owned());
                let mut sessions: Vec<_> = holders.iter().map(|holder| holder.session).collect();
                sessions.dedup();
                if sessions.len() != holders.len() || (holders.is_empty() && waiting > 0) {
                    return Err(format!("{name} is held by {holders:?}, {waiting} wait"));
                }
            }
            Ok(())
        }
    );
}

/// What is kept of a session is gone with its last lock.
#[test]
fn nothing_is_left_of_who_has_released_all() {
    let mut locks = LockTable::default();
    let at = quorate_core::LogId::ZERO;
    let cx = |session| {
        let session = SessionId(quorate_core::Index(session));
        LocksCx::new(quorate_sm::Context::new(at, Some(session)))
    };
    for (session, waits) in [(1, true), (2, true), (3, false)] {
        locks.acquire(&mut cx(session), "a".into(), 1, waits).expect("a session");
        locks.acquire(&mut cx(session), "b".into(), 1, waits).expect("a session");
    }
    assert_eq!(locks.acquire(&mut cx(2), "b".into(), 1, false), Ok(Acquired::Busy));
    assert_eq!(locks.count(), 2);
    for session in [1, 2] {
        assert!(locks.release(&mut cx(session), "a".into()));
        assert!(!locks.release(&mut cx(session), "a".into()), "only once");
    }
    assert!(locks.release(&mut cx(1), "b".into()));
    assert_eq!(locks.count(), 0);
    let left = serde_json::to_string(&locks).expect("a state");
    assert_eq!(left, r#"{"locks":{},"wanted":{},"fences":3}"#);
}
