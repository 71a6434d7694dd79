//! The claims that this crate makes, tested through its public face.

mod kv;
