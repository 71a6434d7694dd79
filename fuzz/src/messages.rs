//! Messages of every kind, made of an input's choices.

use bytes::Bytes;
use quorate_core::wire::{
    Address, ClientHello, ClientMessage, ClientWelcome, Consistency, Forward, ForwardBody,
    ForwardOutcome, Forwarded, Handshake, Hello, NotApplied, Outcome, PeerMessage, Reject, Request,
    RequestBody, Response, Unknown, Welcome,
};
use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, ClusterId, Entries, Entry, Heartbeat,
    Incarnation, Index, LogId, Membership, MembershipRecord, Message, NodeId, Payload, PreVote,
    PreVoteReply, ReplicationId, RequestVote, RequestVoteReply, Round, Rpc, System, Term,
};

use crate::input::Input;

/// What the numbers of a message are mostly near to. Nothing, for any numbers at all.
#[derive(Clone, Default, Debug)]
pub struct Near {
    /// Servers.
    pub nodes: Vec<u64>,
    /// Terms.
    pub terms: Vec<u64>,
    /// Indexes.
    pub indexes: Vec<u64>,
    /// Replications and rounds.
    pub counters: Vec<u64>,
}

/// Between servers of a group. Its entries follow its `prev`, as the wire demands.
pub fn raft(input: &mut Input<'_>, near: &Near) -> Message {
    let rpc = rpc(input, near);
    let [from, to] = [(); 2].map(|()| node(input.near(&near.nodes)));
    Message { from, to, term: Term(input.near(&near.terms)), rpc }
}

fn rpc(input: &mut Input<'_>, near: &Near) -> Rpc {
    let next_term = |input: &mut Input<'_>| Term(input.near(&near.terms));
    match input.below(9) {
        0 => Rpc::PreVote(PreVote { next_term: next_term(input), last: id(input, near) }),
        1 => {
            let (next_term, granted) = (next_term(input), input.coin());
            Rpc::PreVoteReply(PreVoteReply { next_term, granted })
        }
        2 => Rpc::RequestVote(RequestVote { last: id(input, near) }),
        3 => Rpc::RequestVoteReply(RequestVoteReply { granted: input.coin() }),
        4 => {
            let (replication, round) = names(input, near);
            let prev = id(input, near);
            let commit = Index(input.near(&near.indexes));
            let entries = entries(input, prev);
            Rpc::AppendEntries(AppendEntries { replication, round, prev, entries, commit })
        }
        5 => {
            let (replication, round) = names(input, near);
            let outcome = outcome_of_append(input, near);
            Rpc::AppendEntriesReply(AppendEntriesReply { replication, round, outcome })
        }
        6 => {
            let (replication, round) = names(input, near);
            let (matched, commit) = (id(input, near), Index(input.near(&near.indexes)));
            Rpc::Heartbeat(Heartbeat { replication, round, matched, commit })
        }
        7 => Rpc::TimeoutNow,
        _ => Rpc::RequestVoteInTransfer(RequestVote { last: id(input, near) }),
    }
}

fn names(input: &mut Input<'_>, near: &Near) -> (ReplicationId, Round) {
    (ReplicationId(input.near(&near.counters)), Round(input.near(&near.counters)))
}

fn id(input: &mut Input<'_>, near: &Near) -> LogId {
    LogId { term: Term(input.near(&near.terms)), index: Index(input.near(&near.indexes)) }
}

fn outcome_of_append(input: &mut Input<'_>, near: &Near) -> AppendOutcome {
    let index = |input: &mut Input<'_>| Index(input.near(&near.indexes));
    match input.below(3) {
        0 => AppendOutcome::Match(index(input)),
        1 => AppendOutcome::Mismatch { rejected: index(input), hint: id(input, near) },
        _ => AppendOutcome::StaleTerm,
    }
}

/// Fewer than 64 entries after `prev`, of its term and later ones.
pub fn entries(input: &mut Input<'_>, prev: LogId) -> Entries {
    let room = usize::try_from(u64::MAX - prev.index.0).unwrap_or(usize::MAX);
    let (count, mut term) = (input.below(64).min(room), prev.term.0);
    let entries = (1..=count as u64).map(|at| {
        let payload = match input.byte() {
            0 => Payload::NOOP,
            255 => Payload::System(System::Membership(MembershipRecord::of(&membership(input)))),
            1 => {
                term = term.saturating_add(input.number());
                Payload::Command(Bytes::new())
            }
            _ => Payload::Command(bytes(input)),
        };
        Entry { id: LogId { term: Term(term), index: Index(prev.index.0 + at) }, payload }
    });
    Entries::new(entries.collect::<Vec<_>>()).expect("a run")
}

/// Any voters of the first six servers, any learners of the next two.
pub fn membership(input: &mut Input<'_>) -> Membership {
    let bits = input.byte();
    let of = |range: core::ops::Range<u64>| range.filter(move |bit| bits >> bit & 1 == 1);
    let voters: Vec<_> = of(0..6).map(|bit| node(bit + 1)).collect();
    let voters = if voters.is_empty() { vec![node(1)] } else { voters };
    let learners = of(6..8).map(|bit| node(bit + 1));
    Membership::new(voters, [], learners).expect("two lists that share nobody")
}

