//! The search for an order of the operations of one part.
//!
//! After Wing and Gong (1993), with Lowe's memory of visited configurations (2017): walk through
//! time; while some answer is *blocking* (it comes next and its operation has no place in the order
//! yet), place any operation that was invoked before it; go back when nothing fits. A
//! *configuration* is the blocking answer, the operations that have a place although their answers
//! come later, the operations without answer that have a place, and the state.
//!
//! What makes it quick:
//! 1. An operation that only observes, and fits, is placed at once: it stands in nobody's way, and
//!    where it stands later in some order it could as well stand here.
//! 2. An operation that never answered is placed only if it changes the state and if whatever is
//!    placed next notices: else the order without it is as good. It is never placed last.
//! 3. Those that do the same are placed in the order of their invocations.
//! 4. A configuration is not tried when one was that differs only in having placed fewer of those:
//!    the other could do all that this one can.
//! 5. A configuration is not tried when it leaves an answer without [hope](Outlook).
//! 6. States that nobody can tell apart [count as one](States).
//!
//! Together they are sound since an order with the fewest operations that never answered survives
//! each of them: rules 1 and 3 only exchange operations, 2 and 4 only drop some that never answered,
//! and 5 and 6 lose nothing.

use super::budget::{Meter, Undecided};
use super::model::Model;
use super::order::{Item, Order};
use super::outlook::{Outlook, Progress};
use super::plan::Plan;
use super::states::States;
use super::table::Covers;

/// How a search ended; operations are named by their index among those given.
pub(super) enum Found {
    /// An order that explains every answer.
    Order(Vec<usize>),
    /// There is none.
    Nothing(Furthest),
    /// The meter allowed no more.
    Undecided(Undecided, Furthest),
}

/// How far a search came.
pub(super) struct Furthest {
    /// The order that got past the most answers.
    pub(super) prefix: Vec<usize>,
    /// What was open then and had no place although it answered, in the order of the answers.
    pub(super) unplaced: Vec<usize>,
    /// The last of the answers at which attempts ended: if there is no order, then there is none
    /// that gets past this one.
    pub(super) culprit: usize,
}

/// Searches for an order of the operations of `plan`, from the state `init`; returns also the steps
/// that it took. Without `outlook` it takes longer to find that there is no order, and comes
/// further until then.
pub(super) fn search<M: Model>(
    plan: &Plan<'_, M::Op>,
    init: usize,
    states: States<'_, M>,
    outlook: Option<&Outlook>,
    meter: Meter<'_>,
) -> (Found, u64) {
    let mut search = Search {
        plan,
        states,
        outlook,
        meter,
        order: Order::new(plan),
        seen: Covers::new(KEY_WORDS + plan.slots.div_ceil(64), plan.pending.len().div_ceil(64)),
        key: Vec::new(),
        frames: Vec::new(),
        best: Best { blocking: 0, items: Vec::new(), shared: 0 },
        culprit: 0,
    };
    let found = match search.run(init) {
        Ok(true) => Found::Order(search.indices(search.order.items())),
        Ok(false) => Found::Nothing(search.furthest()),
        Err(why) => Found::Undecided(why, search.furthest()),
    };
    (found, search.meter.steps)
}

struct Search<'s, 'b, M: Model> {
    plan: &'s Plan<'s, M::Op>,
    states: States<'s, M>,
    outlook: Option<&'s Outlook>,
    meter: Meter<'b>,
    order: Order<'s, M::Op>,
    seen: Covers,
    /// Space for a key.
    key: Vec<u64>,
    /// The way to the present configuration.
    frames: Vec<Frame>,
    best: Best,
    /// The highest rank of an answer that an attempt failed at.
    culprit: usize,
}

/// A configuration on the way, and what is untried there.
#[derive(Clone, Copy)]
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
    /// Operations that answered from this place on, then those that never did.
    Completed(usize),
    /// Operations that never answered, from this kind on.
    Pending(usize),
}

/// The order that got furthest.
struct Best {
    blocking: usize,
    items: Vec<Item>,
    /// How much of it the present order has shared ever since.
    shared: usize,
}

