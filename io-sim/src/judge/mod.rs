//! What must hold of all servers together, in any world: Raft's properties over logs (thesis Figure
//! 3.2), that what is committed is durable on a quorum, and that nothing is said before it is durable.
//!
//! A world tells of every write before it is carried out, of every step, and of every message. It
//! keeps a [`Ledger`] for each server: the log as the server wrote it, and what of it is durable.

mod answers;
mod applied;
mod bounds;
mod ends;
mod glance;
mod image;
mod ledger;
mod peers;
mod point;
mod properties;
mod speech;
#[cfg(test)]
mod tests;
mod values;
mod violation;

pub(crate) use answers::Answers;
pub(crate) use applied::Given;
pub(crate) use bounds::{Setting, Work, fits_on_disk, is_at_most};
pub(crate) use ends::{is_silent_after_failure, rests_in_peace, stays_failed};
pub(crate) use glance::{Glance, Witness};
pub(crate) use image::Image;
pub(crate) use ledger::Ledger;
pub use point::{Point, Reached};
pub(crate) use properties::Properties;
pub(crate) use values::{Ending, Sight, Values};
pub(crate) use violation::{Checked, hold};
pub use violation::{Property, Violation};
