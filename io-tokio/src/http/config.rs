//! Limits of the gateway.

use std::time::Duration;

/// Limits of the gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HttpConfig {
    /// Connections at a time; more wait.
    pub connections_max: usize,
    /// Within this time the whole header of a request must have come.
    pub header_timeout: Duration,
    /// Within this time the whole body must have come.
    pub body_timeout: Duration,
    /// How long a request that had no effect for want of a leader is tried again.
    pub patience: Duration,
    /// How long requests under way may take when the gateway stops.
    pub stop_timeout: Duration,
    /// Room for a request's header, at least 8192 bytes.
    pub header_bytes_max: usize,
    /// The longest body, which is the longest value.
    pub body_bytes_max: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            connections_max: 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            patience: Duration::from_secs(2),
            stop_timeout: Duration::from_secs(2),
            header_bytes_max: 64 << 10,
            body_bytes_max: 1000 << 10,
        }
    }
}
