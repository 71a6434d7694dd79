//! Making a scenario as small as it gets while the same property is violated.

use core::time::Duration;

use super::action::Action;
use super::ddmin::ddmin;
use super::names::Leaves;
use super::options::Options;
use super::plan::Plan;
use super::text::Scenario;
use crate::judge::Property;

/// How large a scenario is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Size {
    /// What strikes.
    pub actions: usize,
    /// Options that are not as in [`Options::calm`].
    pub options: usize,
    /// Servers.
    pub servers: u16,
    /// Clients.
    pub callers: u16,
    /// For how long faults strike.
    pub chaos: Duration,
}

/// How far it has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    /// How many scenarios were tried.
    pub runs: u64,
    /// How large the smallest is.
    pub size: Size,
}

/// What is left.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Minimized {
    /// The smallest scenario that was found.
    pub scenario: Scenario,
    /// How large it was.
    pub before: Size,
    /// How large it is.
    pub after: Size,
    /// How many scenarios were tried.
    pub runs: u64,
    /// Was there nothing left to try?
    pub is_done: bool,
}

impl Size {
    /// The size of a scenario.
    ///
    /// # Panics
    /// If it fails its [`check`](Scenario::check).
    pub fn of(scenario: &Scenario) -> Self {
        let Scenario { options, plan } = scenario;
        Self {
            actions: plan.actions().len(),
            options: scenario.differences().names().len(),
            servers: options.servers(),
            callers: options.callers,
            chaos: options.chaos,
        }
    }
}

/// Makes a scenario smaller and smaller: fewer actions, fewer servers, fewer callers and calls,
/// shorter, calmer, and with rounder times; again and again until nothing more can go. `violated`
/// runs one and says what does not hold; only what violates `property` is a step. Before each run
/// `keep_going` is asked, so that whoever has a clock can set a limit.
///
/// # Panics
/// If the scenario fails its [`check`](Scenario::check).
pub fn minimize(
    scenario: &Scenario,
    property: Property,
    violated: &mut dyn FnMut(&Scenario) -> Option<Property>,
    keep_going: &mut dyn FnMut(Progress) -> bool,
) -> Minimized {
    let before = Size::of(scenario);
    let mut best = scenario.clone();
    let mut shrinking =
        Shrinking { best: &mut best, property, violated, keep_going, runs: 0, is_over: false };
    shrinking.until_nothing_helps();
    let (runs, is_done) = (shrinking.runs, !shrinking.is_over);
    Minimized { before, after: Size::of(&best), scenario: best, runs, is_done }
}

/// How often all is tried again.
const ROUNDS_MAX: usize = 8;

struct Shrinking<'a> {
    best: &'a mut Scenario,
    property: Property,
    violated: &'a mut dyn FnMut(&Scenario) -> Option<Property>,
    keep_going: &'a mut dyn FnMut(Progress) -> bool,
    runs: u64,
    is_over: bool,
}

