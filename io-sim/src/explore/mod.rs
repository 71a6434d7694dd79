//! Every state of a small world.

mod action;
mod fingerprint;
mod node;
mod options;
mod projection;
mod report;
mod search;
mod table;
#[cfg(test)]
mod tests;
mod world;

pub use options::Options;
pub use report::{Failure, Report};
pub use search::{Choice, replay, run};
