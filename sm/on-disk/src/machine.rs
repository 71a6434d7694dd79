//! A machine on a file, as its replica sees it.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use quorate_sm::{
    ByteMachine, Capture, Context, Digest, EventLimits, Index, Load, SessionId, Undecodable,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::capture::{Failure, Head, RowsCapture, decode};
use crate::context::{Cx, Record};
use crate::file::{OpenError, StateFile};
use crate::history::{Fault, History, Occasion};
use crate::loading::{LoadError, Loading};
use crate::rows::{RowError, Rows, View};

/// A state machine whose state is rows in a file. What it does depends on nothing but the rows and what it is
/// given, as with any [`StateMachine`](quorate_sm::StateMachine); and so do its answers.
pub trait DiskMachine: Send + 'static {
    /// What changes the rows.
    type Command: Serialize + DeserializeOwned + Send + 'static;
    /// What a command is answered with.
    type Answer: Serialize + DeserializeOwned + Send + 'static;
    /// What looks at the rows.
    type Query: Serialize + DeserializeOwned + Send + 'static;
    /// What a query is answered with.
    type QueryAnswer: Serialize + DeserializeOwned + Send + 'static;

    /// Carries out a command. If it fails, nothing of it is in the file.
    ///
    /// # Errors
    /// Only those of `rows`: the server ends.
    fn apply(
        &self,
        rows: &mut Rows<'_>,
        cx: &mut Cx<'_>,
        command: Self::Command,
    ) -> Result<Self::Answer, RowError>;

    /// Answers a query from the rows as of a moment.
    ///
    /// # Errors
    /// Only those of `view`.
    fn query(&self, view: &View, query: Self::Query) -> Result<Self::QueryAnswer, RowError>;

    /// See [`StateMachine::fire`](quorate_sm::StateMachine::fire).
    ///
    /// # Errors
    /// Only those of `rows`: the server ends.
    fn fire(&self, rows: &mut Rows<'_>, cx: &mut Cx<'_>, what: &[u8]) -> Result<(), RowError> {
        let (_, _, _) = (rows, cx, what);
        Ok(())
    }

    /// See [`StateMachine::session_ended`](quorate_sm::StateMachine::session_ended).
    ///
    /// # Errors
    /// Only those of `rows`: the server ends.
    fn session_ended(
        &self,
        rows: &mut Rows<'_>,
        cx: &mut Cx<'_>,
        session: SessionId,
    ) -> Result<(), RowError> {
        let (_, _, _) = (rows, cx, session);
        Ok(())
    }

    /// See [`StateMachine::event_limits`](quorate_sm::StateMachine::event_limits).
    fn event_limits(&self) -> EventLimits {
        EventLimits::default()
    }
}

/// A [`DiskMachine`] and its file, as a machine of a replica.
#[derive(Debug)]
pub struct OnDisk<M> {
    machine: M,
    file: StateFile,
    /// What is in the file.
    applied: History,
    /// What the log has given out since the start, and before that as far as it is known.
    current: History,
    /// Nothing was given out since the start.
    is_fresh: bool,
    /// How many calls are in the file and would not outlast a crash.
    unsynced: u32,
    failure: Failure,
    /// What is about to take the place of the rows.
    loading: Option<Loading>,
}

/// So many calls may have to be done again after a crash, from the log: a sync for each would cost more.
const UNSYNCED_MAX: u32 = 1024;

impl<M: DiskMachine> OnDisk<M> {
    /// So much of a file is kept in memory unless something else is said.
    pub const CACHE_BYTES: usize = 256 << 20;

    /// A machine on this file, which is made if there is none. Up to [`CACHE_BYTES`](Self::CACHE_BYTES) of it
    /// are kept in memory.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: impl AsRef<Path>, machine: M) -> Result<Self, OpenError> {
        Self::open_with_cache(path, Self::CACHE_BYTES, machine)
    }

    /// As [`open`](Self::open), with so much in memory. It may be far less than the file has; what is read
    /// often should fit.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with_cache(
        path: impl AsRef<Path>,
        cache_bytes: usize,
        machine: M,
    ) -> Result<Self, OpenError> {
        let file = StateFile::open(path.as_ref(), cache_bytes)?;
        let applied = file.applied()?;
        Ok(Self {
            machine,
            file,
            applied,
            current: History::default(),
            is_fresh: true,
            unsynced: 0,
            failure: Failure::default(),
            loading: None,
        })
    }

    /// The entry that the file is as of, at least.
    pub fn applied(&self) -> Index {
        Index(self.applied.last.index)
    }

    /// The next call of the log: done, or answered as it was when it was done.
    fn call(
        &mut self,
        cx: &mut Context,
        occasion: Occasion<'_>,
        work: impl FnOnce(&M, &mut Rows<'_>, &mut Cx<'_>) -> Result<Bytes, RowError>,
    ) -> Bytes {
        let before = self.current;
        self.current = before.then(cx, occasion);
        if self.failure.get().is_some() {
            return Bytes::new();
        }
        let done = self.try_call(cx, before, work);
        self.is_fresh = false;
        done.unwrap_or_else(|error| {
            self.failure.get_or_init(|| error.to_string());
            Bytes::new()
        })
    }

    fn try_call(
        &mut self,
        cx: &mut Context,
        before: History,
        work: impl FnOnce(&M, &mut Rows<'_>, &mut Cx<'_>) -> Result<Bytes, RowError>,
    ) -> Result<Bytes, Fault> {
        let Self { current, applied, .. } = *self;
        if before == applied {
            return self.perform(cx, work);
        }
        match self.file.record(current.last)? {
            Some(record) if record.digest == current.digest => Ok(record.repeat(cx)),
            // The log begins before what is remembered: with its first entry, or it would have a snapshot.
            None if self.is_fresh && current.begins_as(applied) => {
                self.file.change(true, |change| change.clear())?;
                self.perform(cx, work)
            }
            _ => Err(Fault::OtherLog(applied)),
        }
    }

    fn perform(
        &mut self,
        cx: &mut Context,
        work: impl FnOnce(&M, &mut Rows<'_>, &mut Cx<'_>) -> Result<Bytes, RowError>,
    ) -> Result<Bytes, Fault> {
        let (machine, current) = (&self.machine, self.current);
        // Between entries, so that what outlasts a crash is whole ones.
        if self.unsynced >= UNSYNCED_MAX && current.last.nth == 0 {
            self.file.change(true, |_| Ok(()))?;
            self.unsynced = 0;
        }
        let answer = self.file.change(false, |change| {
            let mut cx = Cx { inner: cx, deeds: Vec::new() };
            let answer = work(machine, &mut change.rows()?, &mut cx)?;
            let record = Record { digest: current.digest, answer, deeds: cx.deeds };
            change.done(current, &record)?;
            Ok(record.answer)
        })?;
        self.unsynced += 1;
        self.applied = current;
        Ok(answer)
    }

    fn try_capture(&self) -> Result<RowsCapture, RowError> {
        let Self { current, applied, file, .. } = self;
        let records = file.records_after(current.last)?;
        let head = Head { current: *current, applied: *applied, records };
        file.change(true, |change| change.capture(*current))?;
        RowsCapture::of(head, &file.view()?, Arc::clone(&self.failure))
    }
}