impl Shrinking<'_> {
    fn until_nothing_helps(&mut self) {
        // Rounding and shortening may chase each other.
        for _ in 0..ROUNDS_MAX {
            let start = self.best.clone();
            self.drop_actions();
            self.drop_servers();
            self.drop_calls();
            self.shorten();
            self.calm_down();
            self.round();
            if *self.best == start || self.is_over {
                break;
            }
        }
    }

    /// Is this one violated in the same way? Then it is the best so far.
    fn try_out(&mut self, candidate: Scenario) -> bool {
        if candidate == *self.best || candidate.check().is_err() {
            return false;
        }
        let progress = Progress { runs: self.runs, size: Size::of(self.best) };
        self.is_over = self.is_over || !(self.keep_going)(progress);
        if self.is_over {
            return false;
        }
        self.runs += 1;
        let is_same = (self.violated)(&candidate) == Some(self.property);
        if is_same {
            *self.best = candidate;
        }
        is_same
    }

    fn try_options(&mut self, change: impl FnOnce(&mut Options)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate.options);
        self.try_out(candidate)
    }

    fn try_actions(&mut self, actions: Vec<Action>) -> bool {
        self.try_out(Scenario { options: self.best.options.clone(), plan: Plan::of(actions) })
    }

    fn drop_actions(&mut self) {
        let actions = self.best.plan.actions().to_vec();
        // Most often it is few, or none.
        if !self.try_actions(Vec::new()) {
            ddmin(actions, |left| self.try_actions(left.to_vec()));
        }
    }

    fn drop_servers(&mut self) {
        let spares = self.best.options.spares;
        let members = self.best.options.servers() - spares;
        let fewer_spares = (0..spares).map(|spares| (members, spares));
        let fewer_members = (1..members).flat_map(|members| [(members, 0), (members, spares)]);
        for (members, spares) in fewer_spares.chain(fewer_members) {
            let mut candidate = self.best.clone();
            let servers = members + spares;
            candidate.options.spares = spares;
            if candidate.options.set(&format!("membership={members}")).is_err() {
                continue;
            }
            let actions = candidate.plan.actions().iter().filter_map(|action| {
                let what = action.what.among(servers)?;
                Some(Action { at: action.at, what })
            });
            candidate.plan = Plan::of(actions.collect());
            if self.try_out(candidate) {
                break;
            }
        }
    }

    fn drop_calls(&mut self) {
        for callers in 1..self.best.options.callers {
            if self.try_options(|options| options.callers = callers) {
                break;
            }
        }
        let most = self.best.options.calling.calls_max.unwrap_or(1000);
        for calls in [0, 1, 2, 5, 10, 20, 50, 100, 200, 500].into_iter().filter(|&few| few < most) {
            if self.try_options(|options| options.calling.calls_max = Some(calls)) {
                break;
            }
        }
        while self.best.options.calling.keys > 1
            && self.try_options(|options| options.calling.keys /= 2)
        {}
    }

    fn shorten(&mut self) {
        let last = self.best.plan.actions().last().map_or(Duration::ZERO, |action| action.at);
        let just = last + Duration::from_millis(1);
        let is_longer = just < self.best.options.chaos * 9 / 10;
        if !is_longer || !self.try_options(|options| options.chaos = just) {
            while self.best.options.chaos > Duration::from_millis(1)
                && self.try_options(|options| options.chaos /= 2)
            {}
        }
        // What happens late may as well happen early.
        while let Some(first) = self.best.plan.actions().first().map(|action| action.at)
            && first > Duration::from_millis(1)
        {
            let mut candidate = self.best.clone();
            let mut actions = candidate.plan.actions().to_vec();
            actions.iter_mut().for_each(|action| action.at -= first / 2);
            candidate.plan = Plan::of(actions);
            candidate.options.chaos = candidate.options.chaos.saturating_sub(first / 2);
            if !self.try_out(candidate) {
                break;
            }
        }
    }

    /// Every option that can be is as in the calmest of worlds.
    fn calm_down(&mut self) {
        const KEPT: [&str; 6] =
            ["seed", "membership", "spares", "sabotage", "chaos", "calling.workload"];
        let calm = Leaves::of(&Options::calm());
        let mut names = self.best.differences().names();
        names.retain(|name| {
            !KEPT.contains(&name.as_str()) && name != "callers" && name != "calling.calls_max"
        });
        ddmin(names.clone(), |left| {
            let calmed: Vec<_> =
                names.iter().filter(|name| !left.contains(name)).cloned().collect();
            let mut leaves = Leaves::of(&self.best.options);
            leaves.take(&calm, &calmed);
            let cluster = self.best.options.cluster;
            leaves.options().is_ok_and(|options| {
                self.try_options(|best| *best = Options { cluster, ..options })
            })
        });
    }

    /// Times that are easy to read.
    fn round(&mut self) {
        for step in [Duration::from_secs(1), Duration::from_millis(100), Duration::from_millis(10)]
        {
            let rounded = |actions: &[Action], only: Option<usize>| {
                let mut actions = actions.to_vec();
                let chosen = actions.iter_mut().enumerate();
                for (_, action) in chosen.filter(|(at, _)| only.is_none_or(|only| only == *at)) {
                    action.spans_mut().into_iter().for_each(|span| *span = rounded(*span, step));
                }
                actions
            };
            let actions = self.best.plan.actions().to_vec();
            if !self.try_actions(rounded(&actions, None)) {
                for at in 0..actions.len() {
                    let actions = self.best.plan.actions().to_vec();
                    self.try_actions(rounded(&actions, Some(at)));
                }
            }
        }
        let step = Duration::from_millis(10);
        self.try_options(|options| options.chaos = rounded_up(options.chaos, step));
    }
}

/// The nearest multiple of a step, unless the step is the longer one.
fn rounded(span: Duration, step: Duration) -> Duration {
    let steps = (span + step / 2).as_nanos() / step.as_nanos();
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    if span < step { span } else { step.saturating_mul(steps) }
}

fn rounded_up(span: Duration, step: Duration) -> Duration {
    let steps = u32::try_from(span.as_nanos().div_ceil(step.as_nanos())).unwrap_or(u32::MAX);
    step.saturating_mul(steps)
}
