//! I5 and I9 of state machines: they apply what is committed, in order.

use quorate_core::{Entry, Index, LogId};

use super::properties::Properties;
use super::violation::{Checked, Property, hold};
use crate::digest::Digest;

/// What the state machine of one process was given.
pub struct Given {
    last: Index,
    log: Digest,
}

impl Given {
    /// Nothing yet.
    pub const NOTHING: Self = Self { last: Index(0), log: Digest::EMPTY };
}

impl Properties {
    /// A state machine begins with a snapshot.
    ///
    /// # Errors
    /// If that covers what is not committed.
    pub fn restored(&self, snapshot: LogId) -> Checked<Given> {
        if snapshot == LogId::ZERO {
            return Ok(Given::NOTHING);
        }
        let log = self.committed_log(snapshot.index);
        hold(log.is_some(), Property::StateMachineSafety, || {
            format!("a state machine begins with {snapshot:?}, which is not committed")
        })?;
        Ok(Given { last: snapshot.index, log: log.expect("held") })
    }

    /// A state machine is given entries; `commit` is what its server knows to be committed.
    ///
    /// # Errors
    /// If they are not the next that are.
    pub fn gives(&self, given: &mut Given, entries: &[Entry], commit: Index) -> Checked {
        for entry in entries {
            hold(entry.id.index == given.last.next(), Property::StateMachineSafety, || {
                format!("{:?} is applied after {:?}", entry.id, given.last)
            })?;
            given.last = entry.id.index;
            given.log = given.log.with_entry(entry);
        }
        hold(given.last <= commit, Property::StateMachineSafety, || {
            format!("{:?} is applied, {commit:?} is committed", given.last)
        })?;
        hold(
            given.last == Index(0) || self.committed_log(given.last) == Some(given.log),
            Property::StateMachineSafety,
            || format!("another log than the committed one is applied up to {:?}", given.last),
        )
    }
}
