//! Messages of every kind, made of an input's choices.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::wire::{
    Address, ClientHello, ClientMessage, ClientWelcome, Consistency, Forward, ForwardBody,
    ForwardOutcome, Forwarded, FunctionId, Handshake, Hello, NotApplied, Outcome, PeerMessage,
    Reject, Request, RequestBody, Response, ServiceId, SnapshotAsk, SnapshotPart, Unknown, Welcome,
};
use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, ClusterId, Entries, Entry, EntryRange,
    ForgetfulReply, Heartbeat, Incarnation, Index, InstallSnapshot, LeaderTime, LifeId, LogId,
    Membership, MembershipRecord, Message, NodeId, Payload, PreVote, PreVoteReply, ReplicationId,
    RequestVote, RequestVoteReply, Round, Rpc, SnapshotMeta, Stopped, System, Term, Vouch,
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
    match input.below(13) {
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
        12 => Rpc::Doubt,
        8 => {
            let (replication, round) = names(input, near);
            let [last_included, membership_at] = [(); 2].map(|()| id(input, near));
            let voters: BTreeSet<_> =
                (0..=input.below(5)).map(|_| input.near(&near.nodes)).collect();
            let voters = voters.into_iter().filter_map(NodeId::new);
            let Ok(membership) = Membership::of_voters(voters) else { return Rpc::TimeoutNow };
            let snapshot = SnapshotMeta { last_included, membership_at, membership };
            Rpc::InstallSnapshot(Box::new(InstallSnapshot { replication, round, snapshot }))
        }
        10 => {
            let life = LifeId(input.near(&near.counters));
            let (replication, round) = names(input, near);
            let outcome = outcome_of_append(input, near);
            let reply = AppendEntriesReply { replication, round, outcome };
            Rpc::ForgetfulReply(ForgetfulReply { life, reply })
        }
        11 => {
            let life = LifeId(input.near(&near.counters));
            Rpc::Vouch(Vouch { life, upto: Index(input.near(&near.indexes)) })
        }
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
            254 => {
                Payload::System(System::Time(LeaderTime::new(Duration::from_nanos(input.number()))))
            }
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

/// "Get this snapshot from me", with any membership.
pub fn offer(input: &mut Input<'_>) -> Message {
    let near = Near::default();
    let (replication, round) = names(input, &near);
    let [last_included, membership_at] = [(); 2].map(|()| id(input, &near));
    let membership = match input.coin() {
        true => membership_with_addresses(input),
        false => {
            // Two majorities.
            let [old, new] = [(); 2].map(|()| membership(input));
            let [old, voters] = [&old, &new].map(|it| it.voters().iter().copied());
            Membership::new(voters, old, []).expect("two lists")
        }
    };
    let snapshot = SnapshotMeta { last_included, membership_at, membership };
    let rpc = Rpc::InstallSnapshot(Box::new(InstallSnapshot { replication, round, snapshot }));
    let [from, to] = [(); 2].map(|()| node(input.number()));
    Message { from, to, term: Term(input.number()), rpc }
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
    let request = input.number();
    match input.below(12) {
        0 => PeerMessage::KeepAlive,
        7 => PeerMessage::Reachable { address: address(input) },
        8 => {
            let (snapshot, offset) = (id(input, &Near::default()), input.number());
            let bytes_max = u32::from(short(input)) << 8;
            PeerMessage::SnapshotAsk(SnapshotAsk { snapshot, offset, bytes_max })
        }
        9 => {
            let (snapshot, offset) = (id(input, &Near::default()), input.number());
            let (total_bytes, bytes) = (input.number(), bytes(input));
            PeerMessage::SnapshotPart(SnapshotPart { snapshot, offset, total_bytes, bytes })
        }
        10 => PeerMessage::SnapshotNone(id(input, &Near::default())),
        11 => PeerMessage::Priority(input.byte()),
        1 => {
            let (hops, body) = (input.byte(), ForwardBody::Propose { command: bytes(input) });
            PeerMessage::Forward(Forward { id: request, hops, body })
        }
        2 => {
            let (hops, body) = (input.byte(), ForwardBody::ReadIndex);
            PeerMessage::Forward(Forward { id: request, hops, body })
        }
        kind => {
            let outcome = match kind {
                3 => ForwardOutcome::Done { index: Index(input.number()), answer: bytes(input) },
                4 => ForwardOutcome::ReadIndex { index: Index(input.number()) },
                5 => ForwardOutcome::NotApplied(not_applied(input)),
                _ => ForwardOutcome::Unknown(unknown(input)),
            };
            PeerMessage::Forwarded(Forwarded { id: request, outcome })
        }
    }
}

/// Between a client and a server.
pub fn client(input: &mut Input<'_>) -> ClientMessage {
    let id = input.number();
    let request = |body| ClientMessage::Request(Request { id, body });
    let response = |outcome| ClientMessage::Response(Response { id, outcome });
    match input.below(13) {
        10 => request(RequestBody::Watch { watch: bytes(input) }),
        11 => request(RequestBody::Forget { id: input.number() }),
        12 => {
            let service = ServiceId(input.number());
            let function = FunctionId(input.number());
            let within_ms = u32::from(input.byte());
            request(RequestBody::Call { service, function, within_ms, arguments: bytes(input) })
        }
        0 => request(RequestBody::Status),
        1 => request(RequestBody::Propose { command: bytes(input) }),
        2 => {
            let consistency = Consistency::Linearizable;
            request(RequestBody::Query { consistency, query: bytes(input) })
        }
        3 => {
            let consistency = match input.below(3) {
                0 => Consistency::Stale,
                1 => Consistency::AtLeast(Index(input.number())),
                _ => Consistency::Bounded { age_max_ms: u32::from(input.byte()) },
            };
            request(RequestBody::Query { consistency, query: bytes(input) })
        }
        4 => {
            let (index, answer) = (Index(input.number()), bytes(input));
            response(Outcome::Done { index, answer })
        }
        5 => response(Outcome::NotApplied(not_applied(input))),
        7 => {
            let (target, force) = (membership_with_addresses(input), input.coin());
            let expected = input.coin().then(|| Index(input.number()));
            request(RequestBody::Reconfigure { target, expected, force })
        }
        8 => response(Outcome::Stopped(stopped(input))),
        9 => {
            let [after, anchor] = [(); 2]
                .map(|()| LogId { term: Term(input.number()), index: Index(input.number()) });
            request(RequestBody::Entries(EntryRange { after, last: Index(input.number()), anchor }))
        }
        _ => response(Outcome::Unknown(unknown(input))),
    }
}

fn not_applied(input: &mut Input<'_>) -> NotApplied {
    match input.below(16) {
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
        8 => NotApplied::NoSuccessor,
        9 => NotApplied::TransferTimedOut,
        10 => NotApplied::MembershipIs { at: Index(input.number()) },
        11 => NotApplied::ChangeUnderWay,
        12 => NotApplied::JointTarget,
        13 => NotApplied::NotInLog,
        14 => NotApplied::NotOffered,
        _ => NotApplied::LeadershipLost,
    }
}

fn stopped(input: &mut Input<'_>) -> Stopped {
    match input.below(4) {
        0 => Stopped::LeadershipLost,
        1 => Stopped::Superseded,
        2 => Stopped::CannotCatchUp(node(input.number())),
        _ => Stopped::QuorumAtRisk,
    }
}

/// Any membership, and where some of its members are.
pub fn membership_with_addresses(input: &mut Input<'_>) -> Membership {
    let membership = membership(input);
    let bits = input.byte();
    let known = membership.members().into_iter().filter(|id| bits >> (id.get() % 8) & 1 == 1);
    let known: Vec<_> = known.map(|id| (id, address(input))).collect();
    membership.with_addresses(known).expect("of members, one each")
}

fn address(input: &mut Input<'_>) -> Address {
    let text = String::from_utf8_lossy(input.bytes()).into_owned();
    Address::new(text).unwrap_or_else(|_| Address::new("db:7000".to_owned()).expect("an address"))
}

fn unknown(input: &mut Input<'_>) -> Unknown {
    match input.below(5) {
        0 => Unknown::LeadershipLost,
        1 => Unknown::Timeout,
        2 => Unknown::ConnectionLost,
        3 => Unknown::NoAnswer,
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
