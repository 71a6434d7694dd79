//! Both engines run the same: without faults, the same commands of one client end in the same state.
#![cfg(madsim)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use quorate_core::wire::Consistency;
use quorate_io_sim::direct;
use quorate_io_sim::scenario::Options;
use quorate_io_sim::workload::{Broken, End, Judgement, Look, Request, Rng, Workload};
use quorate_sm::{Context, StateMachine};

/// How much the client asks for.
const COMMANDS: u64 = 40;

/// Remembers what was applied, in order.
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct Roll(Vec<u64>);

impl StateMachine for Roll {
    type Command = u64;
    type Answer = u64; // a hash of all that was applied so far
    type Query = ();
    type QueryAnswer = Vec<u64>;

    fn apply(&mut self, _: &mut Context, command: u64) -> u64 {
        self.0.push(command);
        self.0
            .iter()
            .fold(0, |hash, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3).wrapping_add(1))
    }

    fn query(&self, (): ()) -> Vec<u64> {
        self.0.clone()
    }
}

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Seen {
    /// What the client was answered, one after the other: each a hash of the state.
    answers: Vec<u64>,
    /// The log of commands, as all replicas have applied it.
    applied: Vec<u64>,
}

/// One client with a list; everybody else only looks.
struct Script {
    /// Commands with an answer.
    done: u64,
    seen: Arc<Mutex<Seen>>,
}

impl Workload for Script {
    type Machine = Roll;

    fn machine(&self) -> Roll {
        Roll::default()
    }

    fn ask(&mut self, client: u16, _: &mut Rng) -> Request<Roll> {
        if client > 0 || self.done == COMMANDS {
            return Request::Query((), Consistency::Linearizable);
        }
        Request::Command((self.done + 1).pow(2))
    }

    fn ended(&mut self, _: u16, end: End<Roll>) -> Result<(), Broken> {
        match end {
            End::Answered(hash) => {
                self.done += 1;
                self.seen.lock().unwrap().answers.push(hash);
            }
            // Before there is a leader: it is asked again.
            End::NotApplied | End::Looked(_) | End::Watched(_) => {}
            End::Unknown => return Err(Broken::new("without any fault there is doubt")),
        }
        Ok(())
    }

    fn judge(&mut self, look: Look<'_, Roll>) -> Result<Judgement, Broken> {
        self.seen.lock().unwrap().applied = look(&());
        Ok(Judgement::Sound)
    }
}

/// Healthy disks, a healthy network, clocks that agree.
fn peace(seed: u64, servers: u64) -> Options {
    Options { seed, callers: 1, ..Options::idle(servers, Duration::from_secs(20)) }
}

#[test]
fn the_same_commands_end_in_the_same_state_on_both_engines() {
    for (seed, servers) in [(1, 1), (2, 3), (3, 5)] {
        let options = peace(seed, servers);
        let (on_direct, on_madsim) = (Arc::default(), Arc::default());
        let script = |seen: &Arc<_>| Script { done: 0, seen: Arc::clone(seen) };
        let direct = direct::run_with(&options, || script(&on_direct));
        direct.unwrap_or_else(|failure| panic!("{failure}"));
        let madsim = quorate_madsim::run_with(&options, || script(&on_madsim));
        madsim.unwrap_or_else(|failure| panic!("{failure}"));
        let seen: &Seen = &on_direct.lock().unwrap();
        assert_eq!(*seen, *on_madsim.lock().unwrap());
        let asked: Vec<_> = (1..=COMMANDS).map(|at| at * at).collect();
        assert_eq!((&seen.applied, seen.answers.len()), (&asked, asked.len()));
    }
}
