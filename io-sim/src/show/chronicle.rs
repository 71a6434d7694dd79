//! What happened, with its structure.

use std::io::{self, BufRead, Write};

use quorate_core::RoleKind;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The only format there is.
const FORMAT: &str = "quorate-chronicle/1";

/// A run, written down.
///
/// Hosts are numbered as the network numbers them: servers from 1, then clients.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chronicle {
    /// How many servers there are.
    pub servers: u16,
    /// How many clients.
    pub clients: u16,
    /// In the order of time.
    pub moments: Vec<Moment>,
}

/// Something that happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moment {
    /// When, in nanoseconds of the world's time.
    #[serde(rename = "t")]
    pub at: u64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "kebab-case")]
pub enum What {
    /// A server stands otherwise than before.
    Stands {
        /// Who.
        n: u16,
        /// How.
        #[serde(flatten)]
        standing: Standing,
    },
    /// A message was handed to the network.
    Sent {
        /// Its number, in the order of sending.
        id: u64,
        /// The sender.
        from: u16,
        /// The receiver.
        to: u16,
        /// What kind of message.
        kind: Kind,
        /// What it says.
        text: String,
    },
    /// A message reached its host. One that never does was lost, or is under way at the end.
    Arrived {
        /// Its number.
        id: u64,
        /// How.
        how: Arrival,
    },
    /// Bytes arrived that are no message, and nobody knows of which one they were a part.
    Garbled {
        /// The sender.
        from: u16,
        /// The receiver.
        to: u16,
    },
    /// The disk of a server works.
    Disk {
        /// Whose.
        n: u16,
        /// When it is done.
        until: u64,
        /// What comes of it.
        text: String,
    },
    /// A process begins to read what its disk kept.
    Starting {
        /// Whose.
        n: u16,
    },
    /// A process serves.
    Started {
        /// Whose.
        n: u16,
    },
    /// A process is gone.
    Down {
        /// Whose.
        n: u16,
        /// How that came about.
        text: String,
    },
    /// A server stands still.
    Paused {
        /// Who.
        n: u16,
        /// Until then.
        until: u64,
    },
    /// A disk hangs.
    Stalled {
        /// Whose.
        n: u16,
        /// Until then.
        until: u64,
    },
    /// Links between servers are blocked, in addition to those that are.
    Cut {
        /// From the first to the second.
        blocked: Vec<(u16, u16)>,
        /// Who is parted from whom, in words.
        text: String,
    },
    /// No link is blocked any more.
    Mended,
    /// All faults have ended.
    Healed,
    /// Something else that the world did to a server, or to all.
    Noted {
        /// To whom; 0 for all.
        n: u16,
        /// What.
        text: String,
    },
    /// A client asked for something.
    Called {
        /// Who.
        n: u16,
        /// What.
        text: String,
        /// The same in the language of histories, where the workload knows it.
        #[serde(skip_serializing_if = "Option::is_none")]
        asked: Option<Asked>,
    },
    /// What it asked for ended.
    Ended {
        /// Who.
        n: u16,
        /// How.
        how: Ending,
        /// With which answer.
        text: String,
        /// The same in the language of histories.
        #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
        answer: Option<Value>,
    },
    /// A check did not hold.
    Violated {
        /// The property.
        property: String,
        /// What was seen.
        evidence: String,
    },
}

/// How a server stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Standing {
    /// Its role.
    pub role: RoleKind,
    /// Its term.
    pub term: u64,
    /// Whom it voted for in this term; 0 for nobody.
    pub vote: u64,
    /// Its last entry: the index.
    pub last: u64,
    /// Its last entry: the term.
    pub last_term: u64,
    /// What it knows to be on its disk.
    pub durable: u64,
    /// What it knows to be committed.
    pub commit: u64,
    /// What its state machine has applied.
    pub applied: u64,
}

/// Kinds of messages, as far as pictures tell them apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Entries, or a look for where logs part.
    Append,
    /// The answer to entries and heartbeats.
    AppendReply,
    /// A heartbeat.
    Heartbeat,
    /// A candidate asks for a vote.
    Vote,
    /// The answer to that.
    VoteReply,
    /// A pre-candidate asks whether it would get a vote.
    PreVote,
    /// The answer to that.
    PreVoteReply,
    /// A request that is passed on to the leader, or its outcome.
    Forward,
    /// A sign of life.
    KeepAlive,
    /// The beginning of a connection.
    Handshake,
    /// Between a client and a server.
    Client,
}

