//! The search for an order of the operations of one part.
//!
//! After Wing and Gong (1993), with Lowe's memory of visited configurations (2017): walk through
//! time; while some answered operation is *blocking* (its answer comes next and it has no place in
//! the order yet), place any operation that was invoked before that answer; go back when nothing
//! fits. A *configuration* is the blocking answer, the operations that have a place although their
//! answers come later, the operations without answer that have a place, and the state.
//!
//! What makes it quick:
//! 1. An operation that only observes, and fits, is placed at once: it stands in nobody's way, and
//!    where it stands later in some order it could as well stand here.
//! 2. An operation that never answered is placed only if it changes the state and if whatever is
//!    placed next notices: else the order without it is as good. It is never placed last.
//! 3. Equal operations that never answered are placed in the order of their invocations.
//! 4. A configuration is not tried when one was that differs only in having placed fewer of those:
//!    the other could do all that this one can.
//!
//! Together they are sound since an order with the fewest operations that never answered survives
//! each of them: rules 1 and 3 only exchange operations, and rules 2 and 4 only drop others.

use super::budget::{Meter, Undecided};
use super::model::Model;
use super::plan::Plan;
use super::table::{Covers, Interner};

/// How a search ended; operations are named by their index among those given.
pub(super) enum Found {
    /// An order that explains every answer.
    Order(Vec<usize>),
    /// There is none.
    Nothing {
        /// The order that got past the most answers.
        prefix: Vec<usize>,
        /// What was open then and had no place, in the order of the answers.
        unplaced: Vec<usize>,
    },
}

/// Searches for an order of the operations of `plan`.
///
/// # Errors
/// When `meter` allows no more.
pub(super) fn search<M: Model>(
    model: &M,
    plan: &Plan<'_, M::Op>,
    meter: &mut Meter<'_, '_>,
) -> Result<Found, Undecided> {
    Search::new(model, plan, meter).run()
}

struct Search<'s, 'm, 'b, M: Model> {
    model: &'s M,
    plan: &'s Plan<'s, M::Op>,
    meter: &'s mut Meter<'m, 'b>,
    states: Interner<M::State>,
    states_bytes: usize,
    seen: Covers,
    /// The places in `plan.completed` that are not in the order, as a list; the last is its anchor.
    next: Vec<usize>,
    prev: Vec<usize>,
    placed: Vec<bool>,
    /// The place in `plan.returns` of the next answer whose operation is not in the order.
    blocking: usize,
    /// The slots of operations that are in the order although their answers come later.
    early: Vec<u64>,
    /// The places in `plan.pending` that are in the order, as bits.
    taken: Vec<u64>,
    /// For each kind of pending operations, how many are in the order.
    taken_of: Vec<usize>,
    /// The order so far.
    order: Vec<Placed>,
    frames: Vec<Frame>,
    best: Best,
    key: Vec<u64>,
}

#[derive(Clone, Copy)]
enum Placed {
    /// A place in `plan.completed`, and what was blocking before.
    Completed { place: usize, blocking: usize },
    /// A place in `plan.pending`, and its kind.
    Pending { place: usize, kind: usize },
}

/// A configuration on the way to the present one, and what was tried there.
struct Frame {
    state: usize,
    /// The state before the operation without answer that led here: what is placed next must tell
    /// the two states apart.
    unnoticed: Option<usize>,
    /// How long the order was before the move to this configuration.
    order_len: usize,
    untried: Untried,
}

#[derive(Clone, Copy)]
enum Untried {
    /// Answered operations from this place on, then those that never answered.
    Completed(usize),
    /// Operations that never answered, from this kind on.
    Pending(usize),
}

/// The order that got furthest.
struct Best {
    blocking: usize,
    order: Vec<Placed>,
    /// How much of it the present order has shared ever since.
    shared: usize,
}

