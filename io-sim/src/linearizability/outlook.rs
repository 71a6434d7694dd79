//! What is still ahead: which answers have become impossible.
//!
//! An operation whose answer fits one state only has no hope any more when neither the present
//! state leads there, nor any operation without a place, invoked before that answer, could set a
//! state that does.

use super::model::{Asks, Effect, Model};
use super::plan::Plan;
use super::states::States;

/// Who needs which state, and who could bring it about.
pub(super) struct Outlook {
    /// The answered operations that need a state, by rank.
    needy: Vec<Needy>,
    /// The states that are needed.
    needs: Vec<Need>,
    /// For the lowest numbers of states, their place in `needs`.
    need_of: Vec<Option<usize>>,
    /// Those that may set any state.
    wild: Setters,
}

#[derive(Clone, Copy)]
struct Needy {
    rank: usize,
    place: usize,
    /// Place in `needs`.
    need: usize,
}

struct Need {
    state: usize,
    /// Those that need it, by rank.
    needy: Vec<Needy>,
    /// Those that may set a state that leads there.
    setters: Setters,
}

#[derive(Default)]
struct Setters {
    /// Those that answered, by rank.
    completed: Vec<Setter>,
    /// Kinds of those that did not.
    kinds: Vec<usize>,
}

#[derive(Clone, Copy)]
struct Setter {
    rank: usize,
    place: usize,
    /// The first invocation from here on.
    earliest: u64,
}

/// How far a search is.
pub(super) struct Progress<'p> {
    pub(super) state: usize,
    /// The state before.
    pub(super) left: Option<usize>,
    pub(super) blocking: usize,
    pub(super) placed: &'p [bool],
    pub(super) taken_of: &'p [usize],
}

impl Outlook {
    pub(super) fn new<M: Model>(
        model: &M,
        plan: &Plan<'_, M::Op>,
        states: &mut States<'_, M>,
    ) -> Self {
        let (needy, needs, wild) = (Vec::new(), Vec::new(), Setters::default());
        let mut outlook = Self { needy, needs, need_of: Vec::new(), wild };
        for (rank, &place) in plan.returns.iter().enumerate() {
            if let Asks::For(state) = model.asks(plan.completed[place].op) {
                outlook.add_needy(states.number(state), rank, place);
            }
        }
        for (rank, &place) in plan.returns.iter().enumerate() {
            let operation = &plan.completed[place];
            let setter = Setter { rank, place, earliest: operation.invoked };
            let add = |setters: &mut Setters| setters.completed.push(setter);
            outlook.add_setter(states, model.effect(operation.op), add);
        }
        for (kind, members) in plan.kinds.iter().enumerate() {
            let effect = model.effect(plan.pending[members.start].op);
            outlook.add_setter(states, effect, |setters| setters.kinds.push(kind));
        }
        outlook.needs.iter_mut().for_each(|need| need.setters.settle());
        outlook.wild.settle();
        outlook
    }

    /// The rank of an answer that has become impossible.
    pub(super) fn doomed<M: Model>(
        &self,
        plan: &Plan<'_, M::Op>,
        states: &States<'_, M>,
        progress: &Progress<'_>,
    ) -> Option<usize> {
        let next = progress.first_of(&self.needy);
        // Those that needed a state that was left suffer most.
        let left = progress.left.filter(|&left| left != progress.state);
        let need = left.and_then(|left| *self.need_of.get(left)?);
        let behind = need.and_then(|need| progress.first_of(&self.needs[need].needy));
        let mut suspects = [next, behind].into_iter().flatten();
        let doomed = suspects.find(|&needy| !self.has_hope(plan, states, progress, needy));
        doomed.map(|needy| needy.rank)
    }

    /// The rank of an answer that is impossible from the beginning.
    pub(super) fn doomed_at_first<M: Model>(
        &self,
        plan: &Plan<'_, M::Op>,
        states: &States<'_, M>,
        progress: &Progress<'_>,
    ) -> Option<usize> {
        let mut needy = self.needy.iter();
        let doomed = needy.find(|&&needy| !self.has_hope(plan, states, progress, needy));
        doomed.map(|needy| needy.rank)
    }

    fn has_hope<M: Model>(
        &self,
        plan: &Plan<'_, M::Op>,
        states: &States<'_, M>,
        progress: &Progress<'_>,
        needy: Needy,
    ) -> bool {
        let Need { state, setters, .. } = &self.needs[needy.need];
        let deadline = plan.completed[needy.place].returned;
        states.leads(progress.state, *state)
            || setters.any_left(plan, progress, deadline)
            || self.wild.any_left(plan, progress, deadline)
    }

    fn add_needy(&mut self, state: usize, rank: usize, place: usize) {
        if self.need_of.len() <= state {
            self.need_of.resize(state + 1, None);
        }
        let need = *self.need_of[state].get_or_insert_with(|| {
            self.needs.push(Need { state, needy: Vec::new(), setters: Setters::default() });
            self.needs.len() - 1
        });
        let needy = Needy { rank, place, need };
        self.needy.push(needy);
        self.needs[need].needy.push(needy);
    }

    fn add_setter<M: Model>(
        &mut self,
        states: &mut States<'_, M>,
        effect: Effect<M::State>,
        mut add: impl FnMut(&mut Setters),
    ) {
        match effect {
            Effect::Observes | Effect::Grows => {}
            Effect::Any => add(&mut self.wild),
            Effect::Sets(state) => {
                let state = states.number(state);
                if states.grow() {
                    let needs = self.needs.iter_mut();
                    needs
                        .filter(|need| states.leads(state, need.state))
                        .for_each(|need| add(&mut need.setters));
                } else if let Some(&Some(need)) = self.need_of.get(state) {
                    add(&mut self.needs[need].setters);
                }
            }
        }
    }
}

impl Setters {
    fn settle(&mut self) {
        let mut earliest = u64::MAX;
        for setter in self.completed.iter_mut().rev() {
            earliest = earliest.min(setter.earliest);
            setter.earliest = earliest;
        }
    }

    /// Has one that was invoked before `deadline` no place yet?
    fn any_left<Op>(&self, plan: &Plan<'_, Op>, progress: &Progress<'_>, deadline: u64) -> bool {
        let returned = self.completed.partition_point(|setter| setter.rank < progress.blocking);
        let completed = &self.completed[returned..];
        let mut completed = completed.iter().take_while(|setter| setter.earliest < deadline);
        let mut kinds = self.kinds.iter();
        completed.any(|setter| {
            !progress.placed[setter.place] && plan.completed[setter.place].invoked < deadline
        }) || kinds.any(|&kind| {
            let members = &plan.kinds[kind];
            let place = members.start + progress.taken_of[kind];
            place < members.end && plan.pending[place].invoked < deadline
        })
    }
}

impl Progress<'_> {
    /// The one of lowest rank that has no place yet.
    fn first_of(&self, needy: &[Needy]) -> Option<Needy> {
        let returned = needy.partition_point(|needy| needy.rank < self.blocking);
        needy[returned..].iter().find(|needy| !self.placed[needy.place]).copied()
    }
}
