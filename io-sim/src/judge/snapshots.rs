//! Snapshots, as the judges see them: a log that starts after one holds what the snapshot covers all
//! the same, since it stands for it.

use quorate_core::{Append, Entries, Index, SnapshotChange, SnapshotMeta, Write};

use super::glance::{Glance, Witness};
use super::image::Image;
use super::properties::Properties;
use super::violation::{Checked, Property, hold};

impl Properties {
    /// What a write means for the log as a whole: a snapshot that takes the place of a log makes it
    /// the committed one up to there (thesis 5.3).
    ///
    /// # Errors
    /// If a snapshot covers what is not committed, or says another membership than the log.
    pub fn spelled_out(
        &self,
        mut write: Write,
        was: Glance,
        written: &Image,
        servers: &[impl Witness],
    ) -> Checked<Write> {
        match write.snapshot.as_deref() {
            None => {}
            Some(SnapshotChange::Covers(snapshot)) => self.is_true(snapshot, written)?,
            Some(SnapshotChange::Replaces(snapshot)) => {
                let index = snapshot.last_included.index;
                let committed = self.committed_log(index);
                let has_it =
                    |image: &&Image| committed.is_some() && image.digest(index) == committed;
                let donor = servers.iter().map(|server| server.ledger().written()).find(has_it);
                hold(donor.is_some(), Property::StateMachineSafety, || {
                    format!("{snapshot:?} takes the place of a log, and is not committed")
                })?;
                let donor = donor.expect("held");
                self.is_true(snapshot, donor)?;
                write.append = Some(whole(donor, was.commit, index, write.append.as_ref()));
            }
        }
        Ok(write)
    }

    /// A snapshot covers what is committed, and says who belonged to the cluster as of then.
    pub(crate) fn is_true(&self, snapshot: &SnapshotMeta, log: &Image) -> Checked {
        let covered = snapshot.last_included;
        let is_committed = log.term(covered.index) == Some(covered.term)
            && log.digest(covered.index) == self.committed_log(covered.index);
        hold(is_committed, Property::StateMachineSafety, || {
            format!("a snapshot covers {covered:?}, which is not committed")
        })?;
        let said_at = log.membership_at(covered.index);
        let is_said = snapshot.membership_at.index == said_at
            && log.term(said_at) == Some(snapshot.membership_at.term)
            && snapshot.membership == *self.rules(log, covered.index);
        hold(is_said, Property::StateMachineSafety, || {
            let rules = self.rules(log, covered.index);
            format!("{snapshot:?} instead of {rules:?} of {said_at:?}")
        })
    }
}

/// All of `donor` behind `from` and up to `to`, and what follows it.
fn whole(donor: &Image, from: Index, to: Index, more: Option<&Append>) -> Append {
    let prev = quorate_core::LogId {
        index: from,
        term: donor.term(from).expect("what is committed here is committed there"),
    };
    let covered = donor.read(from.next(), u64::MAX).up_to(to);
    let more = more.map(|append| append.entries.clone()).unwrap_or_default();
    Append { prev, entries: Entries::concat(&[covered, more]) }
}
