//! Is there an order of the operations that explains every answer?
//!
//! An order *explains* a history when it respects time (what answered before another was invoked
//! stands before it), when the object, doing one operation after the other, gives the answers that
//! the history has, and when every operation that answered is in it. [`check`] looks for one.
//!
//! ```
//! use quorate_io_sim::history::{Call, ModelName, Recorder};
//! use quorate_io_sim::linearizability::{Budget, Verdict, check};
//!
//! let mut recorder = Recorder::new(ModelName::Kv, serde_json::Value::Null);
//! recorder.invoke(1, Call::new("put").key("x").argument(1)).unwrap();
//! recorder.ok(1, None).unwrap();
//! recorder.invoke(2, Call::new("get").key("x")).unwrap();
//! recorder.ok(2, Some(serde_json::Value::Null)).unwrap();
//!
//! let verdict = check(&recorder.finish(), Budget::new()).unwrap().verdict;
//! let Verdict::Violation(violation) = verdict else { panic!("a stale read") };
//! assert_eq!((violation.prefix, violation.unplaced), (vec![0], vec![1]));
//! ```

mod budget;
mod check;
mod model;
mod models;
mod order;
mod outlook;
mod plan;
mod report;
mod search;
mod states;
mod table;
mod tree;
mod value;

pub use budget::{Budget, Undecided};
pub use check::{Check, Order, Verdict, Violation, check, check_model};
pub use model::{Asks, Effect, Model, Timed};
pub use report::{Report, Stuck, Word, check_file};