impl<M: DiskMachine> ByteMachine for OnDisk<M> {
    fn apply_bytes(
        &mut self,
        cx: &mut Context,
        command: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        let occasion = Occasion::Command(command);
        let command: M::Command = decode(command)?;
        let answered = self.call(cx, occasion, |machine, rows, cx| {
            machine.apply(rows, cx, command).map(|answer| encode(&answer))
        });
        answer.extend_from_slice(&answered);
        Ok(())
    }

    fn query_bytes(&self, query: &[u8], answer: &mut Vec<u8>) -> Result<(), Undecodable> {
        let query = decode(query)?;
        let answered = self.file.view().and_then(|view| self.machine.query(&view, query));
        match answered {
            Ok(answered) => answer.extend_from_slice(&encode(&answered)),
            Err(error) => drop(self.failure.get_or_init(|| error.to_string())),
        }
        Ok(())
    }

    fn fire(&mut self, cx: &mut Context, what: &[u8]) {
        self.call(cx, Occasion::Timer(what), |machine, rows, cx| {
            machine.fire(rows, cx, what).map(|()| Bytes::new())
        });
    }

    fn session_ended(&mut self, cx: &mut Context, session: SessionId) {
        self.call(cx, Occasion::SessionEnded, |machine, rows, cx| {
            machine.session_ended(rows, cx, session).map(|()| Bytes::new())
        });
    }

    fn event_limits(&self) -> EventLimits {
        self.machine.event_limits()
    }

    fn needs_time(&self) -> bool {
        true
    }

    fn failure(&self) -> Option<String> {
        self.failure.get().cloned()
    }

    fn reflects(&self) -> Index {
        self.applied()
    }

    fn capture(&self) -> Box<dyn Capture> {
        match self.try_capture() {
            Ok(capture) => Box::new(capture),
            Err(error) => {
                self.failure.get_or_init(|| error.to_string());
                Box::new(quorate_sm::Encoded::of(&()))
            }
        }
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Undecodable> {
        self.abandon();
        self.load(state)?;
        self.finish()
    }

    fn loader(&mut self) -> Option<&mut dyn Load> {
        Some(self)
    }

    fn digest_into(&self, digest: &mut Digest) {
        let rows = self.file.view().and_then(|view| view.list(b"", b"", usize::MAX));
        digest.put(&rows.ok());
    }
}

impl<M: DiskMachine> Load for OnDisk<M> {
    fn load(&mut self, part: &[u8]) -> Result<(), Undecodable> {
        let mut loading = self.loading.take().unwrap_or_default();
        loading.take_in(part, self.applied, &self.file).map_err(|why| self.not_loaded(why))?;
        self.loading = Some(loading);
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Undecodable> {
        let finished = self.loading.take().ok_or(Undecodable)?.finish();
        let (current, applied) = finished.map_err(|why| self.not_loaded(why))?;
        self.applied = applied.unwrap_or(self.applied);
        self.current = current;
        self.is_fresh = false;
        Ok(())
    }

    fn abandon(&mut self) {
        self.loading = None;
    }
}

impl<M> OnDisk<M> {
    fn not_loaded(&self, why: LoadError) -> Undecodable {
        if let LoadError::Fault(why) = why {
            self.failure.get_or_init(|| why.to_string());
        }
        Undecodable
    }
}

impl<M> Drop for OnDisk<M> {
    fn drop(&mut self) {
        // There is one change of the file at a time.
        self.loading = None;
        // What is not synced is done again from the log.
        let _ = self.file.change(true, |_| Ok(()));
    }
}

fn encode<T: Serialize>(value: &T) -> Bytes {
    postcard::to_allocvec(value).expect("postcard can encode it").into()
}
