//! The order under construction: what has its place, and how to take it back.

use super::plan::Plan;

/// A part of an order. Operations are added at its end and taken back from there.
pub(super) struct Order<'s, Op> {
    plan: &'s Plan<'s, Op>,
    /// What has its place, in order.
    items: Vec<Item>,
    /// The rank of the next answer whose operation has no place.
    blocking: usize,
    /// Which of `plan.completed` have their place.
    placed: Vec<bool>,
    /// The others as a list in the order of their invocations; the last place is its anchor.
    next: Vec<usize>,
    prev: Vec<usize>,
    /// The slots of operations that have their place although their answers come later.
    early: Vec<u64>,
    /// Which of `plan.pending` have their place, as bits.
    taken: Vec<u64>,
    /// For each kind of these, how many have.
    taken_of: Vec<usize>,
}

/// An operation in an order.
#[derive(Clone, Copy)]
pub(super) enum Item {
    /// Of `plan.completed`, and what was blocking before.
    Completed { place: usize, blocking: usize },
    /// Of `plan.pending`, and its kind.
    Pending { place: usize, kind: usize },
}

impl<'s, Op> Order<'s, Op> {
    pub(super) fn new(plan: &'s Plan<'s, Op>) -> Self {
        let completed = plan.completed.len();
        let ring = completed + 1;
        Self {
            plan,
            items: Vec::new(),
            blocking: 0,
            placed: vec![false; completed],
            next: (0..ring).map(|place| (place + 1) % ring).collect(),
            prev: (0..ring).map(|place| (place + completed) % ring).collect(),
            early: vec![0; plan.slots.div_ceil(64)],
            taken: vec![0; plan.pending.len().div_ceil(64)],
            taken_of: vec![0; plan.kinds.len()],
        }
    }

    pub(super) fn items(&self) -> &[Item] {
        &self.items
    }

    pub(super) const fn blocking(&self) -> usize {
        self.blocking
    }

    pub(super) fn placed(&self) -> &[bool] {
        &self.placed
    }

    pub(super) fn early(&self) -> &[u64] {
        &self.early
    }

    pub(super) fn taken(&self) -> &[u64] {
        &self.taken
    }

    pub(super) fn taken_of(&self) -> &[usize] {
        &self.taken_of
    }

    /// Has everything that answered its place?
    pub(super) fn is_complete(&self) -> bool {
        self.blocking == self.plan.returns.len()
    }

    /// The first of `plan.completed` that could be next; see [`candidate`](Self::candidate).
    pub(super) fn first_candidate(&self) -> usize {
        self.next[self.plan.completed.len()]
    }

    /// The candidate after this one; see [`candidate`](Self::candidate).
    pub(super) fn next_candidate(&self, place: usize) -> usize {
        self.next[place]
    }

    /// `place` itself, if it could be next: it has no place and was invoked before the blocking
    /// answer. If it could not, those after it neither.
    pub(super) fn candidate(&self, place: usize) -> Option<usize> {
        let operation = self.plan.completed.get(place)?;
        (operation.invoked < self.deadline()?).then_some(place)
    }

    /// The next member of a kind of `plan.pending`, if it could be next.
    pub(super) fn pending_candidate(&self, kind: usize) -> Option<usize> {
        let members = &self.plan.kinds[kind];
        let place = members.start + self.taken_of[kind];
        (place < members.end && self.plan.pending[place].invoked < self.deadline()?)
            .then_some(place)
    }

    pub(super) fn put_completed(&mut self, place: usize) {
        self.items.push(Item::Completed { place, blocking: self.blocking });
        let (next, prev) = (self.next[place], self.prev[place]);
        self.next[prev] = next;
        self.prev[next] = prev;
        self.placed[place] = true;
        self.flip_early(place);
        while let Some(&returning) = self.plan.returns.get(self.blocking)
            && self.placed[returning]
        {
            self.flip_early(returning);
            self.blocking += 1;
        }
    }

    pub(super) fn put_pending(&mut self, place: usize, kind: usize) {
        self.items.push(Item::Pending { place, kind });
        self.taken_of[kind] += 1;
        self.taken[place / 64] |= 1 << (place % 64);
    }

    /// Takes back all but the first `len` items.
    pub(super) fn undo_to(&mut self, len: usize) {
        while self.items.len() > len {
            match self.items.pop().expect("longer than nothing") {
                Item::Completed { place, blocking } => self.take_completed(place, blocking),
                Item::Pending { place, kind } => {
                    self.taken_of[kind] -= 1;
                    self.taken[place / 64] &= !(1 << (place % 64));
                }
            }
        }
    }

    fn take_completed(&mut self, place: usize, blocking: usize) {
        while self.blocking > blocking {
            self.blocking -= 1;
            self.flip_early(self.plan.returns[self.blocking]);
        }
        self.flip_early(place);
        self.placed[place] = false;
        let (next, prev) = (self.next[place], self.prev[place]);
        self.next[prev] = place;
        self.prev[next] = place;
    }

    fn flip_early(&mut self, place: usize) {
        let slot = self.plan.completed[place].slot;
        self.early[slot / 64] ^= 1 << (slot % 64);
    }

    /// When the blocking answer comes.
    fn deadline(&self) -> Option<u64> {
        let &place = self.plan.returns.get(self.blocking)?;
        Some(self.plan.completed[place].returned)
    }
}
