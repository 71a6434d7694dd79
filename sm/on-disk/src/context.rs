//! What a command does beside the rows, and the record of it.

use std::time::Duration;

use bytes::Bytes;
use quorate_sm::{Context, Index, SessionId, Time, TimerId};
use serde::{Deserialize, Serialize};

/// What a command may know and do beside the rows: a [`Context`], of which is written down what was done.
#[derive(Debug)]
pub struct Cx<'c> {
    pub(crate) inner: &'c mut Context,
    pub(crate) deeds: Vec<Deed>,
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Deed {
    Published { topic: Bytes, body: Bytes },
    Armed { after: Duration, what: Bytes },
    Disarmed(TimerId),
}

/// What came of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The [digest](crate::history::History::digest) of all calls up to this one.
    pub(crate) digest: u64,
    pub(crate) answer: Bytes,
    pub(crate) deeds: Vec<Deed>,
}

impl Record {
    /// Does beside the rows what was done then.
    pub(crate) fn repeat(self, cx: &mut Context) -> Bytes {
        for deed in self.deeds {
            match deed {
                Deed::Published { topic, body } => cx.publish(topic, body),
                Deed::Armed { after, what } => drop(cx.arm(after, what)),
                Deed::Disarmed(timer) => drop(cx.disarm(timer).then_some(())),
            }
        }
        self.answer
    }
}

impl Cx<'_> {
    /// See [`Context::index`].
    pub fn index(&self) -> Index {
        self.inner.index()
    }

    /// See [`Context::session`].
    pub fn session(&self) -> Option<SessionId> {
        self.inner.session()
    }

    /// See [`Context::now`].
    pub fn now(&self) -> Time {
        self.inner.now()
    }

    /// See [`Context::arm`].
    pub fn arm(&mut self, after: Duration, what: Bytes) -> TimerId {
        self.deeds.push(Deed::Armed { after, what: what.clone() });
        self.inner.arm(after, what)
    }

    /// See [`Context::disarm`].
    pub fn disarm(&mut self, timer: TimerId) -> bool {
        self.deeds.push(Deed::Disarmed(timer));
        self.inner.disarm(timer)
    }

    /// See [`Context::publish`].
    pub fn publish(&mut self, topic: Bytes, body: Bytes) {
        self.deeds.push(Deed::Published { topic: topic.clone(), body: body.clone() });
        self.inner.publish(topic, body);
    }

    /// See [`Context::random`].
    pub fn random(&mut self) -> u64 {
        self.inner.random()
    }
}
