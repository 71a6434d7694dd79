//! A state, written down piece by piece while it goes on to change.

use alloc::boxed::Box;
use alloc::vec::Vec;

use serde::Serialize;

use crate::codec;

/// A state as of some moment, which is written down little by little.
///
/// What makes one should be cheap, because no command is applied meanwhile; the pieces are asked for
/// one at a time, between commands.
pub trait Capture: Send {
    /// Appends the next bytes, about `bytes_max` of them and at least one; says whether that was all.
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool;
}

/// A state that was written down at once: what a [`StateMachine`](crate::StateMachine) does unless it
/// knows better. Commands wait for as long as that takes.
#[derive(Clone, Debug)]
pub struct Encoded {
    bytes: Vec<u8>,
    at: usize,
}

impl Encoded {
    /// Writes a state down.
    ///
    /// # Panics
    /// If the type cannot be encoded at all: a map or sequence of unknown length.
    pub fn of<T: Serialize + ?Sized>(state: &T) -> Self {
        let mut bytes = Vec::new();
        codec::encode(state, &mut bytes);
        Self { bytes, at: 0 }
    }
}

impl Capture for Encoded {
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool {
        let stop = self.bytes.len().min(self.at.saturating_add(bytes_max));
        into.extend_from_slice(&self.bytes[self.at..stop]);
        self.at = stop;
        stop == self.bytes.len()
    }
}

/// The sessions of a replica, then its machine's state.
pub(crate) struct Replica {
    sessions: Option<Encoded>,
    machine: Box<dyn Capture>,
}

impl Replica {
    /// `sessions` come first, behind their length.
    pub(crate) fn new(sessions: &impl Serialize, machine: Box<dyn Capture>) -> Self {
        let mut encoded = Encoded::of(sessions);
        let length = encoded.bytes.len() as u64;
        encoded.bytes.splice(0..0, length.to_le_bytes());
        Self { sessions: Some(encoded), machine }
    }
}

impl Capture for Replica {
    fn write(&mut self, into: &mut Vec<u8>, bytes_max: usize) -> bool {
        match &mut self.sessions {
            Some(sessions) => {
                if sessions.write(into, bytes_max) {
                    self.sessions = None;
                }
                false
            }
            None => self.machine.write(into, bytes_max),
        }
    }
}

/// The bytes of the sessions and those of the machine, of a state that was written down.
pub(crate) fn split(state: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = state.split_first_chunk::<8>()?;
    rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)
}
