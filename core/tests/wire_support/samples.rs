//! One message of every kind, with a story, and what its header starts with.

use std::time::Duration;

use bytes::Bytes;
use quorate_core::wire::{
    Address, ClientHello, ClientMessage, ClientWelcome, Consistency, Forward, ForwardBody,
    ForwardOutcome, Forwarded, FunctionId, Handshake, Hello, JoinedHello, JoinedWelcome,
    NotApplied, Outcome, PeerMessage, Reject, Request, RequestBody, Response, ServiceId,
    SnapshotAsk, SnapshotPart, Unknown, Welcome,
};
use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, ClusterId, Entries, Entry, EntryRange,
    ForgetfulReply, GroupId, Heartbeat, Incarnation, Index, InstallSnapshot, LifeId, Membership,
    Message, PreVote, PreVoteReply, ReplicationId, RequestVote, RequestVoteReply, Round, Rpc,
    SnapshotMeta, Stopped, Term, Vouch,
};

use super::{Any, command, id, membership, membership_at, node, noop, time};

pub const GROUP: GroupId = GroupId(5);

/// A message with a name.
pub struct Sample {
    /// Names the golden file.
    pub name: &'static str,
    /// What the header of its frame starts with: the numbers of its variants, and what stands
    /// between them. These numbers are for ever.
    pub starts_with: &'static [u8],
    pub message: Any,
}

pub fn all() -> Vec<Sample> {
    [handshakes(), rejects(), raft(), forwards(), requests(), not_applied(), unknown(), stopped()]
        .into_iter()
        .flatten()
        .collect()
}

fn sample(name: &'static str, starts_with: &'static [u8], message: Any) -> Sample {
    Sample { name, starts_with, message }
}

fn handshakes() -> Vec<Sample> {
    let cluster = ClusterId(0x0123_4567_89AB_CDEF_0123_4567_89AB_CDEF);
    let incarnation = Incarnation(u128::MAX);
    let (from, to, boot, frame_bytes_max) = (node(1), node(u64::MAX), 7, 8 << 20);
    let hello = Hello {
        wire_min: 1,
        wire_max: u16::MAX,
        cluster,
        from,
        to,
        incarnation,
        boot,
        frame_bytes_max,
    };
    let welcome = Welcome { wire: 1, cluster, from, to, incarnation, boot, frame_bytes_max };
    let client = |cluster| ClientHello { wire_min: 1, wire_max: 2, cluster };
    let client_welcome = ClientWelcome { wire: 1, cluster, from, frame_bytes_max };
    let sample = |name, starts_with, message| sample(name, starts_with, Any::Handshake(message));
    vec![
        sample("handshake_hello", &[0, 1], Handshake::Hello(hello)),
        sample(
            "handshake_client_hello",
            &[1, 1, 2, 1],
            Handshake::ClientHello(client(Some(cluster))),
        ),
        sample("handshake_client_hello_any", &[1, 1, 2, 0], Handshake::ClientHello(client(None))),
        sample("handshake_welcome", &[2, 1], Handshake::Welcome(welcome)),
        sample(
            "handshake_joined_hello",
            &[5, 1],
            Handshake::JoinedHello(JoinedHello { hello, joined: 300 }),
        ),
        sample(
            "handshake_joined_welcome",
            &[6, 1],
            Handshake::JoinedWelcome(JoinedWelcome { welcome, joined: 300 }),
        ),
        sample("handshake_client_welcome", &[3, 1], Handshake::ClientWelcome(client_welcome)),
    ]
}

fn rejects() -> Vec<Sample> {
    let versions = Reject::UnsupportedVersion { wire_min: 1, wire_max: 2 };
    let frame_too_small = Reject::FrameTooSmall { bytes_max: 1 << 10, needed: 1 << 21 };
    let sample =
        |name, starts_with, why| sample(name, starts_with, Any::Handshake(Handshake::Reject(why)));
    vec![
        sample("handshake_reject_wrong_cluster", &[4, 0], Reject::WrongCluster),
        sample("handshake_reject_wrong_node", &[4, 1], Reject::WrongNode),
        sample("handshake_reject_unknown_node", &[4, 2], Reject::UnknownNode),
        sample("handshake_reject_unsupported_version", &[4, 3, 1, 2], versions),
        sample("handshake_reject_stale_incarnation", &[4, 4], Reject::StaleIncarnation),
        sample("handshake_reject_stale_boot", &[4, 5], Reject::StaleBoot),
        sample("handshake_reject_removed", &[4, 6], Reject::Removed),
        sample("handshake_reject_busy", &[4, 7], Reject::Busy),
        sample("handshake_reject_frame_too_small", &[4, 8, 128, 8], frame_too_small),
    ]
}

