//! The servers that a courier talks to, played by hand, on a clock that jumps.

use std::borrow::ToOwned;
use std::collections::BTreeMap;
use std::string::String;
use std::time::Duration;
use std::vec;
use std::vec::Vec;

use crate::MachineId;
use crate::{Envelope, Rejection, SessionId, Stamp};
use bytes::{Bytes, BytesMut};
use quorate_core::node::NodeStatus;
use quorate_core::wire::{
    Address, ClientMessage, ClientWelcome, Consistency, Decoder, Handshake, MAGIC, NotApplied,
    Outcome, Request, RequestBody, Response, Service,
};
use quorate_core::{ClusterId, GroupId, Index, Instant, NodeId, RoleKind, Term};

use crate::courier::call::{Answered, Ask};
use crate::courier::config::{ClientConfig, Routing};
use crate::courier::error::CallError;
use crate::courier::link::ConnectionId;
use crate::courier::{Courier, Input, NewCall, Order};

pub(super) const CLUSTER: ClusterId = ClusterId(7);
pub(super) const GROUP: GroupId = GroupId(0);
pub(super) const WINDOW: u32 = 4;

pub(super) struct World {
    pub(super) courier: Courier<u32>,
    pub(super) now: Instant,
    pub(super) inputs: Vec<Input<u32>>,
    pub(super) dials: Vec<(ConnectionId, String)>,
    pub(super) closed: Vec<ConnectionId>,
    pub(super) answers: Vec<(u32, Result<Answered, CallError>)>,
    /// What each server has heard and not looked at.
    pub(super) sent: BTreeMap<ConnectionId, BytesMut>,
    pub(super) next_session: u64,
    /// What servers say of the members.
    pub(super) members: Vec<(NodeId, Address)>,
}

pub(super) fn config() -> ClientConfig {
    ClientConfig { cluster: Some(CLUSTER), ..ClientConfig::default() }
}

pub(super) fn world(addresses: &[&str]) -> World {
    world_of(addresses, config())
}

/// Its own calls end as soon as those of the tests, which is before a silence is long.
pub(super) fn impatient(addresses: &[&str]) -> World {
    world_of(addresses, ClientConfig { call_timeout: millis(400), ..config() })
}

fn world_of(addresses: &[&str], config: ClientConfig) -> World {
    let addresses = addresses.iter().map(|&address| address.to_owned()).collect();
    World {
        courier: Courier::new(addresses, config, 1, 42, Instant(0)),
        now: Instant(0),
        inputs: Vec::new(),
        dials: Vec::new(),
        closed: Vec::new(),
        answers: Vec::new(),
        sent: BTreeMap::new(),
        next_session: 100,
        members: Vec::new(),
    }
}

pub(super) fn courier_as_given(address: &str) -> Courier<u32> {
    let config = ClientConfig { routing: Routing::AsGiven, ..config() };
    Courier::new(vec![address.to_owned()], config, 1, 42, Instant(0))
}

pub(super) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(super) fn command() -> Ask {
    Ask::Command(MachineId::FIRST, Bytes::from_static(b"do"))
}

pub(super) fn query() -> Ask {
    Ask::Query(Consistency::Linearizable, Bytes::from_static(b"look"))
}

impl World {
    pub(super) fn step(&mut self) {
        let mut orders = Vec::new();
        self.courier.step(self.now, &mut self.inputs, &mut orders);
        for order in orders {
            match order {
                Order::Dial(id, address) => self.dials.push((id, address)),
                Order::Send(id, bytes) => {
                    self.sent.entry(id).or_default().extend_from_slice(&bytes);
                }
                Order::Close(id) => self.closed.push(id),
                Order::Answer(token, result) => self.answers.push((token, result)),
            }
        }
    }

    pub(super) fn input(&mut self, input: Input<u32>) {
        self.inputs.push(input);
        self.step();
    }

    /// Lets time pass, stepping whenever the courier asks for it.
    pub(super) fn pass(&mut self, span: Duration) {
        let until = self.now.after(span);
        let mut steps = 0;
        while self.courier.deadline() <= until {
            self.now = self.now.max(self.courier.deadline());
            self.step();
            steps += 1;
            assert!(steps < 10_000, "it asks for time and does nothing with it");
        }
        self.now = until;
        self.step();
    }

    pub(super) fn call(&mut self, token: u32, ask: Ask, timeout: Duration) {
        self.input(Input::Call(NewCall { ask, to: None, timeout, token }));
    }

    pub(super) fn receive(&mut self, id: ConnectionId, write: impl FnOnce(&mut BytesMut)) {
        let mut bytes = BytesMut::new();
        write(&mut bytes);
        self.input(Input::Received(id, bytes));
    }

    /// The last server that was dialed, which takes us.
    pub(super) fn welcome(&mut self, node: u64) -> ConnectionId {
        let id = self.dials.last().expect("a dial").0;
        self.input(Input::Opened(id));
        let hello = self.sent.remove(&id).expect("a greeting");
        assert_eq!(hello[..8], MAGIC);
        let welcome = Handshake::ClientWelcome(ClientWelcome {
            wire: 1,
            cluster: CLUSTER,
            from: NodeId::new(node).unwrap(),
            frame_bytes_max: 8 << 20,
        });
        self.receive(id, |bytes| {
            bytes.extend_from_slice(&MAGIC);
            welcome.encode(bytes);
        });
        id
    }

