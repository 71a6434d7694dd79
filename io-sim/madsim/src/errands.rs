//! Errands: what clients have servers do beside the log, and what must be true of it.
//!
//! A server carries an errand out once, or not at all; and whoever is told that it was done, or that it
//! was not, is told the truth.

use std::time::Duration;

use quorate_io_sim::engine::{Checked, Property, hold};
use quorate_io_tokio::Env as _;
use quorate_io_tokio::client::CallError;
use quorate_sm::{Services, service};

use crate::env::SimEnv;
use crate::world::World;

/// Where errands are done.
#[service]
pub(crate) trait Desk {
    /// Does it, which takes so long; a number that only this server gives for it.
    async fn run(&self, errand: u64, lasts: Duration) -> u64;
}

/// What every server offers.
pub(crate) const DESK: &str = "desk";

/// The desk of a server, in one of its lives.
struct Clerk {
    world: World,
    env: SimEnv,
    at: usize,
}

/// The services of a server.
pub(crate) fn services(world: &World, env: &SimEnv, at: usize) -> Services {
    let clerk = Clerk { world: world.clone(), env: env.clone(), at };
    Services::default().with(DESK, DeskService::new(clerk))
}

impl Desk for Clerk {
    async fn run(&self, errand: u64, lasts: Duration) -> u64 {
        self.world.with(|sim| {
            let begun = sim.errands.begin(errand, self.at);
            sim.must(begun);
        });
        self.env.sleep_until(self.env.now().after(lasts)).await;
        self.world.with(|sim| sim.errands.end(errand));
        receipt(errand, self.at)
    }
}

fn receipt(errand: u64, at: usize) -> u64 {
    errand << 8 | at as u64
}

/// All errands of a run, by number.
pub(crate) struct Errands {
    all: Vec<Errand>,
    /// Connections may lead to other servers than those whose address it is.
    are_strays: bool,
}

struct Errand {
    /// Of which server it was asked, or who did it.
    of: usize,
    step: Step,
    /// It was told that nothing of it was done.
    is_refused: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    Asked,
    Begun,
    Done,
}

impl Errands {
    /// Of a run in which connections may be led to others than those who were meant, or not.
    pub(crate) fn new(are_strays: bool) -> Self {
        Self { all: Vec::new(), are_strays }
    }

    /// A client asks a server.
    pub(crate) fn ask(&mut self, of: usize) -> u64 {
        self.all.push(Errand { of, step: Step::Asked, is_refused: false });
        self.all.len() as u64 - 1
    }

    fn begin(&mut self, number: u64, at: usize) -> Checked {
        let are_strays = self.are_strays;
        let errand = self.get_mut(number);
        let is_there = errand.of == at || are_strays;
        let is_right = is_there && errand.step == Step::Asked && !errand.is_refused;
        hold(is_right, Property::ErrandsAreRunOnce, || {
            let Errand { of, step, is_refused } = errand;
            format!(
                "server {at} begins errand {number}, which was asked of {of}, is {step:?}; \
                 refused: {is_refused}"
            )
        })?;
        (errand.of, errand.step) = (at, Step::Begun);
        Ok(())
    }

    fn end(&mut self, number: u64) {
        self.get_mut(number).step = Step::Done;
    }

    /// What the client is told; nothing if it did not wait.
    pub(crate) fn told(&mut self, number: u64, told: Option<&Result<u64, CallError>>) -> Checked {
        let errand = self.get_mut(number);
        let (of, step) = (errand.of, errand.step);
        let is_true = match told {
            Some(Ok(told)) => *told == receipt(number, of) && step == Step::Done,
            Some(Err(CallError::NotApplied(_))) => {
                errand.is_refused = true;
                step == Step::Asked
            }
            Some(Err(CallError::Unknown(_))) | None => true,
        };
        hold(is_true, Property::ErrandsAreRunOnce, || {
            format!("of errand {number}, asked of {of}, which is {step:?}, is told {told:?}")
        })
    }

    fn get_mut(&mut self, number: u64) -> &mut Errand {
        &mut self.all[usize::try_from(number).expect("a few errands")]
    }
}

#[cfg(test)]
mod tests {
    use quorate_io_tokio::client::{Doubt, Reason};

    use super::*;

    const REFUSED: Result<u64, CallError> = Err(CallError::NotApplied(Reason::Unreachable));
    const DOUBT: Result<u64, CallError> = Err(CallError::Unknown(Doubt::Timeout));

    #[test]
    fn what_is_run_twice_or_elsewhere_or_after_it_was_refused_is_noticed() {
        let mut errands = Errands::new(false);
        let [run, elsewhere, refused, doubtful] = [3; 4].map(|of| errands.ask(of));
        assert!(errands.begin(run, 3).is_ok() && errands.begin(run, 3).is_err());
        assert!(errands.begin(elsewhere, 2).is_err());
        assert!(
            errands.told(refused, Some(&REFUSED)).is_ok() && errands.begin(refused, 3).is_err()
        );
        for told in [None, Some(&DOUBT)] {
            assert!(errands.told(doubtful, told).is_ok(), "it may be begun later");
        }
        assert!(errands.begin(doubtful, 3).is_ok());
        errands.end(doubtful);
        assert!(errands.begin(doubtful, 3).is_err());
    }

    #[test]
    fn what_has_gone_astray_is_run_once_too() {
        let mut errands = Errands::new(true);
        let stray = errands.ask(3);
        assert!(errands.begin(stray, 2).is_ok());
        errands.end(stray);
        assert!(errands.begin(stray, 3).is_err());
        let mut told = |by| errands.told(stray, Some(&Ok(receipt(stray, by))));
        assert!(told(2).is_ok() && told(3).is_err());
    }

    #[test]
    fn what_is_told_is_true() {
        let mut errands = Errands::new(false);
        let run = errands.ask(3);
        let (right, wrong) = (Ok(receipt(run, 3)), Ok(receipt(run, 2)));
        assert!(errands.told(run, Some(&right)).is_err(), "nothing is done");
        errands.begin(run, 3).expect("once");
        assert!(errands.told(run, Some(&right)).is_err(), "it is not done yet");
        assert!(errands.told(run, Some(&REFUSED)).is_err(), "it was begun");
        errands.end(run);
        assert!(errands.told(run, Some(&wrong)).is_err(), "another did it");
        assert!(errands.told(run, Some(&right)).is_ok());
    }
}
