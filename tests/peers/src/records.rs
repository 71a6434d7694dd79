//! The same append as plain structs, for a codec that knows nothing of entries.

use quorate_core::{AppendEntries, Message, Payload, Rpc};
use serde::{Deserialize, Serialize, Serializer};

/// [`Message`] with [`AppendEntries`].
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct Append<'a> {
    ids: [u64; 8],
    #[serde(borrow)]
    entries: Vec<Record<'a>>,
}

/// One entry. Its command is borrowed from what is decoded.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
struct Record<'a> {
    term: u64,
    index: u64,
    #[serde(serialize_with = "as_bytes")]
    command: &'a [u8],
}

/// The same, as one who keeps the commands reads it: each is copied.
#[derive(Deserialize, PartialEq, Eq, Debug)]
pub struct OwnAppend {
    ids: [u64; 8],
    entries: Vec<OwnRecord>,
}

#[derive(Deserialize, PartialEq, Eq, Debug)]
struct OwnRecord {
    term: u64,
    index: u64,
    command: Vec<u8>,
}

/// serde would write a slice byte by byte.
fn as_bytes<S: Serializer>(command: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bytes(command)
}

impl<'a> Append<'a> {
    /// Says what `message` says.
    ///
    /// # Panics
    /// If it is no append of commands.
    pub fn of(message: &'a Message) -> Self {
        let Message { from, to, term, rpc: Rpc::AppendEntries(append) } = message else {
            panic!("not an append: {message:?}");
        };
        let AppendEntries { replication, round, prev, entries, commit } = append;
        let record = |entry: &'a quorate_core::Entry| match &entry.payload {
            Payload::Command(command) => {
                Record { term: entry.id.term.0, index: entry.id.index.0, command }
            }
            other => panic!("not a command: {other:?}"),
        };
        let ids = [from.get(), to.get(), term.0, replication.0, round.0, prev.term.0];
        let [a, b, c, d, e, f] = ids;
        Self {
            ids: [a, b, c, d, e, f, prev.index.0, commit.0],
            entries: entries.iter().map(record).collect(),
        }
    }
}