    /// What a server has heard since the last time, without looks; those find `leader`.
    pub(super) fn heard(&mut self, id: ConnectionId, leader: Option<(u64, &str)>) -> Vec<Request> {
        let mut requests = Vec::new();
        let mut looks = Vec::new();
        let mut bytes = self.sent.remove(&id).unwrap_or_default();
        while let Some(frame) = Decoder::new(8 << 20).decode(&mut bytes).unwrap() {
            assert_eq!(frame.service, Service::Client);
            match ClientMessage::decode(&frame).unwrap() {
                ClientMessage::Request(Request { id, body: RequestBody::Status }) => looks.push(id),
                ClientMessage::Request(request) => requests.push(request),
                ClientMessage::Response(_) => panic!("a client that answers"),
            }
        }
        for look in looks {
            let status = NodeStatus { addresses: self.members.clone(), ..status(leader) };
            self.respond(id, look, done(postcard::to_allocvec(&status).unwrap().into()));
        }
        requests
    }

    /// The same from a server that leads.
    pub(super) fn leader_heard(&mut self, id: ConnectionId) -> Vec<Request> {
        self.heard(id, Some((1, "a:1")))
    }

    pub(super) fn respond(&mut self, id: ConnectionId, request: u64, outcome: Outcome) {
        let response = ClientMessage::Response(Response { id: request, outcome });
        self.receive(id, |bytes| response.encode(GROUP, bytes));
    }

    /// Opens the session that is asked for.
    pub(super) fn open_session(&mut self, id: ConnectionId) -> SessionId {
        let requests = self.leader_heard(id);
        let [Request { id: request, body: RequestBody::Propose { command } }] = &requests[..]
        else {
            panic!("{requests:?}");
        };
        assert!(matches!(Envelope::decode(command), Ok(Envelope::OpenSession { .. })));
        let session = SessionId(Index(self.next_session));
        self.next_session += 1;
        let outcome = crate::Outcome::Opened { session, window: WINDOW };
        self.respond(id, *request, done(outcome.encode()));
        session
    }

    /// A courier that has sent one command in its session, and that command.
    pub(super) fn with_command_sent(
        addresses: &[&str],
        timeout: Duration,
    ) -> (Self, ConnectionId, Request) {
        let mut world = world(addresses);
        world.call(1, command(), timeout);
        let server = world.welcome(1);
        world.open_session(server);
        let [request] = <[_; 1]>::try_from(world.leader_heard(server)).unwrap();
        (world, server, request)
    }

    pub(super) fn lose(&mut self, id: ConnectionId) {
        self.input(Input::Closed(id));
    }

    pub(super) fn only_answer(&mut self) -> Result<Answered, CallError> {
        let mut answers = std::mem::take(&mut self.answers);
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.remove(0).1
    }
}

pub(super) fn done(answer: Bytes) -> Outcome {
    Outcome::Done { index: Index(9), answer }
}

pub(super) fn applied() -> Outcome {
    done(crate::Outcome::Applied(Bytes::from_static(b"well")).encode())
}

pub(super) fn rejected(why: Rejection) -> Outcome {
    done(crate::Outcome::Rejected(why).encode())
}

pub(super) fn not_leader() -> Outcome {
    Outcome::NotApplied(NotApplied::NotLeader { leader: None, address: None })
}

pub(super) fn stamp_of(request: &Request) -> Stamp {
    let RequestBody::Propose { command } = &request.body else { panic!("{request:?}") };
    let Ok(Envelope::Apply { stamp, .. }) = Envelope::decode(command) else {
        panic!("{request:?}");
    };
    stamp
}

pub(super) fn status(leader: Option<(u64, &str)>) -> NodeStatus {
    NodeStatus {
        cluster: CLUSTER,
        id: NodeId::new(1).unwrap(),
        role: RoleKind::Follower,
        term: Term(1),
        leader: leader.and_then(|leader| NodeId::new(leader.0)),
        leader_address: leader.map(|leader| leader.1.to_owned().try_into().unwrap()),
        last: Index(0),
        durable: Index(0),
        commit: Index(0),
        applied: Index(0),
        voters: Vec::new(),
        peers: Vec::new(),
        requests: 0,
        connections: 0,
        ignored_messages: 0,
        syncs: 0,
        snapshot: Index(0),
        log_start: Index(0),
        fetching: None,
        learners: Vec::new(),
        outgoing: Vec::new(),
        membership_index: Index(0),
        addresses: Vec::new(),
        is_changing: false,
        transferring_to: None,
        is_removed: false,
        reserves: Vec::new(),
        is_forgetful: false,
        forgetful: Vec::new(),
        has_lease: false,
        lease_lost: None,
        watches: 0,
        calls: 0,
    }
}
