//! Messages at random.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
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

use super::{Any, id, node};

pub fn messages() -> impl Strategy<Value = Any> {
    prop_oneof![
        handshakes().prop_map(Any::Handshake),
        raft().prop_map(Any::Raft),
        peer().prop_map(Any::Peer),
        client().prop_map(Any::Client),
    ]
}

pub fn raft() -> impl Strategy<Value = Message> {
    (nodes(), nodes(), numbers(), rpcs()).prop_map(|(from, to, term, rpc)| Message {
        from,
        to,
        term: Term(term),
        rpc,
    })
}

fn handshakes() -> impl Strategy<Value = Handshake> {
    let versions = any::<(u16, u16)>();
    let identity = (any::<u128>(), nodes(), nodes(), any::<u128>(), numbers(), any::<u32>());
    let peers = (versions, identity, any::<bool>()).prop_map(
        |((wire_min, wire_max), (cluster, from, to, incarnation, boot, frame_bytes_max), hello)| {
            let (cluster, incarnation) = (ClusterId(cluster), Incarnation(incarnation));
            if hello {
                Handshake::Hello(Hello {
                    wire_min,
                    wire_max,
                    cluster,
                    from,
                    to,
                    incarnation,
                    boot,
                    frame_bytes_max,
                })
            } else {
                let wire = wire_max;
                Handshake::Welcome(Welcome {
                    wire,
                    cluster,
                    from,
                    to,
                    incarnation,
                    boot,
                    frame_bytes_max,
                })
            }
        },
    );
    let clients = (any::<(u16, u16)>(), option::of(any::<u128>()))
        .prop_map(|((wire_min, wire_max), cluster)| ClientHello {
            wire_min,
            wire_max,
            cluster: cluster.map(ClusterId),
        })
        .prop_map(Handshake::ClientHello);
    let client_welcomes = (any::<u16>(), any::<u128>(), nodes(), any::<u32>())
        .prop_map(|(wire, cluster, from, frame_bytes_max)| ClientWelcome {
            wire,
            cluster: ClusterId(cluster),
            from,
            frame_bytes_max,
        })
        .prop_map(Handshake::ClientWelcome);
    prop_oneof![peers, clients, client_welcomes, rejects().prop_map(Handshake::Reject)]
}

fn rejects() -> impl Strategy<Value = Reject> {
    prop_oneof![
        Just(Reject::WrongCluster),
        Just(Reject::WrongNode),
        Just(Reject::UnknownNode),
        any::<(u16, u16)>()
            .prop_map(|(wire_min, wire_max)| Reject::UnsupportedVersion { wire_min, wire_max }),
        Just(Reject::StaleIncarnation),
        Just(Reject::StaleBoot),
        Just(Reject::Removed),
        Just(Reject::Busy),
        (any::<u32>(), numbers())
            .prop_map(|(bytes_max, needed)| Reject::FrameTooSmall { bytes_max, needed }),
    ]
}

fn rpcs() -> impl Strategy<Value = Rpc> {
    let heartbeats = (numbers(), numbers(), ids(), numbers()).prop_map(
        |(replication, round, matched, commit)| Heartbeat {
            replication: ReplicationId(replication),
            round: Round(round),
            matched,
            commit: Index(commit),
        },
    );
    let replies = || {
        (numbers(), numbers(), outcomes_of_appends()).prop_map(|(replication, round, outcome)| {
            AppendEntriesReply {
                replication: ReplicationId(replication),
                round: Round(round),
                outcome,
            }
        })
    };
    prop_oneof![
        (numbers(), ids())
            .prop_map(|(term, last)| Rpc::PreVote(PreVote { next_term: Term(term), last })),
        (numbers(), any::<bool>()).prop_map(|(term, granted)| Rpc::PreVoteReply(PreVoteReply {
            next_term: Term(term),
            granted
        })),
        ids().prop_map(|last| Rpc::RequestVote(RequestVote { last })),
        any::<bool>().prop_map(|granted| Rpc::RequestVoteReply(RequestVoteReply { granted })),
        appends().prop_map(Rpc::AppendEntries),
        replies().prop_map(Rpc::AppendEntriesReply),
        (numbers(), replies()).prop_map(|(life, reply)| Rpc::ForgetfulReply(ForgetfulReply {
            life: LifeId(life),
            reply
        })),
        (numbers(), numbers())
            .prop_map(|(life, upto)| Rpc::Vouch(Vouch { life: LifeId(life), upto: Index(upto) })),
        heartbeats.prop_map(Rpc::Heartbeat),
        Just(Rpc::TimeoutNow),
        Just(Rpc::Doubt),
        ids().prop_map(|last| Rpc::RequestVoteInTransfer(RequestVote { last })),
        offers().prop_map(|install| Rpc::InstallSnapshot(Box::new(install))),
    ]
}

