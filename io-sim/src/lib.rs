//! The world of the tests, and the judges of what happens there.
#![forbid(unsafe_code)]

pub mod direct;
pub mod disk;
pub mod engine;
pub mod history;
pub mod lab;
pub mod linearizability;
pub mod net;
pub mod scenario;
pub mod show;
pub mod workload;

mod boot;
mod clock;
mod digest;
mod feed;
mod forgetful;
mod hearing;
mod judge;
mod queue;
mod replay;
mod rng;
mod trace;
mod trouble;
mod units;
