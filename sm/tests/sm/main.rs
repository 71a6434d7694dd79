//! The claims that this crate makes, tested through its public face.

mod applier;
mod bytes_in;
mod clients;
mod golden;
mod keeper;
mod kv;
mod lane;
mod sessions;
mod support;
mod thesis;
mod timers;
mod watches;
