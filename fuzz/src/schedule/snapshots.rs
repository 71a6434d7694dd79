//! Snapshots: taken, offered, got or not, and what they stand for.

use quorate_core::{Append, Entries, Event, Index, LogId, SnapshotChange, Write};

use super::cluster::Cluster;

impl Cluster {
    pub(super) fn take_snapshot(&mut self, at: usize) {
        if let Some(life) = &self.servers[at].life {
            let index = life.applied;
            self.step(at, Event::SnapshotTaken(index));
        }
    }

    pub(super) fn get_snapshot(&mut self, at: usize) {
        let Some(life) = &mut self.servers[at].life else { return };
        if let Some((_, snapshot)) = life.wanted.take() {
            self.step(at, Event::SnapshotFetched(snapshot));
        }
    }

    pub(super) fn lose_snapshot(&mut self, at: usize, is_told: usize) {
        let Some(life) = &mut self.servers[at].life else { return };
        let Some((from, snapshot)) = life.wanted.take() else { return };
        self.step(at, Event::SnapshotUnavailable(snapshot.last_included));
        if is_told % 2 == 1 {
            let (from, to) = (usize::try_from(from.get() - 1), self.servers[at].config.id);
            self.step(from.expect("servers are few"), Event::SnapshotMissing { to });
        }
    }

    /// What a write means for the log as a whole: a snapshot that takes the place of a log makes it
    /// the committed one up to there (thesis 5.3).
    pub(super) fn spelled_out(&mut self, mut write: Write) -> Write {
        match write.snapshot.as_deref() {
            None => {}
            Some(SnapshotChange::Covers(snapshot)) => {
                self.laws.covered_by(snapshot);
                self.history.snapshots += 1;
            }
            Some(SnapshotChange::Replaces(snapshot)) => {
                let mut entries = self.laws.covered_by(snapshot);
                if let Some(more) = write.append.take() {
                    assert_eq!(more.prev, snapshot.last_included, "the log starts after it");
                    entries.extend_from_slice(&more.entries);
                }
                let entries = Entries::new(entries).expect("a log");
                write.append = Some(Append { prev: LogId::ZERO, entries });
            }
        }
        write
    }

    /// The state machine begins anew, from what is durable.
    pub(super) fn restore(&mut self, at: usize, snapshot: LogId) {
        let server = &mut self.servers[at];
        let durable = &server.disk.durable;
        assert_eq!((durable.base, durable.covered()), (snapshot.index, snapshot), "not durable");
        let life = server.life.as_mut().expect("it has just stepped");
        assert!(life.applied < snapshot.index, "a state goes back");
        life.applied = snapshot.index;
        self.history.restores += 1;
    }

    /// The log forgets nothing but what a snapshot covers, durably.
    pub(super) fn compact(&mut self, at: usize, index: Index) {
        let disk = &mut self.servers[at].disk;
        assert!(index <= disk.durable.covered().index, "what no snapshot covers is forgotten");
        disk.durable.base = disk.durable.base.max(index);
        disk.written.base = disk.written.base.max(index);
        self.history.compactions += 1;
    }
}
