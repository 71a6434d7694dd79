//! Snapshots: taken now and then, and got from another server in some time, or not.

use quorate_core::{Event, Index, LogId, NodeId, SnapshotMeta};

use super::world::{Happening, World};
use crate::clock::nanos;
use crate::judge::{Checked, Property, hold};

impl World<'_> {
    /// A state machine that has got so far may begin to write down its state.
    pub(crate) fn may_take_snapshot(&mut self, at: usize, applied: Index) {
        if self.disk_rng.chance(self.options.snapshots_permille) {
            self.tell_later(at, Event::SnapshotTaken(applied));
        }
    }

    /// A leader's driver sends it, piece by piece; or has it no more; or something comes between.
    pub(crate) fn fetch_snapshot(
        &mut self,
        at: usize,
        from: NodeId,
        snapshot: Box<SnapshotMeta>,
    ) -> Checked {
        let covered = snapshot.last_included;
        let (id, place) = (self.servers[at].id, self.place(from));
        let kept = self.servers[place].disk.written().snapshot();
        match self.disk_rng.below(10) {
            0 => self.tell_later(at, Event::SnapshotUnavailable(covered)),
            1 => {
                self.tell_later(place, Event::SnapshotMissing { to: id });
                self.tell_later(at, Event::SnapshotUnavailable(covered));
            }
            _ => self.tell_later(at, Event::SnapshotFetched(snapshot)),
        }
        hold(kept.index >= covered.index, Property::MessagesAreTrue, || {
            format!("{from:?} offers {covered:?}, and took {kept:?} only")
        })
    }

    fn tell_later(&mut self, at: usize, event: Event) {
        // Some take long enough for leaderships to end and begin.
        let slower = if self.disk_rng.chance(200) { 100 } else { 4 };
        let delay = self.disk_rng.within(0, slower * nanos(self.options.disk_delay_max));
        let body = self.body(at);
        self.queue.plan(self.now + delay, Happening::Tell(body, event));
    }

    pub(crate) fn restore(&mut self, at: usize, snapshot: LogId) -> Checked {
        let server = &mut self.servers[at];
        let (id, durable) = (server.id, server.disk.durable());
        let is_durable = durable.base() == snapshot.index && durable.snapshot() == snapshot;
        let life = server.life.as_mut().expect("it has just stepped");
        hold(
            life.applied < snapshot.index && (is_durable || !self.checks.looks_into_disks),
            Property::EffectsAreWellFormed,
            || format!("{id:?} restores {snapshot:?} after {:?}: {is_durable}", life.applied),
        )?;
        life.applied = snapshot.index;
        self.report.restores += 1;
        Ok(())
    }

    pub(crate) fn compact(&mut self, at: usize, index: Index) -> Checked {
        let server = &mut self.servers[at];
        let covered = server.disk.durable().snapshot().index;
        hold(
            index <= covered || !self.checks.looks_into_disks,
            Property::NothingUndurableIsSaid,
            || format!("{:?} forgets all up to {index:?}, and kept {covered:?}", server.id),
        )?;
        server.disk.compact(index);
        self.report.compactions += 1;
        Ok(())
    }
}
