//! All that strikes from outside in one run, drawn before it begins.

use core::time::Duration;

use super::action::Action;
use super::draw::{CLASSES, Draw};
use super::options::Options;
use crate::rng::{Rng, Stream};

/// All that strikes from outside, in order of time.
///
/// The run merely carries it out. Everything about an action is in it, apart from who leads when it
/// strikes a leader, and from when somebody stands for election if it waits for that.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    actions: Vec<Action>,
}

/// The most that one class strikes.
const STRIKES_MAX: usize = 10_000;

impl Plan {
    /// These, put in order; of two at one time, the one named first.
    pub fn of(mut actions: Vec<Action>) -> Self {
        actions.sort_by_key(|action| action.at);
        Self { actions }
    }

    /// Draws what the options ask for, from their seed alone.
    ///
    /// Every class of faults, and every strike, has a stream of its own: what a change in one weight
    /// adds or takes away leaves all else as it was.
    pub fn draw(options: &Options) -> Self {
        let mut actions = Vec::new();
        for class in &CLASSES {
            let weight = u32::try_from((class.weight)(&options.nemesis)).unwrap_or(u32::MAX);
            if weight == 0 {
                continue;
            }
            let mut rng = Rng::named(options.seed, Stream::Nemesis, class.name);
            let gap_max = 2 * options.nemesis.every / weight;
            let mut at = Duration::ZERO;
            for _ in 0..STRIKES_MAX {
                at += drawn_span(&mut rng, gap_max);
                let own = Rng::new(rng.next(), Stream::Nemesis);
                if at >= options.chaos {
                    break;
                }
                (class.draw)(&mut Draw { options, at, rng: own, actions: &mut actions });
            }
        }
        actions.retain(|action| action.at < options.chaos);
        Self::of(actions)
    }

    /// What strikes, in order.
    pub fn actions(&self) -> &[Action] {
        &self.actions
    }
}

/// Up to this long and never nothing, in steps that are easy to read.
pub(super) fn drawn_span(rng: &mut Rng, max: Duration) -> Duration {
    const STEP_US: u64 = 100;
    let steps = u64::try_from(max.as_micros()).unwrap_or(u64::MAX) / STEP_US;
    Duration::from_micros(STEP_US * (1 + rng.below(steps.max(1))))
}