impl<'s, 'm, 'b, M: Model> Search<'s, 'm, 'b, M> {
    fn new(model: &'s M, plan: &'s Plan<'s, M::Op>, meter: &'s mut Meter<'m, 'b>) -> Self {
        let completed = plan.completed.len();
        let early_words = plan.slots.div_ceil(64);
        let taken_words = plan.pending.len().div_ceil(64);
        Self {
            model,
            plan,
            meter,
            states: Interner::new(),
            states_bytes: 0,
            seen: Covers::new(KEY_WORDS + early_words, taken_words),
            next: (0..=completed).map(|place| (place + 1) % (completed + 1)).collect(),
            prev: (0..=completed).map(|place| (place + completed) % (completed + 1)).collect(),
            placed: vec![false; completed],
            blocking: 0,
            early: vec![0; early_words],
            taken: vec![0; taken_words],
            taken_of: vec![0; plan.kinds.len()],
            order: Vec::new(),
            frames: Vec::new(),
            best: Best { blocking: 0, order: Vec::new(), shared: 0 },
            key: Vec::new(),
        }
    }

    fn run(mut self) -> Result<Found, Undecided> {
        let init = self.intern(self.model.init());
        let mut done = self.enter(init, None, 0);
        while !done {
            self.meter.allows(self.states_bytes + self.seen.bytes())?;
            let Some(frame) = self.frames.last() else {
                return Ok(self.nothing());
            };
            let (state, unnoticed, order_len) = (frame.state, frame.unnoticed, self.order.len());
            done = match frame.untried {
                Untried::Completed(place) => match self.place_completed(state, unnoticed, place) {
                    Some(after) => self.enter(after, None, order_len),
                    None => false,
                },
                Untried::Pending(kind) => match self.place_pending(state, unnoticed, kind) {
                    Some(after) => self.enter(after, Some(state), order_len),
                    None => {
                        self.go_back();
                        false
                    }
                },
            };
        }
        Ok(Found::Order(self.order.iter().map(|&placed| self.index(placed)).collect()))
    }

    /// Enters the configuration after a move, unless it is known to lead nowhere. True when every
    /// answered operation has its place.
    fn enter(&mut self, state: usize, unnoticed: Option<usize>, order_len: usize) -> bool {
        let before = self.order.len();
        self.place_observers(state);
        if self.blocking == self.plan.returns.len() {
            return true;
        }
        // An observer that fits now did not before, or it would stand there.
        let unnoticed = unnoticed.filter(|_| self.order.len() == before);
        if self.is_new(state, unnoticed) {
            let first = self.next[self.plan.completed.len()];
            let untried = Untried::Completed(first);
            self.frames.push(Frame { state, unnoticed, order_len, untried });
        } else {
            self.undo_to(order_len);
        }
        false
    }

    /// Rule 1.
    fn place_observers(&mut self, state: usize) {
        let mut place = self.next[self.plan.completed.len()];
        while self.is_candidate(place) {
            let next = self.next[place];
            let operation = &self.plan.completed[place];
            if operation.only_observes && self.fits(state, operation.op) {
                self.put_completed(place);
            }
            place = next;
        }
    }

    /// The next answered operation from `place` on that fits is put into the order.
    fn place_completed(
        &mut self,
        state: usize,
        unnoticed: Option<usize>,
        mut place: usize,
    ) -> Option<usize> {
        while self.is_candidate(place) {
            let operation = &self.plan.completed[place];
            // Observers that fit are in the order already.
            if !operation.only_observes
                && let Some(after) = self.step(state, operation.op)
                && self.is_noticed_by(unnoticed, operation.op, after)
            {
                self.try_next(Untried::Completed(self.next[place]));
                self.put_completed(place);
                return Some(after);
            }
            place = self.next[place];
        }
        self.try_next(Untried::Pending(0));
        None
    }

    /// The next operation without answer from `kind` on that changes the state is put into the
    /// order: rules 2 and 3.
    fn place_pending(
        &mut self,
        state: usize,
        unnoticed: Option<usize>,
        kind: usize,
    ) -> Option<usize> {
        let deadline = self.plan.completed[self.plan.returns[self.blocking]].returned;
        for kind in kind..self.plan.kinds.len() {
            let members = &self.plan.kinds[kind];
            if self.plan.pending[members.start].invoked > deadline {
                break;
            }
            let place = members.start + self.taken_of[kind];
            if place == members.end || self.plan.pending[place].invoked > deadline {
                continue;
            }
            let op = self.plan.pending[place].op;
            if let Some(after) = self.step(state, op)
                && after != state
                && self.is_noticed_by(unnoticed, op, after)
            {
                self.try_next(Untried::Pending(kind + 1));
                self.taken_of[kind] += 1;
                self.taken[place / 64] |= 1 << (place % 64);
                self.order.push(Placed::Pending { place, kind });
                return Some(after);
            }
        }
        None
    }

