//! Kinds of frames, as far as the network tells them apart.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

use quorate_core::wire::PRELUDE_BYTES;
use serde::{Deserialize, Serialize};

/// A length that a frame cannot have: beyond this a stream is not ours.
pub(super) const FRAME_BYTES_MAX: usize = 64 << 20;
/// Everything before the header.
const ENVELOPE_BYTES: usize = 22;

/// What a frame is, by its service and the first byte of its header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum FrameKind {
    /// Any frame of a handshake.
    Handshake,
    /// See [`quorate_core::PreVote`].
    PreVote,
    /// See [`quorate_core::PreVoteReply`].
    PreVoteReply,
    /// See [`quorate_core::RequestVote`].
    RequestVote,
    /// See [`quorate_core::RequestVoteReply`].
    RequestVoteReply,
    /// Entries.
    AppendEntries,
    /// An append without entries: a look for where logs part.
    Look,
    /// See [`quorate_core::AppendEntriesReply`] and [`quorate_core::ForgetfulReply`].
    AppendEntriesReply,
    /// See [`quorate_core::Heartbeat`], [`quorate_core::Vouch`] and [`quorate_core::Rpc::Doubt`].
    Heartbeat,
    /// A request that is passed on.
    Forward,
    /// The outcome of one.
    Forwarded,
    /// A sign of life.
    KeepAlive,
    /// Anything else.
    Other,
    /// A leader hands over.
    TimeoutNow,
    /// See [`quorate_core::Rpc::RequestVoteInTransfer`].
    RequestVoteInTransfer,
}

impl FrameKind {
    /// What a whole frame is.
    #[must_use]
    pub fn of(frame: &[u8]) -> Self {
        let (Some(&service), Some(&kind)) = (frame.get(13), frame.get(ENVELOPE_BYTES)) else {
            return Self::Other;
        };
        match (service, kind) {
            (0, _) => Self::Handshake,
            (1, 0) => Self::PreVote,
            (1, 1) => Self::PreVoteReply,
            (1, 2) => Self::RequestVote,
            (1, 3) => Self::RequestVoteReply,
            (1, 4) if has_payload(frame) => Self::AppendEntries,
            (1, 4) => Self::Look,
            (1, 5 | 10) => Self::AppendEntriesReply,
            (1, 6 | 11 | 12) => Self::Heartbeat,
            (1, 7) => Self::TimeoutNow,
            (1, 8) => Self::RequestVoteInTransfer,
            (2, 0) => Self::Forward,
            (2, 1) => Self::Forwarded,
            (2, 2) => Self::KeepAlive,
            _ => Self::Other,
        }
    }

    /// Frames of one class keep their order where nothing wild is asked for.
    pub(super) const fn class(self) -> Option<u8> {
        match self {
            Self::AppendEntries | Self::Look => Some(0),
            Self::Forward | Self::Forwarded => Some(1),
            _ => None,
        }
    }
}

fn has_payload(frame: &[u8]) -> bool {
    let header_bytes = usize::from(u16::from_le_bytes([frame[20], frame[21]]));
    frame.len() > ENVELOPE_BYTES + header_bytes
}

/// How long the frame at the front is, all included.
pub(super) enum Length {
    /// So long.
    Known(usize),
    /// Its length has not arrived.
    Unknown,
    /// This is no frame.
    Foreign,
}

impl Length {
    pub(super) fn of(front: &[u8]) -> Self {
        let Some(&length) = front.first_chunk::<4>() else { return Self::Unknown };
        let bytes = u32::from_le_bytes(length) as usize;
        match bytes.checked_add(PRELUDE_BYTES) {
            Some(bytes) if (ENVELOPE_BYTES..=FRAME_BYTES_MAX).contains(&bytes) => {
                Self::Known(bytes)
            }
            _ => Self::Foreign,
        }
    }
}

/// A set of kinds; the default is [`CONSENSUS`](Self::CONSENSUS).
///
/// In words: the names of sets and kinds, joined by `+`.
///
/// ```
/// use quorate_io_sim::net::FrameKinds;
/// let kinds: FrameKinds = "votes+heartbeats".parse()?;
/// assert_eq!(kinds, FrameKinds::VOTES | FrameKinds::HEARTBEATS);
/// # Ok::<(), quorate_io_sim::net::UnknownKind>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FrameKinds(u16);