/// The words of a configuration's key before those of the slots.
const KEY_WORDS: usize = 2;

impl<M: Model> Search<'_, '_, M> {
    /// Is there an order? It is in place then.
    fn run(&mut self, init: usize) -> Result<bool, Undecided> {
        if self.is_doomed_at_first(init) {
            return Ok(false);
        }
        self.enter(Frame { state: init, ..Frame::default() }, None);
        while !self.order.is_complete() {
            self.meter.allows(self.states.bytes() + self.seen.bytes())?;
            let Some(&frame) = self.frames.last() else {
                return Ok(false);
            };
            let order_len = self.order.items().len();
            match frame.untried {
                Untried::Completed(place) => {
                    if let Some(state) = self.place_completed(frame, place) {
                        let next = Frame { state, order_len, ..Frame::default() };
                        self.enter(next, Some(frame.state));
                    }
                }
                Untried::Pending(kind) => match self.place_pending(frame, kind) {
                    Some(state) => {
                        let unnoticed = Some(frame.state);
                        let next = Frame { state, unnoticed, order_len, ..Frame::default() };
                        self.enter(next, Some(frame.state));
                    }
                    None => self.go_back(frame),
                },
            }
        }
        Ok(true)
    }

    /// Enters the configuration after a move from the state `left`, unless that is known to lead
    /// nowhere.
    fn enter(&mut self, mut frame: Frame, left: Option<usize>) {
        let moved = self.order.items().len();
        self.place_observers(frame.state);
        if self.order.is_complete() {
            return;
        }
        // An observer that fits now did not before, or it would stand there.
        frame.unnoticed = frame.unnoticed.filter(|_| self.order.items().len() == moved);
        if !self.is_doomed(frame.state, left) && self.is_new(frame.state) {
            frame.untried = Untried::Completed(self.order.first_candidate());
            self.frames.push(frame);
        } else {
            self.undo_to(frame.order_len);
        }
    }

    /// Rule 1.
    fn place_observers(&mut self, state: usize) {
        let mut from = self.order.first_candidate();
        while let Some(place) = self.order.candidate(from) {
            from = self.order.next_candidate(place);
            let operation = &self.plan.completed[place];
            if operation.only_observes {
                self.meter.steps += 1;
                if self.states.fits(state, operation.op) {
                    self.order.put_completed(place);
                }
            }
        }
    }

    /// Places the next operation from `from` on that answered and fits; returns the state after it.
    fn place_completed(&mut self, frame: Frame, mut from: usize) -> Option<usize> {
        while let Some(place) = self.order.candidate(from) {
            from = self.order.next_candidate(place);
            let operation = &self.plan.completed[place];
            // Observers that fit have their place already.
            if !operation.only_observes
                && let Some(after) = self.step_ahead(frame.state, operation.op)
                && self.is_noticed(frame, operation.op, after)
            {
                self.go_on_with(Untried::Completed(from));
                self.order.put_completed(place);
                return Some(after);
            }
        }
        self.go_on_with(Untried::Pending(0));
        None
    }

    /// Rules 2 and 3: places the next operation from kind `from` on that never answered and changes
    /// the state; returns the state after it.
    fn place_pending(&mut self, frame: Frame, from: usize) -> Option<usize> {
        for kind in from..self.plan.kinds.len() {
            let Some(place) = self.order.pending_candidate(kind) else { continue };
            let op = self.plan.pending[place].op;
            if let Some(after) = self.step_ahead(frame.state, op)
                && after != frame.state
                && self.is_noticed(frame, op, after)
            {
                self.go_on_with(Untried::Pending(kind + 1));
                self.order.put_pending(place, kind);
                return Some(after);
            }
        }
        None
    }

    /// Rule 2: would `op` have led elsewhere without the operation before it?
    fn is_noticed(&mut self, frame: Frame, op: &M::Op, after: usize) -> bool {
        frame.unnoticed.is_none_or(|before| self.step(before, op) != Some(after))
    }

