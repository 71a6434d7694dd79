//! One direction of a connection: what waits in its process, and what is on the wire.

use std::collections::VecDeque;

use bytes::Bytes;

use super::framing::Framing;
use super::link::FOREVER;

/// Bytes that wait for room, or to be put on the wire.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    /// How many of the bytes that the process sent it stands for: none for what faults have added.
    pub(super) credit: u64,
}

impl Chunk {
    pub(super) const fn new(bytes: Bytes) -> Self {
        let credit = bytes.len() as u64;
        Self { bytes, credit }
    }

    /// What the process was told about before, or did not send.
    pub(super) const fn again(bytes: Bytes) -> Self {
        Self { bytes, credit: 0 }
    }

    /// Takes at most so many bytes off the front.
    pub(super) fn split_to(&mut self, bytes_max: usize) -> Self {
        let bytes = self.bytes.split_to(bytes_max.min(self.bytes.len()));
        let credit =
            if self.bytes.is_empty() { self.credit } else { self.credit.min(bytes.len() as u64) };
        self.credit -= credit;
        Self { bytes, credit }
    }
}

/// What travels, and when it arrives if nothing is in the way: neither a fault nor what was sent
/// before.
pub(super) struct Segment {
    pub(super) at: u64,
    pub(super) cargo: Cargo,
}

/// What travels.
pub(super) enum Cargo {
    /// The last word of the handshake of TCP: the acceptor gets to know the connection.
    Open,
    Bytes(Bytes),
    /// Nothing follows.
    Fin,
    /// The connection is no more.
    Reset,
}

/// The end of what a side says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fin {
    No,
    /// After what still waits.
    Wanted,
    /// Everything is on the wire.
    Sent,
}

/// Something could not be delivered, or not acknowledged, and is tried again and again.
#[derive(Clone, Copy)]
pub(super) struct Stuck {
    pub(super) since: u64,
    pub(super) retry_at: u64,
    pub(super) tries: u32,
    /// Does nothing arrive, or is it only acknowledgements that do not?
    pub(super) is_blocked: bool,
}

/// One direction of a connection.
pub(super) struct Pipe {
    pub(super) framing: Framing,
    pub(super) backlog: VecDeque<Chunk>,
    /// How many of the sent bytes wait in `backlog`.
    pub(super) unsent: u64,
    /// In the order in which it was sent, which is the order of arrival.
    pub(super) wire: VecDeque<Segment>,
    /// Bytes on the wire, and arrived but not acknowledged.
    pub(super) occupied: u64,
    /// Of these, those that have arrived.
    pub(super) unacked: u64,
    /// When the front of the wire will be looked at.
    pub(super) wake_at: Option<u64>,
    pub(super) stuck: Option<Stuck>,
    pub(super) stalled_until: u64,
    pub(super) is_paused: bool,
    pub(super) fin: Fin,
    /// A reset is on the wire: what is sent after it goes nowhere.
    pub(super) is_broken: bool,
}

impl Pipe {
    pub(super) fn new(is_between_servers: bool) -> Self {
        Self {
            framing: Framing::new(is_between_servers),
            backlog: VecDeque::new(),
            unsent: 0,
            wire: VecDeque::new(),
            occupied: 0,
            unacked: 0,
            wake_at: None,
            stuck: None,
            stalled_until: 0,
            is_paused: false,
            fin: Fin::No,
            is_broken: false,
        }
    }

    /// Puts something on the wire, behind all that is there.
    pub(super) fn load(&mut self, at: u64, cargo: Cargo) {
        if let Cargo::Bytes(bytes) = &cargo {
            self.occupied += bytes.len() as u64;
        }
        self.wire.push_back(Segment { at, cargo });
    }

    /// Breaks off: a reset follows what is on the wire, and nothing follows that.
    pub(super) fn break_off(&mut self, at: u64) {
        if !self.is_broken {
            self.is_broken = true;
            self.load(at, Cargo::Reset);
        }
    }

    /// Nobody is left who could end a stall that would last for ever.
    pub(super) const fn orphan(&mut self, now: u64, give_up_ns: u64) {
        if self.stalled_until == FOREVER {
            self.stalled_until = now.saturating_add(give_up_ns);
        }
    }

    /// What the process has not handed over is gone.
    pub(super) fn drop_backlog(&mut self) {
        self.backlog.clear();
        self.unsent = 0;
        self.framing = Framing::new(false);
    }

    /// Everything is gone.
    pub(super) fn clear(&mut self) {
        self.drop_backlog();
        self.wire.clear();
        (self.occupied, self.unacked, self.stuck) = (0, 0, None);
    }

    /// When the front of the wire must be looked at next, on a link that is held until then;
    /// `None` if something else has to happen first.
    pub(super) fn next_wake(&self, held_until: u64) -> Option<u64> {
        let retry_at = self.stuck.map(|stuck| stuck.retry_at);
        if self.stuck.is_some_and(|stuck| stuck.is_blocked) {
            return retry_at;
        }
        let front = self.wire.front().filter(|_| !self.is_paused);
        let front = front.map(|front| front.at.max(self.stalled_until).max(held_until));
        match (front, retry_at) {
            (Some(front), Some(retry)) => Some(front.min(retry)),
            (front, retry) => front.or(retry),
        }
        .filter(|&at| at != FOREVER)
    }
}