    /// Rule 2: would `op` have led elsewhere without the operation before it?
    fn is_noticed_by(&mut self, unnoticed: Option<usize>, op: &M::Op, after: usize) -> bool {
        unnoticed.is_none_or(|before| self.step(before, op) != Some(after))
    }

    /// Rule 4, and remembers the configuration.
    fn is_new(&mut self, state: usize, unnoticed: Option<usize>) -> bool {
        self.key.clear();
        self.key.extend([self.blocking as u64, state as u64, u64::MAX]);
        self.key.extend_from_slice(&self.early);
        if let Some(unnoticed) = unnoticed {
            if self.seen.covers(&self.key, &self.taken) {
                return false;
            }
            self.key[2] = unnoticed as u64;
        }
        self.seen.insert(&self.key, &self.taken)
    }

    fn is_candidate(&self, place: usize) -> bool {
        place < self.plan.completed.len()
            && self.blocking < self.plan.returns.len()
            && self.plan.completed[place].invoked
                < self.plan.completed[self.plan.returns[self.blocking]].returned
    }

    fn try_next(&mut self, untried: Untried) {
        self.frames.last_mut().expect("a move starts from a frame").untried = untried;
    }

    fn put_completed(&mut self, place: usize) {
        self.order.push(Placed::Completed { place, blocking: self.blocking });
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

    fn undo_to(&mut self, order_len: usize) {
        self.best.shared = self.best.shared.min(order_len);
        while self.order.len() > order_len {
            match self.order.pop().expect("longer than nothing") {
                Placed::Completed { place, blocking } => self.take_completed(place, blocking),
                Placed::Pending { place, kind } => {
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

    /// Nothing is left to try in the present configuration.
    fn go_back(&mut self) {
        let ahead = (self.blocking, self.order.len()) > (self.best.blocking, self.best.order.len());
        if ahead {
            let best = &mut self.best;
            best.blocking = self.blocking;
            best.order.truncate(best.shared);
            best.order.extend_from_slice(&self.order[best.shared..]);
            best.shared = self.order.len();
        }
        let frame = self.frames.pop().expect("there was something to try");
        self.undo_to(frame.order_len);
    }

    fn nothing(mut self) -> Found {
        let prefix = self.best.order.iter().map(|&placed| self.index(placed)).collect();
        for placed in std::mem::take(&mut self.best.order) {
            if let Placed::Completed { place, .. } = placed {
                self.put_completed(place);
            }
        }
        let unplaced = self.plan.returns[self.blocking..]
            .iter()
            .filter(|&&place| !self.placed[place] && self.is_candidate(place))
            .map(|&place| self.plan.completed[place].index)
            .collect();
        Found::Nothing { prefix, unplaced }
    }

    fn index(&self, placed: Placed) -> usize {
        match placed {
            Placed::Completed { place, .. } => self.plan.completed[place].index,
            Placed::Pending { place, .. } => self.plan.pending[place].index,
        }
    }

    fn fits(&mut self, state: usize, op: &M::Op) -> bool {
        self.meter.steps += 1;
        self.model.step(self.states.get(state), op).is_some()
    }

    fn step(&mut self, state: usize, op: &M::Op) -> Option<usize> {
        self.meter.steps += 1;
        let after = self.model.step(self.states.get(state), op)?;
        Some(self.intern(after))
    }

    fn intern(&mut self, state: M::State) -> usize {
        let bytes = size_of::<M::State>() + 16 + self.model.heap_bytes(&state);
        let (number, new) = self.states.number(state);
        self.states_bytes += if new { bytes } else { 0 };
        number
    }
}

/// The words of a configuration's key before those of `early`.
const KEY_WORDS: usize = 3;
