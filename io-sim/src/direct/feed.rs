//! Inputs and outputs of nodes as words of a digest.

use quorate_core::node::{ConnectionId, Input, LogReader, Output};
use quorate_core::snapshot::Stored;

use crate::clock::nanos;
use crate::digest::Digest;
use crate::feed::Feed;

impl Feed for Input {
    fn feed(&self, digest: &mut Digest) {
        match self {
            Self::Accepted(id) => digest.words(&[1, name(*id)]),
            Self::Opened(id) => digest.words(&[2, name(*id)]),
            Self::Received(id, bytes) => {
                digest.words(&[3, name(*id)]);
                digest.bytes(bytes);
            }
            Self::Sent(id, bytes) => digest.words(&[4, name(*id), *bytes]),
            Self::Closed(id) => digest.words(&[5, name(*id)]),
            Self::Persisted(ticket) => digest.words(&[6, ticket.0]),
            Self::DiskFailed(_) => digest.word(7),
            Self::DiskFull(_) => digest.word(8),
            Self::LogRead(reader, read) => {
                digest.words(&[9, who(*reader)]);
                match read {
                    Ok(entries) => entries.feed(digest),
                    Err(_) => digest.word(u64::MAX),
                }
            }
            Self::Applied(index, answers) => {
                digest.words(&[10, index.0, answers.len() as u64]);
                for (at, answer) in answers {
                    digest.words(&[at.index.0, at.term.0]);
                    digest.bytes(answer);
                }
            }
            Self::Answered { id, index, answer } => {
                digest.words(&[11, id.0, index.0]);
                digest.bytes(answer.as_deref().unwrap_or(&[]));
            }
            Self::Request { id, .. } => digest.words(&[12, *id]),
            Self::Stop => digest.word(13),
            Self::Captured { index, part, is_last } => {
                digest.words(&[14, index.0, (*is_last).into()]);
                digest.bytes(part);
            }
            Self::SnapshotStored { slot, snapshot, stored } => {
                let stored = match stored {
                    Ok(Stored::Part(bytes)) => *bytes,
                    Ok(Stored::Whole(_)) => u64::MAX - 1,
                    Err(_) => u64::MAX,
                };
                digest.words(&[15, *slot as u64, snapshot.index.0, snapshot.term.0, stored]);
            }
            Self::SnapshotRead { reader, snapshot, offset, read } => {
                digest.words(&[16, who(*reader), snapshot.index.0, snapshot.term.0, *offset]);
                match read {
                    Ok(Some((bytes, total))) => {
                        digest.word(*total);
                        digest.bytes(bytes);
                    }
                    Ok(None) => digest.word(u64::MAX - 1),
                    Err(_) => digest.word(u64::MAX),
                }
            }
            Self::Restored { snapshot, is_done } => {
                digest.words(&[17, snapshot.index.0, (*is_done).into()]);
            }
            Self::TendIn(span) => digest.words(&[18, nanos(*span)]),
            Self::WriteTime => digest.word(19),
            Self::Unfit(_) => digest.word(20),
            Self::Called { id, .. } => digest.words(&[21, id.0]),
        }
    }
}

impl Feed for Output {
    fn feed(&self, digest: &mut Digest) {
        match self {
            Self::Dial(id, _) => digest.words(&[1, name(*id)]),
            Self::Send(id, bytes) => {
                digest.words(&[2, name(*id)]);
                digest.bytes(bytes);
            }
            Self::Close(id) => digest.words(&[3, name(*id)]),
            Self::Write(write) => {
                digest.word(4);
                write.feed(digest);
            }
            Self::ReadLog { reader, first, bytes_max } => {
                digest.words(&[5, who(*reader), first.0, *bytes_max]);
            }
            Self::Apply { entries, .. } => {
                digest.word(6);
                entries.feed(digest);
            }
            Self::Query { id, index, query } => {
                digest.words(&[7, id.0, index.0]);
                digest.bytes(query);
            }
            Self::Watch { id, watch } => {
                digest.words(&[20, id.0]);
                digest.bytes(watch);
            }
            Self::Call { id, service, function, arguments } => {
                digest.words(&[25, id.0, service.0, function.0]);
                digest.bytes(arguments);
            }
            Self::Forget(id) => digest.words(&[21, id.0]),
            Self::Tend { now, reign } => {
                let led = reign.and_then(|reign| reign.led).map_or(u64::MAX, nanos);
                let term = reign.map_or(0, |reign| reign.term.0);
                digest.words(&[22, now.0, term, led]);
            }
            Self::Respond { id, .. } => digest.words(&[8, *id]),
            Self::Note(_) => digest.word(9),
            Self::Stopped => digest.word(10),
            Self::DiskFailed(_) => digest.word(11),
            Self::Halted(_) => digest.word(12),
            Self::Disowned { by, .. } => digest.words(&[23, by.get()]),
            Self::Unfit(_) => digest.word(24),
            Self::Capture(index) => digest.words(&[13, index.0]),
            Self::CaptureMore => digest.word(14),
            Self::CaptureEnd => digest.word(15),
            Self::WriteSnapshot { slot, snapshot, offset, bytes } => {
                digest.words(&[16, *slot as u64, snapshot.index.0, snapshot.term.0, *offset]);
                digest.bytes(bytes);
            }
            Self::ReadSnapshot { reader, snapshot, offset, bytes_max } => {
                let bytes_max = u64::from(*bytes_max);
                let what = [snapshot.index.0, snapshot.term.0, *offset, bytes_max];
                digest.words(&[17, who(*reader)]);
                digest.words(&what);
            }
            Self::Restore { snapshot, bytes } => {
                digest.words(&[18, snapshot.index.0, snapshot.term.0]);
                digest.bytes(bytes);
            }
            Self::Compact { index, newest, kept } => {
                digest.words(&[19, index.0, newest.0, kept.len() as u64]);
                kept.iter().for_each(|id| digest.words(&[id.index.0, id.term.0]));
            }
        }
    }
}

fn name(id: ConnectionId) -> u64 {
    id.number()
}

fn who(reader: LogReader) -> u64 {
    match reader {
        LogReader::StateMachine => 0,
        LogReader::Peer(peer) => peer.get(),
        LogReader::Request(id) => id.0,
    }
}
