//! `#[machine]`: what it makes of a trait, and what it says to those who hold it wrong.

#![allow(unreachable_pub, missing_docs, reason = "what a user writes")]

mod board;
mod misuse;
mod news;
mod options;
mod registry;
mod store;
