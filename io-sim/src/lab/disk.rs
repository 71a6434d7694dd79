//! One server's disk: writes become durable in order, some time after they were given.

use std::collections::VecDeque;

use quorate_core::{Ticket, Write};

use super::image::Image;
use super::violation::{Checked, Property, hold};

/// Invariant: `written` is `durable` with all of `pending` carried out.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// What a crash leaves.
    durable: Image,
    /// What the server believes to have written.
    written: Image,
    /// Given and not yet durable.
    pending: VecDeque<Write>,
    newest: Ticket,
    /// Is an answer under way?
    pub(crate) is_busy: bool,
}

impl Disk {
    pub(crate) fn durable(&self) -> &Image {
        &self.durable
    }

    pub(crate) fn written(&self) -> &Image {
        &self.written
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Takes a write. Says whether it discards entries.
    pub(crate) fn write(&mut self, write: Write) -> Checked<bool> {
        hold(write.ticket > self.newest, Property::EffectsAreWellFormed, || {
            format!("{:?} after {:?}", write.ticket, self.newest)
        })?;
        self.newest = write.ticket;
        let truncates = self.written.apply(&write)?;
        self.pending.push_back(write);
        Ok(truncates)
    }

    /// The first `count` writes reach the medium. Says which was the last, and whether entries
    /// were discarded.
    pub(crate) fn sync(&mut self, count: usize) -> (Option<Ticket>, bool) {
        let mut truncated = false;
        let mut last = None;
        for write in self.pending.drain(..count.min(self.pending.len())) {
            let applied = self.durable.apply(&write).expect("checked when it was written");
            truncated |= applied;
            last = Some(write.ticket);
        }
        (last, truncated)
    }

    /// Power is lost: `kept` more writes had reached the medium, unnoticed; the others are gone.
    pub(crate) fn crash(&mut self, kept: usize) {
        self.sync(kept);
        self.pending.clear();
        self.restore(self.durable.clone());
    }

    /// Puts another image in place of the durable one: for sabotage.
    pub(crate) fn restore(&mut self, durable: Image) {
        self.written = durable.clone();
        self.durable = durable;
        self.newest = Ticket(0);
        self.is_busy = false;
    }
}