fn offers() -> impl Strategy<Value = InstallSnapshot> {
    let voters = vec(1..1_u64 << 40, 1..9).prop_map(|ids| {
        let ids: BTreeSet<_> = ids.into_iter().filter_map(NodeId::new).collect();
        Membership::of_voters(ids).expect("some voters")
    });
    (numbers(), numbers(), ids(), ids(), voters).prop_map(
        |(replication, round, last_included, membership_at, membership)| InstallSnapshot {
            replication: ReplicationId(replication),
            round: Round(round),
            snapshot: SnapshotMeta { last_included, membership_at, membership },
        },
    )
}

fn appends() -> impl Strategy<Value = AppendEntries> {
    let entries = vec((prop_oneof![4 => Just(0), 1 => 1_u64..1000], payloads()), 0..40);
    (numbers(), numbers(), numbers(), numbers(), entries).prop_map(
        |(replication, round, index, commit, entries)| {
            let prev = id(index / 2, index.min(u64::MAX - 100));
            let mut term = prev.term.0;
            let entries = (1..).zip(entries).map(|(at, (terms, payload))| {
                term = term.saturating_add(terms);
                Entry { id: id(term, prev.index.0 + at), payload }
            });
            AppendEntries {
                replication: ReplicationId(replication),
                round: Round(round),
                prev,
                entries: Entries::new(entries).expect("a run"),
                commit: Index(commit),
            }
        },
    )
}

fn payloads() -> impl Strategy<Value = Payload> {
    prop_oneof![
        1 => Just(Payload::NOOP),
        1 => memberships()
            .prop_map(|it| Payload::System(System::Membership(MembershipRecord::of(&it)))),
        1 => any::<u64>()
            .prop_map(|ns| Payload::System(System::Time(LeaderTime::new(Duration::from_nanos(ns))))),
        4 => bytes().prop_map(Payload::Command),
    ]
}

fn memberships() -> impl Strategy<Value = Membership> {
    let list = || btree_set(nodes(), 0..6);
    let lists =
        (btree_set(nodes(), 1..6), list(), list()).prop_map(|(voters, outgoing, learners)| {
            let learners: Vec<_> = learners.difference(&voters).copied().collect();
            Membership::new(voters, outgoing, learners).expect("a membership")
        });
    (lists, vec(option::of(addresses()), 18)).prop_map(|(membership, addresses)| {
        let known = membership.members().into_iter().zip(addresses);
        let known = known.filter_map(|(id, address)| Some((id, address?)));
        membership.clone().with_addresses(known).expect("of members")
    })
}

fn addresses() -> impl Strategy<Value = Address> {
    "[!-~]{1,259}".prop_map(|text| Address::new(text).expect("an address"))
}

fn outcomes_of_appends() -> impl Strategy<Value = AppendOutcome> {
    prop_oneof![
        numbers().prop_map(|index| AppendOutcome::Match(Index(index))),
        (numbers(), ids()).prop_map(|(rejected, hint)| AppendOutcome::Mismatch {
            rejected: Index(rejected),
            hint
        }),
        Just(AppendOutcome::StaleTerm),
    ]
}

fn peer() -> impl Strategy<Value = PeerMessage> {
    let bodies = prop_oneof![
        bytes().prop_map(|command| ForwardBody::Propose { command }),
        Just(ForwardBody::ReadIndex),
    ];
    let outcomes = prop_oneof![
        (numbers(), bytes())
            .prop_map(|(index, answer)| ForwardOutcome::Done { index: Index(index), answer }),
        numbers().prop_map(|index| ForwardOutcome::ReadIndex { index: Index(index) }),
        not_applied().prop_map(ForwardOutcome::NotApplied),
        unknown().prop_map(ForwardOutcome::Unknown),
    ];
    prop_oneof![
        (numbers(), any::<u8>(), bodies)
            .prop_map(|(id, hops, body)| PeerMessage::Forward(Forward { id, hops, body })),
        (numbers(), outcomes)
            .prop_map(|(id, outcome)| PeerMessage::Forwarded(Forwarded { id, outcome })),
        Just(PeerMessage::KeepAlive),
        (ids(), numbers(), any::<u32>()).prop_map(|(snapshot, offset, bytes_max)| {
            PeerMessage::SnapshotAsk(SnapshotAsk { snapshot, offset, bytes_max })
        }),
        (ids(), numbers(), numbers(), vec(any::<u8>(), 0..300)).prop_map(
            |(snapshot, offset, total_bytes, bytes)| {
                let bytes = bytes.into();
                PeerMessage::SnapshotPart(SnapshotPart { snapshot, offset, total_bytes, bytes })
            }
        ),
        ids().prop_map(PeerMessage::SnapshotNone),
        addresses().prop_map(|address| PeerMessage::Reachable { address }),
        any::<u8>().prop_map(PeerMessage::Priority),
    ]
}

