//! One client's session: which of its commands were applied, and what they were answered.

use alloc::collections::VecDeque;

use bytes::Bytes;
use quorate_core::Index;
use serde::{Deserialize, Serialize};

use crate::envelope::Sequence;

/// What every replica remembers of one client (thesis 6.3).
///
/// ```text
///     forgotten       answered     a gap  answered
/// |----------------|--------------|......|--|..............|   sequence
///         acknowledged_below     next                  window ends
/// ```
///
/// Invariants:
/// 1. `answers` ascends strictly and lies within `acknowledged_below ..` and the window;
/// 2. `next` is the lowest number from `acknowledged_below` on that is not in `answers`;
/// 3. `answer_bytes` is the cost of `answers`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) nonce: u128,
    /// The last entry that was this client's.
    pub(crate) last_active: Index,
    pub(crate) acknowledged_below: Sequence,
    pub(crate) next: Sequence,
    pub(crate) answer_bytes: u64,
    answers: VecDeque<(Sequence, Bytes)>,
}

/// What an answer costs beside its bytes, so that empty ones count too.
const ANSWER_OVERHEAD_BYTES: u64 = 64;

impl Session {
    pub(crate) fn new(nonce: u128, opened: Index) -> Self {
        Self {
            nonce,
            last_active: opened,
            acknowledged_below: Sequence(0),
            next: Sequence(0),
            answer_bytes: 0,
            answers: VecDeque::new(),
        }
    }

    /// Forgets the answers below `below`; an older acknowledgement that comes late changes nothing.
    pub(crate) fn acknowledge(&mut self, below: Sequence) {
        if below <= self.acknowledged_below {
            return;
        }
        self.acknowledged_below = below;
        let kept = self.position(below).unwrap_or_else(|after| after);
        for (_, answer) in self.answers.drain(..kept) {
            self.answer_bytes -= cost_bytes(&answer);
        }
        if self.next < below {
            self.next = below;
            self.skip_answered();
        }
    }

    pub(crate) fn answer_to(&self, sequence: Sequence) -> Option<&Bytes> {
        let at = self.position(sequence).ok()?;
        Some(&self.answers[at].1)
    }

    /// Remembers an answer.
    ///
    /// # Panics
    /// If the number is acknowledged or has an answer: the command was applied twice.
    pub(crate) fn record(&mut self, sequence: Sequence, answer: Bytes) {
        assert!(sequence >= self.acknowledged_below, "{sequence:?} is acknowledged");
        self.answer_bytes += cost_bytes(&answer);
        match self.position(sequence) {
            Ok(_) => panic!("{sequence:?} has its answer"),
            Err(at) => self.answers.insert(at, (sequence, answer)),
        }
        if sequence == self.next {
            self.skip_answered();
        }
    }

    fn skip_answered(&mut self) {
        let from = self.position(self.next).unwrap_or_else(|after| after);
        for (sequence, _) in self.answers.range(from..) {
            if *sequence != self.next {
                break;
            }
            self.next = self.next.next();
        }
    }

    /// Where the number is, or would be.
    fn position(&self, sequence: Sequence) -> Result<usize, usize> {
        match self.answers.back() {
            // A client's commands mostly come in order.
            Some((last, _)) if *last < sequence => Err(self.answers.len()),
            _ => self.answers.binary_search_by_key(&sequence, |(sequence, _)| *sequence),
        }
    }
}

fn cost_bytes(answer: &Bytes) -> u64 {
    answer.len() as u64 + ANSWER_OVERHEAD_BYTES
}
