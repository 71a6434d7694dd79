//! Pictures of a run: what happened, recorded with its structure, as aligned lines and as a page.
//!
//! A [`Chronicle`] is what [`direct::record`](crate::direct::record) writes down while a world runs.
//! It is a file of JSON lines, one for each thing that happened, so that it can be drawn elsewhere
//! and later. [`ascii`] puts it into lines for a terminal, [`html`] into one page that needs nothing
//! from anywhere else.
//!
//! ```
//! use quorate_io_sim::direct;
//! use quorate_io_sim::scenario::Scenario;
//! use quorate_io_sim::show;
//!
//! let scenario = Scenario::from_seed(7);
//! let (outcome, chronicle) = direct::record(&scenario);
//! let page = show::html(&chronicle, &scenario.options, outcome.as_ref().err().map(|failure| &failure.violation));
//! assert!(page.starts_with("<!doctype html>"));
//! println!("{}", show::ascii(&chronicle, ..50_000_000));
//! ```

mod ascii;
mod chronicle;
mod drawing;
mod history;
mod loss;
mod page;
mod recorder;
mod sides;
mod streams;
mod words;

pub use ascii::ascii;
pub use chronicle::{
    Arrival, Asked, Chronicle, ChronicleError, Ending, Kind, Moment, Standing, What,
};
pub use page::html;
pub(crate) use recorder::Recorder;
