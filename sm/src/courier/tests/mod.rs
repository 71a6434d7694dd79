//! What a courier promises.

mod calls;
mod functions;
mod leaders;
mod races;
mod sessions;
mod silence;
mod strangers;
mod watches;
mod world;