fn raft() -> Vec<Sample> {
    let sample = |name, starts_with, rpc| {
        let message = Message { from: node(3), to: node(300), term: Term(6), rpc };
        sample(name, starts_with, Any::Raft(message))
    };
    let append = |entries: Vec<Entry>| {
        Rpc::AppendEntries(AppendEntries {
            replication: ReplicationId(2),
            round: Round(128),
            prev: id(4, 9),
            entries: Entries::new(entries).expect("a run"),
            commit: Index(8),
        })
    };
    let reply = |outcome| {
        let (replication, round) = (ReplicationId(2), Round(128));
        Rpc::AppendEntriesReply(AppendEntriesReply { replication, round, outcome })
    };
    let forgetful = ForgetfulReply {
        life: LifeId(u64::MAX),
        reply: AppendEntriesReply {
            replication: ReplicationId(2),
            round: Round(128),
            outcome: AppendOutcome::Match(Index(9)),
        },
    };
    let mismatch = AppendOutcome::Mismatch { rejected: Index(9), hint: id(3, 7) };
    let last = id(5, 1 << 40);
    let pre_vote = Rpc::PreVote(PreVote { next_term: Term(7), last });
    let pre_vote_reply = Rpc::PreVoteReply(PreVoteReply { next_term: Term(7), granted: true });
    let heartbeat = Rpc::Heartbeat(Heartbeat {
        replication: ReplicationId(2),
        round: Round(128),
        matched: id(4, 9),
        commit: Index(8),
    });
    let vote = Rpc::RequestVote(RequestVote { last });
    let vote_reply = Rpc::RequestVoteReply(RequestVoteReply { granted: false });
    let three = Membership::of_voters([1, 2, 3].map(node)).expect("three voters");
    let install = InstallSnapshot {
        replication: ReplicationId(2),
        round: Round(128),
        snapshot: SnapshotMeta {
            last_included: last,
            membership_at: id(4, 300),
            membership: three,
        },
    };
    let several =
        vec![command(4, 10, b"set x 1"), command(4, 11, b""), noop(6, 12), command(6, 13, b"\0")];
    let long = vec![command(6, 10, b"longer than the fill")];
    vec![
        sample("raft_pre_vote", &[0], pre_vote),
        sample("raft_pre_vote_reply", &[1], pre_vote_reply),
        sample("raft_request_vote", &[2], vote),
        sample("raft_request_vote_reply", &[3], vote_reply),
        sample("raft_append_entries_without_entries", &[4], append(vec![])),
        sample("raft_heartbeat", &[6], heartbeat),
        sample("raft_timeout_now", &[7], Rpc::TimeoutNow),
        sample("raft_forgetful_reply", &[10], Rpc::ForgetfulReply(forgetful)),
        sample("raft_doubt", &[12], Rpc::Doubt),
        sample("raft_vouch", &[11], Rpc::Vouch(Vouch { life: LifeId(u64::MAX), upto: Index(300) })),
        sample(
            "raft_request_vote_in_transfer",
            &[8],
            Rpc::RequestVoteInTransfer(RequestVote { last }),
        ),
        sample("raft_install_snapshot", &[9], Rpc::InstallSnapshot(Box::new(install))),
        sample("raft_append_entries_noop", &[4], append(vec![noop(6, 10)])),
        sample(
            "raft_append_entries_time",
            &[4],
            append(vec![time(6, 10, Duration::from_millis(1500)), command(6, 11, b"set x 1")]),
        ),
        sample("raft_append_entries_membership", &[4], append(vec![membership(6, 10)])),
        sample(
            "raft_append_entries_membership_with_addresses",
            &[4],
            append(vec![membership_at(6, 10, address("db-300:7000"))]),
        ),
        sample("raft_append_entries_empty_command", &[4], append(vec![command(6, 10, b"")])),
        sample("raft_append_entries_several", &[4], append(several)),
        sample("raft_append_entries_long", &[4], append(long)),
        sample(
            "raft_append_entries_reply_match",
            &[5, 2, 128, 1, 0],
            reply(AppendOutcome::Match(Index(13))),
        ),
        sample("raft_append_entries_reply_mismatch", &[5, 2, 128, 1, 1], reply(mismatch)),
        sample(
            "raft_append_entries_reply_stale_term",
            &[5, 2, 128, 1, 2],
            reply(AppendOutcome::StaleTerm),
        ),
    ]
}