/// Of either side, before a connection is trusted.
pub fn handshake(input: &mut Input<'_>) -> Handshake {
    let (wire_min, wire_max, wire) = (short(input), short(input), short(input));
    let cluster = ClusterId(input.number().into());
    let [from, to] = [(); 2].map(|()| node(input.number()));
    let incarnation = Incarnation(u128::from(input.number()) << 64);
    let (boot, frame_bytes_max) = (input.number(), u32::from(short(input)) << 16);
    match input.below(5) {
        0 => Handshake::Hello(Hello {
            wire_min,
            wire_max,
            cluster,
            from,
            to,
            incarnation,
            boot,
            frame_bytes_max,
        }),
        1 => {
            let cluster = input.coin().then_some(cluster);
            Handshake::ClientHello(ClientHello { wire_min, wire_max, cluster })
        }
        2 => Handshake::Welcome(Welcome {
            wire,
            cluster,
            from,
            to,
            incarnation,
            boot,
            frame_bytes_max,
        }),
        3 => Handshake::ClientWelcome(ClientWelcome { wire, cluster, from, frame_bytes_max }),
        _ => Handshake::Reject(match input.below(9) {
            0 => Reject::WrongCluster,
            1 => Reject::WrongNode,
            2 => Reject::UnknownNode,
            3 => Reject::UnsupportedVersion { wire_min, wire_max },
            4 => Reject::StaleIncarnation,
            5 => Reject::StaleBoot,
            6 => Reject::Removed,
            7 => Reject::Busy,
            _ => Reject::FrameTooSmall { bytes_max: frame_bytes_max, needed: boot },
        }),
    }
}

/// Between servers, beside consensus.
pub fn peer(input: &mut Input<'_>) -> PeerMessage {
    let id = input.number();
    match input.below(7) {
        0 => PeerMessage::KeepAlive,
        1 => {
            let (hops, body) = (input.byte(), ForwardBody::Propose { command: bytes(input) });
            PeerMessage::Forward(Forward { id, hops, body })
        }
        2 => {
            let (hops, body) = (input.byte(), ForwardBody::ReadIndex);
            PeerMessage::Forward(Forward { id, hops, body })
        }
        kind => {
            let outcome = match kind {
                3 => ForwardOutcome::Done { index: Index(input.number()), answer: bytes(input) },
                4 => ForwardOutcome::ReadIndex { index: Index(input.number()) },
                5 => ForwardOutcome::NotApplied(not_applied(input)),
                _ => ForwardOutcome::Unknown(unknown(input)),
            };
            PeerMessage::Forwarded(Forwarded { id, outcome })
        }
    }
}

/// Between a client and a server.
pub fn client(input: &mut Input<'_>) -> ClientMessage {
    let id = input.number();
    let request = |body| ClientMessage::Request(Request { id, body });
    let response = |outcome| ClientMessage::Response(Response { id, outcome });
    match input.below(7) {
        0 => request(RequestBody::Status),
        1 => request(RequestBody::Propose { command: bytes(input) }),
        2 => {
            let consistency = Consistency::Linearizable;
            request(RequestBody::Query { consistency, query: bytes(input) })
        }
        3 => request(RequestBody::Query { consistency: Consistency::Stale, query: bytes(input) }),
        4 => {
            let (index, answer) = (Index(input.number()), bytes(input));
            response(Outcome::Done { index, answer })
        }
        5 => response(Outcome::NotApplied(not_applied(input))),
        _ => response(Outcome::Unknown(unknown(input))),
    }
}

fn not_applied(input: &mut Input<'_>) -> NotApplied {
    match input.below(9) {
        0 => {
            let leader = NodeId::new(input.number());
            let address = String::from_utf8_lossy(input.bytes()).into_owned();
            NotApplied::NotLeader { leader, address: Address::new(address).ok() }
        }
        1 => NotApplied::Busy,
        2 => NotApplied::TooLarge { bytes: input.number(), bytes_max: input.number() },
        3 => NotApplied::ShuttingDown,
        4 => NotApplied::Invalid,
        5 => NotApplied::UnknownGroup,
        6 => NotApplied::TooManyHops,
        7 => NotApplied::Halted,
        _ => NotApplied::LeadershipLost,
    }
}

fn unknown(input: &mut Input<'_>) -> Unknown {
    match input.below(4) {
        0 => Unknown::LeadershipLost,
        1 => Unknown::Timeout,
        2 => Unknown::ConnectionLost,
        _ => Unknown::ShutDown,
    }
}

fn bytes(input: &mut Input<'_>) -> Bytes {
    Bytes::copy_from_slice(input.bytes())
}

fn short(input: &mut Input<'_>) -> u16 {
    u16::from_le_bytes([input.byte(), input.byte()])
}

/// A server of this number; 0 is nobody, and stands for the first.
pub fn node(number: u64) -> NodeId {
    NodeId::new(number.max(1)).expect("not zero")
}