fn client() -> impl Strategy<Value = ClientMessage> {
    let consistencies = prop_oneof![
        Just(Consistency::Linearizable),
        Just(Consistency::Stale),
        Just(Consistency::Lease),
        numbers().prop_map(|index| Consistency::AtLeast(Index(index))),
        any::<u32>().prop_map(|age_max_ms| Consistency::Bounded { age_max_ms }),
    ];
    let bodies = prop_oneof![
        bytes().prop_map(|command| RequestBody::Propose { command }),
        (consistencies, bytes())
            .prop_map(|(consistency, query)| RequestBody::Query { consistency, query }),
        Just(RequestBody::Status),
        bytes().prop_map(|watch| RequestBody::Watch { watch }),
        any::<u64>().prop_map(|id| RequestBody::Forget { id }),
        (numbers(), numbers(), any::<u32>(), bytes()).prop_map(
            |(service, function, within_ms, arguments)| {
                let (service, function) = (ServiceId(service), FunctionId(function));
                RequestBody::Call { service, function, within_ms, arguments }
            }
        ),
        (ids(), numbers(), ids()).prop_map(|(after, last, anchor)| {
            RequestBody::Entries(EntryRange { after, last: Index(last), anchor })
        }),
        option::of(nodes()).prop_map(|to| RequestBody::TransferLeadership { to }),
        (memberships(), option::of(numbers()), any::<bool>()).prop_map(
            |(target, expected, force)| RequestBody::Reconfigure {
                target,
                expected: expected.map(Index),
                force
            }
        ),
    ];
    let outcomes = prop_oneof![
        (numbers(), bytes())
            .prop_map(|(index, answer)| Outcome::Done { index: Index(index), answer }),
        not_applied().prop_map(Outcome::NotApplied),
        unknown().prop_map(Outcome::Unknown),
        stopped().prop_map(Outcome::Stopped),
    ];
    prop_oneof![
        (numbers(), bodies).prop_map(|(id, body)| ClientMessage::Request(Request { id, body })),
        (numbers(), outcomes)
            .prop_map(|(id, outcome)| ClientMessage::Response(Response { id, outcome })),
    ]
}

fn not_applied() -> impl Strategy<Value = NotApplied> {
    prop_oneof![
        (option::of(nodes()), option::of(addresses()))
            .prop_map(|(leader, address)| NotApplied::NotLeader { leader, address }),
        Just(NotApplied::Busy),
        any::<(u64, u64)>()
            .prop_map(|(bytes, bytes_max)| NotApplied::TooLarge { bytes, bytes_max }),
        Just(NotApplied::ShuttingDown),
        Just(NotApplied::Invalid),
        Just(NotApplied::UnknownGroup),
        Just(NotApplied::TooManyHops),
        Just(NotApplied::Halted),
        Just(NotApplied::LeadershipLost),
        Just(NotApplied::NoSuccessor),
        Just(NotApplied::TransferTimedOut),
        numbers().prop_map(|at| NotApplied::MembershipIs { at: Index(at) }),
        Just(NotApplied::ChangeUnderWay),
        Just(NotApplied::JointTarget),
        Just(NotApplied::NotInLog),
        Just(NotApplied::NotOffered),
    ]
}

fn stopped() -> impl Strategy<Value = Stopped> {
    prop_oneof![
        Just(Stopped::LeadershipLost),
        Just(Stopped::Superseded),
        nodes().prop_map(Stopped::CannotCatchUp),
        Just(Stopped::QuorumAtRisk),
    ]
}

fn unknown() -> impl Strategy<Value = Unknown> {
    prop_oneof![
        Just(Unknown::LeadershipLost),
        Just(Unknown::Timeout),
        Just(Unknown::ConnectionLost),
        Just(Unknown::ShutDown),
        Just(Unknown::NoAnswer),
    ]
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        1 => Just(Bytes::new()),
        4 => vec(any::<u8>(), 0..40).prop_map(Bytes::from),
        1 => vec(any::<u8>(), 1000..1010).prop_map(Bytes::from),
    ]
}

fn ids() -> impl Strategy<Value = LogId> {
    (numbers(), numbers()).prop_map(|(term, index)| id(term, index))
}

fn nodes() -> impl Strategy<Value = NodeId> {
    numbers().prop_map(|number| node(number.max(1)))
}

/// Numbers of every length.
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![0..200_u64, any::<u64>(), Just(u64::MAX)]
}