/// How a message arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrival {
    /// As it was sent.
    First,
    /// Once more.
    Again,
    /// Damaged.
    Corrupt,
}

/// How a request of a client ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It was answered.
    Ok,
    /// It certainly had no effect.
    Failed,
    /// Nobody knows.
    Unknown,
}

/// A request in the language of [histories](crate::history).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Asked {
    /// The operation.
    pub f: String,
    /// The key, where there are keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<String>,
    /// The argument, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub v: Option<Value>,
}

/// A `null` that is there differs from nothing at all.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

#[derive(Serialize, Deserialize)]
struct Header {
    format: String,
    servers: u16,
    clients: u16,
}

/// Why a file is no [`Chronicle`].
#[derive(Debug, thiserror::Error)]
pub enum ChronicleError {
    /// It cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A line is not what it must be.
    #[error("line {line}: {source}")]
    Line {
        /// Which, from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// It is of another kind, or a later one.
    #[error("the format is {format:?}, known is {FORMAT:?}")]
    Format {
        /// What it says.
        format: String,
    },
    /// It has no first line.
    #[error("line 1 is missing: a chronicle begins with a header")]
    Empty,
    /// Somebody is mentioned who is not there.
    #[error("line {line} mentions host {host} of {hosts}")]
    Host {
        /// Which line, from 1.
        line: usize,
        /// Who.
        host: u16,
        /// How many there are.
        hosts: u32,
    },
}

impl Chronicle {
    /// A line for the whole, and one for each moment.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let Self { servers, clients, moments } = self;
        let header = Header { format: FORMAT.to_owned(), servers: *servers, clients: *clients };
        serde_json::to_writer(&mut *out, &header)?;
        out.write_all(b"\n")?;
        moments.iter().try_for_each(|moment| {
            serde_json::to_writer(&mut *out, moment)?;
            out.write_all(b"\n")
        })
    }

    /// Reads what [`write_to`](Self::write_to) wrote.
    ///
    /// # Errors
    /// See [`ChronicleError`].
    pub fn read_from(reader: impl BufRead) -> Result<Self, ChronicleError> {
        let mut lines = reader.lines().zip(1..);
        let (header, _) = lines.next().ok_or(ChronicleError::Empty)?;
        let header: Header = serde_json::from_str(&header?)
            .map_err(|source| ChronicleError::Line { line: 1, source })?;
        if header.format != FORMAT {
            return Err(ChronicleError::Format { format: header.format });
        }
        let Header { servers, clients, .. } = header;
        let mut moments = Vec::new();
        for (text, line) in lines {
            let moment: Moment = serde_json::from_str(&text?)
                .map_err(|source| ChronicleError::Line { line, source })?;
            let hosts = u32::from(servers) + u32::from(clients);
            if let Some(host) = moment.what.hosts().find(|&host| u32::from(host) > hosts) {
                return Err(ChronicleError::Host { line, host, hosts });
            }
            moments.push(moment);
        }
        Ok(Self { servers, clients, moments })
    }

    /// When it ends, in nanoseconds.
    pub fn end(&self) -> u64 {
        self.moments.last().map_or(0, |last| last.at)
    }

    /// The name of a host.
    pub(super) fn name(&self, host: u16) -> String {
        match host {
            0 => "--".to_owned(),
            host if host <= self.servers => format!("n{host}"),
            host => format!("c{}", host - self.servers),
        }
    }
}

impl What {
    /// Whom it mentions.
    fn hosts(&self) -> impl Iterator<Item = u16> {
        let (one, other) = match self {
            Self::Stands { n, .. }
            | Self::Disk { n, .. }
            | Self::Starting { n }
            | Self::Started { n }
            | Self::Down { n, .. }
            | Self::Paused { n, .. }
            | Self::Stalled { n, .. }
            | Self::Noted { n, .. }
            | Self::Called { n, .. }
            | Self::Ended { n, .. } => (*n, 0),
            Self::Sent { from, to, .. } | Self::Garbled { from, to } => (*from, *to),
            Self::Cut { blocked, .. } => {
                let ends = blocked.iter().flat_map(|&(from, to)| [from, to]);
                (ends.max().unwrap_or(0), 0)
            }
            Self::Arrived { .. } | Self::Mended | Self::Healed | Self::Violated { .. } => (0, 0),
        };
        [one, other].into_iter()
    }
}
