//! What the network tells whoever drives the hosts.

use bytes::Bytes;

use super::connection::End;
use super::host::HostId;

/// Something that one host's end of a connection gets to know now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The host.
    pub host: HostId,
    /// Its end of the connection.
    pub end: End,
    /// What happens there.
    pub event: NetEvent,
}

/// What happens at one end of a connection.
///
/// ```text
///   dialer:    Opened ──► (Bytes | Room)* ──► Ended
///                └ or Failed
///   acceptor:  Accepted ─► (Bytes | Room)* ──► Ended
/// ```
/// After [`Failed`](Self::Failed) and after [`Ended`](Self::Ended) with any cause but
/// [`Cause::Closed`] the end does not exist any more. An end that was closed or reset by its own
/// host is not mentioned again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NetEvent {
    /// Somebody connected, from this host.
    Accepted(HostId),
    /// The connection that was asked for stands.
    Opened,
    /// It could not be made.
    Failed(ConnectError),
    /// Bytes came in.
    Bytes(Bytes),
    /// So many more of the bytes that were sent here have left the process.
    Room(u64),
    /// The other side says nothing more, or the connection is gone.
    Ended(Cause),
}

/// Why a connection could not be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectError {
    /// Nobody listens there.
    Refused,
    /// Nothing came back.
    TimedOut,
}

/// Why a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cause {
    /// The other side has said all it had to say. This end may go on sending until it closes too.
    Closed,
    /// The other side, or somebody in between, broke it off.
    Reset,
    /// What was sent was not acknowledged for too long.
    TimedOut,
}
