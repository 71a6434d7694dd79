//! What the tests of the whole share.

pub mod mutation;
pub mod scenarios;
pub mod script;
