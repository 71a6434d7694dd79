//! Under construction.

pub mod lab;