    /// Rule 4; remembers the configuration. That its next operation must notice the last one does
    /// not matter: what that excludes is tried where the last one was not placed.
    fn is_new(&mut self, state: usize) -> bool {
        self.key.clear();
        self.key.extend([self.order.blocking() as u64, state as u64]);
        self.key.extend_from_slice(self.order.early());
        self.seen.insert(&self.key, self.order.taken())
    }

    /// Rule 5.
    fn is_doomed(&mut self, state: usize, left: Option<usize>) -> bool {
        let Some(outlook) = self.outlook else { return false };
        let doomed = outlook.doomed(self.plan, &self.states, &self.progress(state, left));
        self.culprit = self.culprit.max(doomed.unwrap_or(0));
        doomed.is_some()
    }

    /// Rule 5 for answers that not even the beginning leaves a hope.
    fn is_doomed_at_first(&mut self, state: usize) -> bool {
        let Some(outlook) = self.outlook else { return false };
        let doomed = outlook.doomed_at_first(self.plan, &self.states, &self.progress(state, None));
        self.culprit = self.culprit.max(doomed.unwrap_or(0));
        doomed.is_some()
    }

    fn progress(&self, state: usize, left: Option<usize>) -> Progress<'_> {
        Progress {
            state,
            left,
            blocking: self.order.blocking(),
            placed: self.order.placed(),
            taken_of: self.order.taken_of(),
        }
    }

    /// A step that spoils nothing, as far as is known.
    fn step_ahead(&mut self, state: usize, op: &M::Op) -> Option<usize> {
        let after = self.step(state, op)?;
        if self.outlook.is_some() && self.states.spoils(state, op) {
            // Nobody says which answer.
            self.culprit = self.plan.returns.len() - 1;
            return None;
        }
        Some(after)
    }

    fn step(&mut self, state: usize, op: &M::Op) -> Option<usize> {
        self.meter.steps += 1;
        self.states.step(state, op)
    }

    fn go_on_with(&mut self, untried: Untried) {
        self.frames.last_mut().expect("a move starts from a frame").untried = untried;
    }

    /// Nothing is left to try in the last configuration.
    fn go_back(&mut self, frame: Frame) {
        self.note_best();
        self.culprit = self.culprit.max(self.order.blocking());
        self.frames.pop();
        self.undo_to(frame.order_len);
    }

    fn undo_to(&mut self, order_len: usize) {
        self.best.shared = self.best.shared.min(order_len);
        self.order.undo_to(order_len);
    }

    fn note_best(&mut self) {
        let (best, order) = (&mut self.best, &self.order);
        let items = order.items();
        if (order.blocking(), items.len()) > (best.blocking, best.items.len()) {
            best.blocking = order.blocking();
            best.items.truncate(best.shared);
            best.items.extend_from_slice(&items[best.shared..]);
            best.shared = items.len();
        }
    }

    fn furthest(&mut self) -> Furthest {
        self.note_best();
        let mut placed = vec![false; self.plan.completed.len()];
        for item in &self.best.items {
            if let Item::Completed { place, .. } = *item {
                placed[place] = true;
            }
        }
        let left = &self.plan.returns[self.best.blocking..];
        let deadline = left.first().map(|&place| self.plan.completed[place].returned);
        let unplaced = left.iter().map(|&place| (placed[place], &self.plan.completed[place]));
        let unplaced = unplaced
            .filter(|(placed, operation)| !placed && Some(operation.invoked) < deadline)
            .map(|(_, operation)| operation.index);
        Furthest {
            prefix: self.indices(&self.best.items),
            unplaced: unplaced.collect(),
            culprit: self.plan.completed[self.plan.returns[self.culprit]].index,
        }
    }

    fn indices(&self, items: &[Item]) -> Vec<usize> {
        let index = |item: &Item| match *item {
            Item::Completed { place, .. } => self.plan.completed[place].index,
            Item::Pending { place, .. } => self.plan.pending[place].index,
        };
        items.iter().map(index).collect()
    }
}

impl Default for Frame {
    fn default() -> Self {
        Self { state: 0, unnoticed: None, order_len: 0, untried: Untried::Completed(0) }
    }
}
