//! A machine on trial: any operations at all, in worlds full of faults.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::num::NonZeroU32;

use quorate_core::Index;
use quorate_core::wire::Consistency;
use quorate_sm::StateMachine;

use super::listening::Listening;
use super::{Broken, End, Request, Workload, draw};
use crate::direct::{self, Failure};
use crate::rng::Rng;
use crate::scenario::Options;

/// What must hold of a machine after each of its commands.
pub trait Holds<M> {
    /// Does it?
    ///
    /// # Errors
    /// If it does not: why.
    fn holds(machine: &M) -> Result<(), String>;
}

/// Clients that do whatever a machine can do: its operations with values drawn at random, queries at
/// every level of consistency, and listening to its events. [`check!`](crate::check) runs it in worlds of this
/// engine; as a [`Workload`] it goes wherever these do.
pub struct Trial<M, H> {
    /// Until when a client listens; none if it does something else.
    listens: BTreeMap<u16, Index>,
    listening: Listening,
    /// How many operations were asked for: what one listens for may come with these.
    asked: u64,
    machine: PhantomData<fn() -> (M, H)>,
}

impl<M, H> Default for Trial<M, H> {
    fn default() -> Self {
        let (listens, listening) = (BTreeMap::new(), Listening::default());
        Self { listens, listening, asked: 0, machine: PhantomData }
    }
}

impl<M: StateMachine + Default, H: Holds<M>> Workload for Trial<M, H> {
    type Machine = M;

    fn machine(&self) -> M {
        M::default()
    }

    fn ask(&mut self, client: u16, rng: &mut Rng) -> Request<M> {
        self.listens.remove(&client);
        self.asked += 1;
        let kind = rng.below(10);
        if kind < 6
            && let Some(command) = draw(rng)
        {
            return Request::Command(command);
        }
        if kind < 9
            && let Some(query) = draw(rng)
        {
            let age_max_ms = u32::try_from(rng.log_within(1, 2000)).expect("two seconds");
            return match rng.below(5) {
                0 => Request::Query(query, Consistency::Linearizable),
                1 => Request::Query(query, Consistency::Lease),
                2 => Request::Query(query, Consistency::Stale),
                3 => Request::Query(query, Consistency::Bounded { age_max_ms }),
                _ => Request::Sequential(query),
            };
        }
        // Nothing is promised of entries to come, so that nobody waits for ever.
        let until = Index(0);
        self.listens.insert(client, until);
        self.listening.ask(client, until)
    }

    fn ended(&mut self, client: u16, end: End<M>) -> Result<(), Broken> {
        let listens = self.listens.remove(&client);
        match (end, listens) {
            (End::Watched(watched), Some(until)) => self.listening.hear(client, until, watched),
            (End::Watched(_), None) => Err(Broken::new("events that nobody asked for")),
            _ => Ok(()),
        }
    }

    fn check(machine: &M) -> Result<(), Broken> {
        H::holds(machine).map_err(Broken::new)
    }
}

/// The variable that names the one seed to be run.
const SEED: &str = "QUORATE_SEED";

/// Puts a machine on trial in worlds of these many seeds, or in that of `QUORATE_SEED`: see
/// [`check!`](crate::check).
///
/// # Errors
/// The first failure.
///
/// # Panics
/// If `QUORATE_SEED` is no number, or the same world was another one the second time.
pub fn trial<M: StateMachine + Default, H: Holds<M> + 'static>(
    seeds: u64,
) -> Result<(), Box<Failure>> {
    let only = std::env::var(SEED).ok().map(|seed| seed.parse().expect("a number in QUORATE_SEED"));
    let seeds = only.map_or(0..seeds, |seed: u64| seed..seed + 1);
    let run = |seed| {
        let mut options = Options::from_seed(seed);
        options.raft.time_resolution_ms = NonZeroU32::new(10);
        direct::run_with(&options, Trial::<M, H>::default)
    };
    for seed in seeds.clone() {
        let report = run(seed)?;
        if seed == seeds.start {
            assert_eq!(run(seed)?, report, "seed {seed} was another run the second time");
        }
    }
    Ok(())
}

/// Puts a state machine of yours on trial: in each of so many simulated worlds clients do whatever it can do,
/// with values drawn at random, while networks break, processes die, disks fail and clocks drift.
///
/// It must hold that all replicas come to the same state and the same answers, that the log applied once
/// more does, through snapshots at many points; that every answer is what the log says as of its entry, and
/// no entry is older than real time allows (so all that was seen is linearizable, but for what asked for less);
/// that events are told in order, each once; and whatever you demand with `holds`.
///
/// The machine is a type with a `Default`, such as what [`machine`](macro@quorate_sm::machine) makes. What fails
/// names its seed: `QUORATE_SEED=17 cargo test` runs that world alone.
///
/// ```
/// use quorate_sm::machine;
/// # use serde::{Deserialize, Serialize};
///
/// #[machine]
/// pub trait Account {
///     fn deposit(&mut self, cx: &mut AccountCx, cents: u32);
///     /// Says whether there was enough.
///     fn withdraw(&mut self, cx: &mut AccountCx, cents: u32) -> bool;
///     fn balance(&self) -> i64;
/// }
///
/// #[derive(Default, Serialize, Deserialize)]
/// pub struct Balance(i64);
///
/// impl Account for Balance {
///     fn deposit(&mut self, _: &mut AccountCx, cents: u32) {
///         self.0 += i64::from(cents);
///     }
///     fn withdraw(&mut self, _: &mut AccountCx, cents: u32) -> bool {
///         let is_enough = self.0 >= i64::from(cents);
///         self.0 -= if is_enough { i64::from(cents) } else { 0 };
///         is_enough
///     }
///     fn balance(&self) -> i64 {
///         self.0
///     }
/// }
///
/// quorate_io_sim::check!(AccountMachine<Balance>, seeds = 2, holds = |account| {
///     if account.0.0 < 0 { Err(format!("{} in the red", account.0.0)) } else { Ok(()) }
/// });
/// ```
///
/// # Panics
/// If anything does not hold.
#[macro_export]
macro_rules! check {
    ($machine:ty, seeds = $seeds:expr) => {
        $crate::check!($machine, seeds = $seeds, holds = |_| Ok(()))
    };
    ($machine:ty, seeds = $seeds:expr, holds = $holds:expr) => {{
        struct Held;
        impl $crate::workload::Holds<$machine> for Held {
            fn holds(machine: &$machine) -> ::core::result::Result<(), ::std::string::String> {
                let holds: fn(&$machine) -> ::core::result::Result<(), ::std::string::String> =
                    $holds;
                holds(machine)
            }
        }
        if let Err(failure) = $crate::workload::trial::<$machine, Held>($seeds) {
            ::core::panic!("{failure}\nQUORATE_SEED={} runs this world alone", failure.seed());
        }
    }};
}