impl FrameKinds {
    /// None.
    pub const NONE: Self = Self(0);
    /// All messages of consensus: the frames against whose loss, repetition and delay the protocol
    /// holds.
    pub const CONSENSUS: Self = Self(0b110_0001_1111_1110);
    /// All about votes.
    pub const VOTES: Self = Self(0b110_0000_0001_1110);
    /// Entries, and looks for lost ones.
    pub const ENTRIES: Self = Self(0b110_0000);
    /// Answers to entries, looks and heartbeats.
    pub const ACKNOWLEDGEMENTS: Self = Self(0b1000_0000);
    /// Heartbeats.
    pub const HEARTBEATS: Self = Self(0b1_0000_0000);
    /// Requests that are passed on, and their outcomes.
    pub const FORWARDS: Self = Self(0b110_0000_0000);
    /// Signs of life.
    pub const KEEP_ALIVES: Self = Self(0b1000_0000_0000);
    /// Handshakes.
    pub const HANDSHAKES: Self = Self(1);
    /// Everything, known or not.
    pub const ALL: Self = Self(0x7FFF);

    const NAMED: [(&'static str, Self); 24] = [
        ("none", Self::NONE),
        ("all", Self::ALL),
        ("consensus", Self::CONSENSUS),
        ("votes", Self::VOTES),
        ("entries", Self::ENTRIES),
        ("acknowledgements", Self::ACKNOWLEDGEMENTS),
        ("heartbeats", Self::HEARTBEATS),
        ("forwards", Self::FORWARDS),
        ("keep-alives", Self::KEEP_ALIVES),
        ("handshakes", Self::HANDSHAKES),
        ("pre-vote", Self(1 << FrameKind::PreVote as u8)),
        ("pre-vote-reply", Self(1 << FrameKind::PreVoteReply as u8)),
        ("request-vote", Self(1 << FrameKind::RequestVote as u8)),
        ("request-vote-reply", Self(1 << FrameKind::RequestVoteReply as u8)),
        ("timeout-now", Self(1 << FrameKind::TimeoutNow as u8)),
        ("request-vote-in-transfer", Self(1 << FrameKind::RequestVoteInTransfer as u8)),
        ("append-entries", Self(1 << FrameKind::AppendEntries as u8)),
        ("look", Self(1 << FrameKind::Look as u8)),
        ("forward", Self(1 << FrameKind::Forward as u8)),
        ("forwarded", Self(1 << FrameKind::Forwarded as u8)),
        ("append-entries-reply", Self::ACKNOWLEDGEMENTS),
        ("heartbeat", Self::HEARTBEATS),
        ("keep-alive", Self::KEEP_ALIVES),
        ("other", Self(1 << FrameKind::Other as u8)),
    ];

    /// Is this kind among them?
    #[must_use]
    pub const fn contains(self, kind: FrameKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }
}

impl Default for FrameKinds {
    fn default() -> Self {
        Self::CONSENSUS
    }
}

impl From<FrameKind> for FrameKinds {
    fn from(kind: FrameKind) -> Self {
        Self(1 << kind as u8)
    }
}

impl BitOr for FrameKinds {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A name of no kind of frames.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("no kind of frames is called {0:?}")]
pub struct UnknownKind(pub String);

impl fmt::Display for FrameKinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = Self::NAMED.iter().find(|(_, kinds)| kinds == self) {
            return f.write_str(name);
        }
        // The largest sets first, each kind once.
        let mut left = self.0;
        let mut names = Vec::new();
        for (name, Self(bits)) in Self::NAMED {
            if bits & left != 0 && bits & !left == 0 {
                left &= !bits;
                names.push(name);
            }
        }
        f.write_str(&names.join("+"))
    }
}

impl FromStr for FrameKinds {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        text.split('+').try_fold(Self::NONE, |all, name| {
            let named = Self::NAMED.iter().find(|(known, _)| *known == name.trim());
            named.map(|(_, kinds)| all | *kinds).ok_or_else(|| UnknownKind(name.to_owned()))
        })
    }
}

impl TryFrom<String> for FrameKinds {
    type Error = UnknownKind;

    fn try_from(text: String) -> Result<Self, UnknownKind> {
        text.parse()
    }
}

impl From<FrameKinds> for String {
    fn from(kinds: FrameKinds) -> Self {
        kinds.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::FrameKinds;

    #[test]
    fn every_set_of_kinds_can_be_said_and_read() {
        for bits in 0..=FrameKinds::ALL.0 {
            let kinds = FrameKinds(bits);
            assert_eq!(kinds.to_string().parse(), Ok(kinds));
        }
        assert!("votes+nonsense".parse::<FrameKinds>().is_err());
    }
}
