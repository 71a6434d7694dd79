//! A key-value store with keys that expire, as a user would write it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use quorate_sm::{SessionId, TimerId, machine};
use serde::{Deserialize, Serialize};

/// Values under keys.
#[machine(schema = "tests/machine/kv.schema")]
pub trait Kv {
    /// Sets `key`, returns the previous value. With a `ttl` the key expires.
    fn put(
        &mut self,
        cx: &mut KvCx,
        key: String,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Option<Bytes>;
    /// Removes `key`, returns its value.
    fn delete(&mut self, cx: &mut KvCx, key: String) -> Option<Bytes>;
    /// Holds `key` for as long as the client lives; says whether it could.
    fn hold(&mut self, cx: &mut KvCx, key: String) -> bool;
    #[timer]
    fn expire(&mut self, cx: &mut KvCx, key: String);
    #[session_ended]
    fn gone(&mut self, cx: &mut KvCx, session: SessionId);
    /// The value of `key`.
    fn get(&self, key: String) -> Option<Bytes>;
    /// All keys that begin so.
    #[read(Sequential)]
    fn keys(&self, prefix: String) -> Vec<String>;
    /// What becomes of `key`.
    fn changed(key: String) -> Change;
}

/// What became of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    Put(Bytes),
    Deleted,
    Expired,
}

/// The state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Store {
    values: BTreeMap<String, (Bytes, Option<TimerId>)>,
    held: BTreeMap<String, SessionId>,
}

impl Kv for Store {
    fn put(
        &mut self,
        cx: &mut KvCx,
        key: String,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Option<Bytes> {
        let timer = ttl.map(|ttl| cx.expire_after(ttl, key.clone()));
        cx.emit_changed(&key, Change::Put(value.clone()));
        let (old, stale) = self.values.insert(key, (value, timer))?;
        stale.map(|timer| cx.cancel(timer));
        Some(old)
    }

    fn delete(&mut self, cx: &mut KvCx, key: String) -> Option<Bytes> {
        let (old, timer) = self.values.remove(&key)?;
        timer.map(|timer| cx.cancel(timer));
        cx.emit_changed(key, Change::Deleted);
        Some(old)
    }

    fn hold(&mut self, cx: &mut KvCx, key: String) -> bool {
        let Some(session) = cx.session() else { return false };
        *self.held.entry(key).or_insert(session) == session
    }

    fn expire(&mut self, cx: &mut KvCx, key: String) {
        self.values.remove(&key);
        cx.emit_changed(key, Change::Expired);
    }

    fn gone(&mut self, cx: &mut KvCx, session: SessionId) {
        for (key, _) in self.held.extract_if(.., |_, holder| *holder == session) {
            cx.emit_changed(key, Change::Deleted);
        }
    }

    fn get(&self, key: String) -> Option<Bytes> {
        self.values.get(&key).map(|entry| entry.0.clone())
    }

    fn keys(&self, prefix: String) -> Vec<String> {
        let (values, held) = (self.values.keys(), self.held.keys());
        values.chain(held).filter(|key| key.starts_with(&prefix)).cloned().collect()
    }
}
