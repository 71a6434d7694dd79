//! The simulated disk: that it keeps what it promised, that its faults bite, and that the log of
//! production code stands them.
#![allow(clippy::cast_possible_truncation, reason = "small numbers")]

mod canaries;
mod contract;
mod crashes;
mod decay;
mod faults;
mod lives;
mod naive;
mod support;
mod timing;
