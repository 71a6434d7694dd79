//! How often each fault really struck.

/// Counts since the network was made. For coverage: a fault that was asked for and never struck was
/// not tested.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Struck {
    /// Latencies that were a spike.
    pub spikes: u64,
    /// Transmissions that were lost and had to be repeated.
    pub losses: u64,
    /// Arrivals that a blocked link, or a host without power, kept waiting.
    pub blocked: u64,
    /// Looks at a held link that had something to hold.
    pub held: u64,
    /// Connections that were given up because nothing was acknowledged.
    pub given_up: u64,
    /// Attempts to connect that got no answer in time.
    pub connects_timed_out: u64,
    /// Attempts to connect that were refused.
    pub refused: u64,
    /// Connections that went to another host than was meant.
    pub rerouted: u64,
    /// Runs of bytes that arrived in pieces.
    pub cuts: u64,
    /// Runs of bytes that arrived, at least in part, one byte at a time.
    pub single_bytes: u64,
    /// Arrivals that were joined with later ones.
    pub joined: u64,
    /// Bits that were flipped.
    pub corrupted: u64,
    /// Connections that were broken off after a random byte.
    pub resets: u64,
    /// Directions of connections that were stalled for a while.
    pub stalls: u64,
    /// Connections whose acceptor never reads.
    pub deaf: u64,
    /// Bytes, or ends, that met a host which no longer knew the connection and said so.
    pub stray: u64,
    /// Frames that were dropped.
    pub frames_lost: u64,
    /// Frames that were sent twice.
    pub frames_duplicated: u64,
    /// Frames that were put aside, and overtaken if others came.
    pub frames_reordered: u64,
    /// Old frames that were sent again.
    pub frames_replayed: u64,
}
