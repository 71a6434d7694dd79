//! What must hold of all servers together, in any world: Raft's properties over logs (thesis Figure
//! 3.2), that what is committed is durable on a quorum, and that nothing is said before it is durable.
//!
//! A world tells of every write before it is carried out, of every step, and of every message. It
//! keeps a [`Ledger`] for each server: the log as the server wrote it, and what of it is durable.

mod glance;
mod image;
mod ledger;
mod properties;
mod speech;
mod violation;

pub(crate) use glance::{Glance, Witness};
pub(crate) use image::Image;
pub(crate) use ledger::Ledger;
pub(crate) use properties::Properties;
pub(crate) use violation::{Checked, hold};
pub use violation::{Property, Violation};