fn forwards() -> Vec<Sample> {
    let forward = |name, starts_with, body| {
        let message = PeerMessage::Forward(Forward { id: 40, hops: 1, body });
        sample(name, starts_with, Any::Peer(message))
    };
    let forwarded = |name, starts_with, outcome| {
        let message = PeerMessage::Forwarded(Forwarded { id: 40, outcome });
        sample(name, starts_with, Any::Peer(message))
    };
    let command = Bytes::from_static(b"set x 1");
    let done = ForwardOutcome::Done { index: Index(10), answer: Bytes::from_static(b"was 0") };
    let busy = ForwardOutcome::NotApplied(NotApplied::Busy);
    let lost = ForwardOutcome::Unknown(Unknown::LeadershipLost);
    let read_index = ForwardOutcome::ReadIndex { index: Index(10) };
    let reachable = PeerMessage::Reachable { address: address("db:7000/") };
    vec![
        forward("peer_forward_propose", &[0, 40, 1, 0], ForwardBody::Propose { command }),
        forward("peer_forward_read_index", &[0, 40, 1, 1], ForwardBody::ReadIndex),
        forwarded("peer_forwarded_done", &[1, 40, 0, 10], done),
        forwarded("peer_forwarded_read_index", &[1, 40, 1, 10], read_index),
        forwarded("peer_forwarded_not_applied", &[1, 40, 2, 1], busy),
        forwarded("peer_forwarded_unknown", &[1, 40, 3, 0], lost),
        sample("peer_keep_alive", &[2], Any::Peer(PeerMessage::KeepAlive)),
        sample(
            "peer_snapshot_ask",
            &[3],
            Any::Peer(PeerMessage::SnapshotAsk(SnapshotAsk {
                snapshot: id(5, 300),
                offset: 1 << 20,
                bytes_max: 256 << 10,
            })),
        ),
        sample(
            "peer_snapshot_part",
            &[4],
            Any::Peer(PeerMessage::SnapshotPart(SnapshotPart {
                snapshot: id(5, 300),
                offset: 1 << 20,
                total_bytes: 1 << 21,
                bytes: Bytes::from_static(b"a piece of a snapshot"),
            })),
        ),
        sample("peer_snapshot_none", &[5], Any::Peer(PeerMessage::SnapshotNone(id(5, 300)))),
        sample("peer_reachable", &[6, 8], Any::Peer(reachable)),
        sample("peer_priority", &[7, 3], Any::Peer(PeerMessage::Priority(3))),
    ]
}

fn requests() -> Vec<Sample> {
    let request = |name, starts_with, body| {
        let message = ClientMessage::Request(Request { id: 41, body });
        sample(name, starts_with, Any::Client(message))
    };
    let query = Bytes::from_static(b"get x");
    let linearizable =
        RequestBody::Query { consistency: Consistency::Linearizable, query: query.clone() };
    let stale = RequestBody::Query { consistency: Consistency::Stale, query: query.clone() };
    let at_least = Consistency::AtLeast(Index(300));
    let at_least = RequestBody::Query { consistency: at_least, query: query.clone() };
    let lease = RequestBody::Query { consistency: Consistency::Lease, query };
    let what = Bytes::from_static(b"changes of x");
    let entries = EntryRange { after: id(3, 7), last: Index(300), anchor: id(4, 301) };
    let command = Bytes::from_static(b"set x 1");
    let three = Membership::of_voters([node(1), node(2), node(3)]).expect("a membership");
    let reconfigure = |expected, force| {
        let target = three.clone();
        RequestBody::Reconfigure { target, expected, force }
    };
    let done = Outcome::Done { index: Index(300), answer: Bytes::from_static(b"was 0") };
    let answer = Bytes::from_static(b"was 0");
    let aged = Outcome::Aged { index: Index(300), age_us: 500, answer };
    let silent = Outcome::Done { index: Index(300), answer: Bytes::new() };
    vec![
        request("client_propose", &[0, 41, 0], RequestBody::Propose { command }),
        request("client_query_linearizable", &[0, 41, 1, 0], linearizable),
        request("client_query_stale", &[0, 41, 1, 1], stale),
        request("client_query_lease", &[0, 41, 1, 2], lease),
        request(
            "client_query_bounded",
            &[0, 41, 1, 4, 244, 3],
            RequestBody::Query {
                consistency: Consistency::Bounded { age_max_ms: 500 },
                query: what.clone(),
            },
        ),
        response("client_done_aged", &[1, 42, 4, 172, 2, 244, 3], aged),
        request("client_query_at_least", &[0, 41, 1, 3, 172, 2], at_least),
        request(
            "client_entries",
            &[0, 41, 5, 3, 7, 172, 2, 4, 173, 2],
            RequestBody::Entries(entries),
        ),
        request("client_watch", &[0, 41, 6], RequestBody::Watch { watch: what }),
        request("client_forget", &[0, 41, 7, 40], RequestBody::Forget { id: 40 }),
        request(
            "client_call",
            &[0, 41, 8, 3, 172, 2, 244, 3],
            RequestBody::Call {
                service: ServiceId(3),
                function: FunctionId(300),
                within_ms: 500,
                arguments: Bytes::from_static(b"two, three"),
            },
        ),
        request("client_status", &[0, 41, 2], RequestBody::Status),
        request("client_transfer", &[0, 41, 3, 0], RequestBody::TransferLeadership { to: None }),
        request(
            "client_transfer_to",
            &[0, 41, 3, 1, 2],
            RequestBody::TransferLeadership { to: Some(node(2)) },
        ),
        request("client_reconfigure", &[0, 41, 4, 32, 3, 0], reconfigure(None, false)),
        request(
            "client_reconfigure_if",
            &[0, 41, 4, 32, 3, 0],
            reconfigure(Some(Index(300)), true),
        ),
        response("client_done", &[1, 42, 0], done),
        response("client_done_without_answer", &[1, 42, 0], silent),
    ]
}

