//! What only tasks and sockets do.

use serde::{Deserialize, Serialize};

use crate::units;

/// What only tasks and sockets do, and so only on an engine that has them: the pump and the client
/// of production on madsim. Elsewhere it means nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PumpOptions {
    /// How often a read or a write moves only a part of what it could, in thousandths.
    pub short_permille: u64,
    /// How often a connection cannot be accepted, in thousandths.
    pub accept_fails_permille: u64,
    /// How often a client does not wait for the answer, in thousandths.
    pub abandon_permille: u64,
    /// How often a client is closed, and followed by a new one, in thousandths.
    pub renew_permille: u64,
    /// How often a client has a server do something beside the log, in thousandths.
    #[serde(default)]
    pub errand_permille: u64,
    /// How many bytes are under way on a connection, at most, if that is less than what the network
    /// has room for: so little that writers wait. `None` for no limit of its own.
    #[serde(with = "units::optional")]
    pub room_bytes: Option<u64>,
}

impl PumpOptions {
    /// All goes at once and as a whole.
    pub const CALM: Self = Self {
        short_permille: 0,
        accept_fails_permille: 0,
        abandon_permille: 0,
        renew_permille: 0,
        errand_permille: 0,
        room_bytes: None,
    };
}
