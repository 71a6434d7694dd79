//! Each machine against a model that does the same in the most simple-minded way: a list, searched from the
//! front. And in worlds full of faults, where what it promises must hold after every command.

#![allow(unreachable_pub, missing_docs, reason = "what users write")]

mod barriers;
mod clients;
mod counters;
mod elections;
mod locks;
mod membership;
mod queues;
mod support;