fn not_applied() -> Vec<Sample> {
    let at = address("db-2.example.org:7000");
    let known = NotApplied::NotLeader { leader: Some(node(2)), address: Some(at) };
    let unknown = NotApplied::NotLeader { leader: None, address: None };
    let too_large = NotApplied::TooLarge { bytes: 1 << 21, bytes_max: 1 << 20 };
    let sample = |name, starts_with, why| response(name, starts_with, Outcome::NotApplied(why));
    vec![
        sample("client_not_applied_not_leader", &[1, 42, 1, 0, 1, 2, 1, 21], known),
        sample("client_not_applied_not_leader_unknown", &[1, 42, 1, 0, 0, 0], unknown),
        sample("client_not_applied_busy", &[1, 42, 1, 1], NotApplied::Busy),
        sample("client_not_applied_too_large", &[1, 42, 1, 2], too_large),
        sample("client_not_applied_shutting_down", &[1, 42, 1, 3], NotApplied::ShuttingDown),
        sample("client_not_applied_invalid", &[1, 42, 1, 4], NotApplied::Invalid),
        sample("client_not_applied_unknown_group", &[1, 42, 1, 5], NotApplied::UnknownGroup),
        sample("client_not_applied_too_many_hops", &[1, 42, 1, 6], NotApplied::TooManyHops),
        sample("client_not_applied_halted", &[1, 42, 1, 7], NotApplied::Halted),
        sample("client_not_applied_leadership_lost", &[1, 42, 1, 8], NotApplied::LeadershipLost),
        sample("client_not_applied_no_successor", &[1, 42, 1, 9], NotApplied::NoSuccessor),
        sample(
            "client_not_applied_transfer_timed_out",
            &[1, 42, 1, 10],
            NotApplied::TransferTimedOut,
        ),
        sample(
            "client_not_applied_membership_is",
            &[1, 42, 1, 11, 9],
            NotApplied::MembershipIs { at: Index(9) },
        ),
        sample("client_not_applied_change_under_way", &[1, 42, 1, 12], NotApplied::ChangeUnderWay),
        sample("client_not_applied_joint_target", &[1, 42, 1, 13], NotApplied::JointTarget),
        sample("client_not_applied_not_in_log", &[1, 42, 1, 14], NotApplied::NotInLog),
        sample("client_not_applied_not_offered", &[1, 42, 1, 15], NotApplied::NotOffered),
    ]
}

fn stopped() -> Vec<Sample> {
    let sample = |name, starts_with, why| response(name, starts_with, Outcome::Stopped(why));
    vec![
        sample("client_stopped_leadership_lost", &[1, 42, 3, 0], Stopped::LeadershipLost),
        sample("client_stopped_superseded", &[1, 42, 3, 1], Stopped::Superseded),
        sample(
            "client_stopped_cannot_catch_up",
            &[1, 42, 3, 2, 7],
            Stopped::CannotCatchUp(node(7)),
        ),
        sample("client_stopped_quorum_at_risk", &[1, 42, 3, 3], Stopped::QuorumAtRisk),
    ]
}

fn unknown() -> Vec<Sample> {
    let sample = |name, starts_with, why| response(name, starts_with, Outcome::Unknown(why));
    vec![
        sample("client_unknown_leadership_lost", &[1, 42, 2, 0], Unknown::LeadershipLost),
        sample("client_unknown_timeout", &[1, 42, 2, 1], Unknown::Timeout),
        sample("client_unknown_connection_lost", &[1, 42, 2, 2], Unknown::ConnectionLost),
        sample("client_unknown_shut_down", &[1, 42, 2, 3], Unknown::ShutDown),
        sample("client_unknown_no_answer", &[1, 42, 2, 4], Unknown::NoAnswer),
    ]
}

fn address(text: &str) -> Address {
    Address::new(text.to_string()).expect("an address")
}

fn response(name: &'static str, starts_with: &'static [u8], outcome: Outcome) -> Sample {
    let message = ClientMessage::Response(Response { id: 42, outcome });
    sample(name, starts_with, Any::Client(message))
}
