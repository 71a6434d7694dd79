//! What the demo comes to: each verdict is computed from what the callers saw.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use quorate_io_sim::history::History;
use quorate_io_sim::linearizability::{Budget, Verdict, check};

use quorate_campaign::Summary;

use super::callers::{Count, Promise};
use super::simulation::{Control, Cores};

/// What the store holds at the end, and what the callers were promised.
pub(super) struct Evidence {
    /// Keys that callers wrote once, and whether that was acknowledged.
    pub(super) owned: Vec<(String, Promise)>,
    /// Those that are there.
    pub(super) present: BTreeSet<String>,
    /// Counters: what was promised, and what they hold.
    pub(super) counted: Vec<(String, Count, i64)>,
    /// All that was asked and answered.
    pub(super) history: History,
}

/// One statement about the run.
#[derive(Clone)]
pub(super) struct Finding {
    pub(super) holds: bool,
    pub(super) text: String,
}

/// The longest that the check of the history may take.
const BUDGET: Duration = Duration::from_secs(120);

/// What is found of simulated worlds: those that are honest hold, and those that lie are noticed.
pub(super) fn of_worlds(cores: &Cores, servers: &Summary, control: &Control) -> Vec<Finding> {
    let Control { lies, is_honest_sound } = control;
    let failure = cores.failure.as_ref().map(|failure| format!("\n{failure}"));
    let fallen = servers
        .failures
        .first()
        .map(|fallen| format!(", seed {}: quorate sim replay {}", fallen.seed, fallen.seed));
    let noticed = lies.iter().filter(|lie| lie.noticed.is_some()).count();
    vec![
        Finding {
            holds: cores.failure.is_none(),
            text: format!(
                "{} simulated worlds of bare cores: {} broke a promise{}",
                cores.seeds,
                u8::from(cores.failure.is_some()),
                failure.unwrap_or_default()
            ),
        },
        Finding {
            holds: servers.failures.is_empty() && servers.ran > 0,
            text: format!(
                "{} simulated worlds of whole servers: {} broke a promise{}, {} undecided",
                servers.ran,
                servers.failures.len(),
                fallen.unwrap_or_default(),
                servers.undecided,
            ),
        },
        Finding {
            holds: noticed == lies.len() && *is_honest_sound,
            text: format!(
                "planted lies: {noticed} of {} noticed; without them the same worlds {}",
                lies.len(),
                if *is_honest_sound { "hold" } else { "do not hold either" }
            ),
        },
    ]
}

impl Evidence {
    pub(super) fn findings(&self) -> Vec<Finding> {
        vec![self.nothing_is_lost(), self.nothing_is_applied_twice(), self.is_linearizable()]
    }

    fn nothing_is_lost(&self) -> Finding {
        let acknowledged = self.owned.iter().filter(|owned| owned.1 == Promise::Acknowledged);
        let lost: Vec<_> =
            acknowledged.clone().filter(|owned| !self.present.contains(&owned.0)).collect();
        let missing: i64 =
            self.counted.iter().map(|(_, count, holds)| (count.acknowledged - holds).max(0)).sum();
        let promised = acknowledged.count() as i64
            + self.counted.iter().map(|counted| counted.1.acknowledged).sum::<i64>();
        let lost_of_all = lost.len() as i64 + missing;
        let example = lost.first().map(|lost| format!(", {} for one", lost.0)).unwrap_or_default();
        Finding {
            holds: lost_of_all == 0,
            text: format!("acknowledged writes lost: {lost_of_all} of {promised}{example}"),
        }
    }

    fn nothing_is_applied_twice(&self) -> Finding {
        let surplus = |(_, count, holds): &(String, Count, i64)| {
            (holds - count.acknowledged - count.unknown).max(0)
        };
        let twice: i64 = self.counted.iter().map(surplus).sum();
        let unknown: i64 = self.counted.iter().map(|counted| counted.1.unknown).sum();
        Finding {
            holds: twice == 0,
            text: format!("increments applied twice: {twice} ({unknown} of unknown outcome)"),
        }
    }

    fn is_linearizable(&self) -> Finding {
        let started = Instant::now();
        let mut keep_going = || started.elapsed() < BUDGET;
        let budget =
            Budget { keep_going: Some(&mut keep_going), steps_max: u64::MAX, ..Budget::new() };
        let calls = self.history.operations.len();
        let (holds, word) = match check(&self.history, budget) {
            Ok(checked) => match checked.verdict {
                Verdict::Linearizable(_) => (true, "LINEARIZABLE".to_owned()),
                Verdict::Violation(violation) => {
                    let at = violation.unplaced.first().or(violation.operations.first());
                    let call = at.map(|&at| self.history.operations[at].call.to_string());
                    (false, format!("NOT LINEARIZABLE: {}", call.unwrap_or_default()))
                }
                Verdict::Undecided(why) => (false, format!("UNDECIDED: {why}")),
            },
            Err(error) => (false, format!("NO HISTORY: {error}")),
        };
        let seconds = started.elapsed().as_secs_f64();
        Finding { holds, text: format!("history of {calls} calls: {word} ({seconds:.1} s)") }
    }
}
