//! What is to happen in a simulated world: options, and a plan of all that strikes from outside.
//!
//! ```text
//! seed ──► Options ──► Plan          Options, Plan ◄──► text of a scenario
//! ```
//!
//! Options are drawn from a seed ([`Options::from_seed`]) by swarm, or said by name
//! ([`Options::set`]). A [`Plan`] is drawn from them before the run, which merely carries it out.
//! Both together are a [`Scenario`]: equal scenarios are equal runs, on any engine.
//!
//! A scenario in which something does not hold is written down, made as small as it gets
//! ([`minimize`]), understood, and kept for ever ([`promote`]).
//!
//! ```
//! use quorate_io_sim::scenario::Scenario;
//! let scenario = Scenario::from_seed(7);
//! let text = scenario.to_text();
//! assert_eq!(Scenario::parse(&text)?, scenario);
//! # Ok::<(), quorate_io_sim::scenario::ScenarioError>(())
//! ```

mod action;
mod calling;
mod ddmin;
mod draw;
mod minimize;
mod names;
mod nemesis_options;
mod options;
mod parts;
mod plan;
mod profile;
mod promote;
mod pump_options;
mod sabotage;
mod swarm;
mod text;

pub use action::{Action, Limits, Role, Strike, Who};
pub use calling::{CallingOptions, WorkloadName};
pub use minimize::{Minimized, Progress, Size, minimize};
pub use names::NameError;
pub use nemesis_options::NemesisOptions;
pub use options::{Options, OptionsError};
pub use parts::ActionError;
pub use plan::Plan;
pub use profile::{Profile, UnknownProfile};
pub use promote::{PromoteError, promote};
pub use pump_options::PumpOptions;
pub use sabotage::Sabotage;
pub use text::{Scenario, ScenarioError};
