//! One follower, whose leader and whose disk are played: what it costs to take entries in, and what
//! they weigh.

use bytes::Bytes;
use quorate_core::{
    AppendEntries, Config, Effect, Effects, Entries, Entry, Event, Index, Instant, LogId,
    Membership, Message, NodeId, Payload, Raft, Recovered, ReplicationId, Round, Rpc, Term,
};
use raft::prelude::MessageType;

use crate::lockstep::Post as _;
use crate::{quorate, raft_rs};

/// A follower, the second of three servers.
pub trait Follower {
    /// Makes so many messages ready, each with so many commands of that length, as they come off
    /// the wire.
    fn prepare(&mut self, messages: usize, entries: usize, command: &[u8]);

    /// Takes in what was prepared; returns how many answers it gave.
    fn take_in(&mut self) -> usize;
}

const TERM: u64 = 1;

/// The core's.
pub struct Quorate {
    raft: Raft,
    effects: Effects,
    wire: quorate::Framed,
    prepared: Vec<Message>,
    round: u64,
    last: LogId,
    applied: Index,
}

impl Quorate {
    /// Keeps entries of `cached_bytes_max` in memory.
    pub fn new(cached_bytes_max: u64) -> Self {
        let founders = Membership::of_voters([1, 2, 3].map(node)).expect("three servers");
        let config = Config { cached_bytes_max, ..Config::new(node(2)) };
        let recovered = Recovered::genesis(founders);
        Self {
            raft: Raft::new(config, recovered, Instant(0)).expect("a fresh server"),
            effects: Effects::default(),
            wire: quorate::Framed::default(),
            prepared: Vec::new(),
            round: 0,
            last: LogId::ZERO,
            applied: Index(0),
        }
    }

    fn message(&mut self, entries: usize, command: &[u8]) -> Message {
        let prev = self.last;
        let entry = |offset| Entry {
            id: LogId { term: Term(TERM), index: Index(prev.index.0 + offset) },
            payload: Payload::Command(Bytes::copy_from_slice(command)),
        };
        let entries = Entries::new((1..=entries as u64).map(entry)).expect("a run");
        self.last = entries.last_id().unwrap_or(prev);
        // As a leader does it: entries belong to the round that is under way, and are answered once
        // they are durable; without any, only a new round wants an answer.
        self.round += u64::from(entries.is_empty());
        let (replication, round) = (ReplicationId(1), Round(self.round));
        let request = AppendEntries { replication, round, prev, entries, commit: prev.index };
        let (from, to, rpc) = (node(1), node(2), Rpc::AppendEntries(request));
        self.wire.carry(Message { from, to, term: Term(TERM), rpc })
    }

    /// One step, and what follows from it; returns how many answers it gave.
    fn step(&mut self, event: Event) -> usize {
        self.raft.step(Instant(0), event, &mut self.effects);
        let (mut answers, mut written) = (0, None);
        for effect in self.effects.drain() {
            match effect {
                Effect::Write(write) => written = Some(write.ticket),
                Effect::Send(_) => answers += 1,
                Effect::Commit(upto) => {
                    while self.applied < upto {
                        let run = self.raft.cached(self.applied.next(), u64::MAX);
                        let run = run.as_ref().expect("committed just now");
                        self.applied = run.last_id().expect("not empty").index.min(upto);
                    }
                }
                Effect::RoleChanged(_) => {}
                other => unreachable!("an undisturbed follower: {other:?}"),
            }
        }
        answers + written.map_or(0, |ticket| self.step(Event::Persisted(ticket)))
    }
}

fn node(id: u64) -> NodeId {
    NodeId::new(id).expect("not zero")
}

impl Follower for Quorate {
    fn prepare(&mut self, messages: usize, entries: usize, command: &[u8]) {
        for _ in 0..messages {
            let message = self.message(entries, command);
            self.prepared.push(message);
        }
    }

    fn take_in(&mut self) -> usize {
        let mut prepared = std::mem::take(&mut self.prepared);
        let answers = prepared.drain(..).map(|message| self.step(Event::Receive(message))).sum();
        self.prepared = prepared;
        answers
    }
}

/// That of raft-rs.
pub struct RaftRs {
    server: raft_rs::Server,
    prepared: Vec<raft::prelude::Message>,
    last: u64,
}

impl RaftRs {
    /// Keeps so many applied entries in memory.
    pub fn new(kept: u64) -> Self {
        Self { server: raft_rs::Server::new(2, &[1, 2, 3], kept), prepared: Vec::new(), last: 0 }
    }

    fn message(&mut self, entries: usize, command: &[u8]) -> raft::prelude::Message {
        let first = self.last + 1;
        let entry = |index| raft::prelude::Entry {
            term: TERM,
            index,
            data: Bytes::copy_from_slice(command),
            ..Default::default()
        };
        let mut message = raft::prelude::Message {
            from: 1,
            to: 2,
            term: TERM,
            index: self.last,
            log_term: if self.last == 0 { 0 } else { TERM },
            commit: self.last,
            ..Default::default()
        };
        message.set_msg_type(MessageType::MsgAppend);
        message.entries = (first..first + entries as u64).map(entry).collect::<Vec<_>>().into();
        self.last += entries as u64;
        raft_rs::Framed.carry(message)
    }
}

impl Follower for RaftRs {
    fn prepare(&mut self, messages: usize, entries: usize, command: &[u8]) {
        for _ in 0..messages {
            let message = self.message(entries, command);
            self.prepared.push(message);
        }
    }

    fn take_in(&mut self) -> usize {
        let answers = |messages: [Vec<_>; 3]| messages.iter().map(Vec::len).sum::<usize>();
        self.prepared.drain(..).map(|message| answers(self.server.take_in(message))).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_append_is_answered_once() {
        let (mut ours, mut theirs) = (Quorate::new(1 << 12), RaftRs::new(64));
        let both: [&mut dyn Follower; 2] = [&mut ours, &mut theirs];
        for follower in both {
            for entries in [1, 0, 64, 0, 1] {
                follower.prepare(10, entries, &[7; 16]);
                assert_eq!(follower.take_in(), 10, "{entries} entries");
                assert_eq!(follower.take_in(), 0, "nothing was prepared");
            }
        }
        // The last message does not know yet that its own entries are committed.
        assert_eq!(ours.applied.0, 659);
    }
}
