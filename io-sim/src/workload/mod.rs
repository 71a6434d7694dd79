//! What is put into a world: a state machine, what its clients do, and what must hold.
//!
//! A world runs [`KvWorkload`] unless it is given another [`Workload`]: your machine, with requests
//! that look for trouble, and your statements of what must be true of it. Faults, recovery and all
//! of Raft's checks are the same for every workload.
//!
//! Below, a till that sells more tickets than there are, because its author believed that clients
//! look before they buy:
//!
//! ```
//! use quorate_core::wire::Consistency;
//! use quorate_io_sim::direct::{self, Options};
//! use quorate_io_sim::workload::{Broken, End, Request, Rng, Workload};
//! use quorate_sm::{Context, StateMachine};
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct Till {
//!     left: i64,
//! }
//!
//! impl StateMachine for Till {
//!     type Command = i64; // how many tickets are bought
//!     type Answer = ();
//!     type Query = ();
//!     type QueryAnswer = i64; // how many are left
//!
//!     fn apply(&mut self, _: &mut Context, bought: i64) {
//!         self.left -= bought;
//!     }
//!
//!     fn query(&self, (): ()) -> i64 {
//!         self.left
//!     }
//! }
//!
//! /// Clients look, and buy if there is something left.
//! #[derive(Default)]
//! struct Office(std::collections::BTreeMap<u16, i64>);
//!
//! impl Workload for Office {
//!     type Machine = Till;
//!
//!     fn machine(&self) -> Till {
//!         Till { left: 10 }
//!     }
//!
//!     fn ask(&mut self, client: u16, _: &mut Rng) -> Request<Till> {
//!         match self.0.remove(&client) {
//!             Some(left) if left > 0 => Request::Command(1),
//!             _ => Request::Query((), Consistency::Linearizable),
//!         }
//!     }
//!
//!     fn ended(&mut self, client: u16, end: End<Till>) -> Result<(), Broken> {
//!         if let End::Looked(left) = end {
//!             self.0.insert(client, left);
//!         }
//!         Ok(())
//!     }
//!
//!     fn check(till: &Till) -> Result<(), Broken> {
//!         if till.left < 0 { Err(Broken::new("a ticket too many is sold")) } else { Ok(()) }
//!     }
//! }
//!
//! let found = (0..20).find_map(|seed| {
//!     direct::run_with(&Options::from_seed(seed), Office::default).err()
//! });
//! let failure = found.expect("two clients see the last ticket sooner or later");
//! assert!(failure.to_string().contains("a ticket too many is sold"));
//! ```

mod bells;
mod drawn;
mod kv;
mod listening;
mod observed;
mod subject;
mod trial;

pub use crate::judge::Told;
pub use crate::rng::Rng;
pub use bells::BellWorkload;
pub use drawn::draw;
pub use kv::KvWorkload;
pub use subject::{Subject, Typed, may_go_back};
pub use trial::{Holds, Trial, trial};

use quorate_core::Index;
use quorate_core::wire::Consistency;
use quorate_sm::{Filter, Since, StateMachine, Watched};

use crate::history::{History, Operation};
use crate::judge::Property;
use crate::scenario::{Options, WorkloadName};

/// The workload that these options ask for.
pub fn asked_for(options: &Options) -> Box<dyn Subject + Send> {
    match options.calling.workload {
        WorkloadName::Kv => Box::new(Typed::new(KvWorkload::of(options))),
        WorkloadName::Bells => Box::new(Typed::new(BellWorkload::default())),
    }
}

/// A state machine under test: what its clients ask, and what must hold.
///
/// Everything must follow from the calls that are made: no clock, no chance but the one that is
/// lent, no hash order. The same seed is the same run then.
pub trait Workload {
    /// What is replicated.
    type Machine: StateMachine;

    /// A machine that has applied nothing yet; asked for at every start of a server.
    fn machine(&self) -> Self::Machine;

    /// What a client, numbered from 0, does next. It waits for the end before it is asked again.
    fn ask(&mut self, client: u16, rng: &mut Rng) -> Request<Self::Machine>;

    /// What became of it.
    ///
    /// # Errors
    /// If it cannot be true.
    fn ended(&mut self, client: u16, end: End<Self::Machine>) -> Result<(), Broken>;

    /// The client program was ended and started anew: it has seen nothing yet, and knows what it has kept.
    fn renewed(&mut self, client: u16) {
        let _ = client;
    }

    /// Looks at the state of a replica after each of its commands.
    ///
    /// # Errors
    /// If a replica must never be in it.
    fn check(machine: &Self::Machine) -> Result<(), Broken> {
        let _ = machine;
        Ok(())
    }

    /// The last operation of a client, for [pictures](crate::show): for workloads that keep a
    /// history. The others' requests are drawn in the words of serde.
    fn operation(&self, client: u16) -> Option<&Operation> {
        let _ = client;
        None
    }

    /// What the clients have done so far, if the workload records it: kept with what fails.
    fn history(&self) -> Option<&History> {
        None
    }

    /// Judges the whole, when all calls have ended and all replicas are equal; `look` asks one.
    ///
    /// # Errors
    /// If what the clients saw cannot be.
    fn judge(&mut self, look: Look<'_, Self::Machine>) -> Result<Judgement, Broken> {
        let _ = look;
        Ok(Judgement::Sound)
    }
}

/// A query to a replica that has applied everything.
pub type Look<'a, M> = &'a dyn Fn(&<M as StateMachine>::Query) -> <M as StateMachine>::QueryAnswer;

/// What a client asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request<M: StateMachine> {
    /// A change, which takes effect once, however often it is sent.
    Command(M::Command),
    /// A look at the state.
    Query(M::Query, Consistency),
    /// A look at the state of any server that has come as far as this client.
    Sequential(M::Query),
    /// What has happened, or may until an entry is applied.
    Watch {
        /// Which events.
        filter: Filter,
        /// From where on.
        since: Since,
        /// Answered when this is applied, at the latest: a client does one thing at a time.
        until: Index,
    },
}

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum End<M: StateMachine> {
    /// The machine answered a command.
    Answered(M::Answer),
    /// The machine answered a query.
    Looked(M::QueryAnswer),
    /// A server told what has happened.
    Watched(Watched),
    /// It certainly had no effect and never will.
    NotApplied,
    /// It may have taken effect, or may do so later.
    Unknown,
}

/// What came of judging a whole run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judgement {
    /// All that was looked at is as it must be.
    Sound,
    /// It would have taken too long to find out; counted in the report, never passed over.
    Undecided,
}

/// Something that must hold does not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    pub(crate) property: Property,
    pub(crate) evidence: String,
}

impl Broken {
    /// With what was seen, in words.
    pub fn new(evidence: impl Into<String>) -> Self {
        Self { property: Property::WorkloadHolds, evidence: evidence.into() }
    }
}
