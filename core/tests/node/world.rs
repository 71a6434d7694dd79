//! Nodes joined by queues instead of sockets, with disks and state machines that answer at once
//! unless they are told not to.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use quorate_core::node::{
    Answers, ConnectionId, Input, LogReader, Node, NodeConfig, Note, Output, Outputs, Reign,
};
use quorate_core::wal::WalError;
use quorate_core::wire::{
    Address, ClientHello, ClientMessage, Decoder, FunctionId, Handshake, Hello, MAGIC, Outcome,
    Reject, Request, RequestBody, Response, ServiceId,
};
use quorate_core::{
    ClusterId, Entries, Entry, GroupId, HardState, Incarnation, Index, Instant, LogId, Membership,
    NodeId, Payload, Recovered, RequestId, RoleKind, SnapshotChange, SnapshotMeta, Ticket, Write,
};

use crate::snapshots::Snapshots;

pub(crate) const CLUSTER: ClusterId = ClusterId(0xC1);

pub(crate) fn node_id(id: u64) -> NodeId {
    NodeId::new(id).expect("not zero")
}

/// The configuration of member `id` of `count`.
pub(crate) fn config(id: u64, count: u64) -> NodeConfig {
    let address = |id| Address::new(format!("host:{id}")).expect("an address");
    let addresses = (1..=count).map(|id| (node_id(id), address(id))).collect();
    let mut config = NodeConfig::new(node_id(id), CLUSTER, Incarnation(id.into()), addresses);
    config.raft.seed = 7;
    config
}

/// What a node wants to have carried out.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) id: RequestId,
    pub(crate) service: ServiceId,
    pub(crate) function: FunctionId,
    pub(crate) arguments: Bytes,
}

pub(crate) struct Host {
    pub(crate) node: Node,
    pub(crate) inputs: Vec<Input>,
    pub(crate) notes: Vec<Note>,
    pub(crate) responses: BTreeMap<u64, Outcome>,
    pub(crate) dials: usize,
    pub(crate) is_stopped: bool,
    /// Who knows the node by another disk.
    pub(crate) disowned: Option<(NodeId, Reject)>,
    pub(crate) unfit: Option<String>,
    /// Why the node gave up, if it did.
    pub(crate) failure: Option<WalError>,
    /// Nothing is acknowledged by the disk, or applied by the state machine.
    pub(crate) is_disk_stalled: bool,
    pub(crate) is_machine_stalled: bool,
    /// Nothing leaves the sockets, so nothing is reported as sent.
    pub(crate) is_network_stalled: bool,
    /// What the disk says when the log is read next, instead of what it holds.
    pub(crate) read_answer: Option<Result<Entries, WalError>>,
    genesis: Membership,
    hard_state: HardState,
    pub(crate) log: Vec<Entry>,
    unacknowledged: Vec<Ticket>,
    orders: VecDeque<Order>,
    applied: Index,
    queries: Vec<(RequestId, Index, Bytes)>,
    /// What the state machine is asked to tell when it happens.
    pub(crate) watches: Vec<(RequestId, Bytes)>,
    /// What it is to carry out.
    pub(crate) calls: Vec<Call>,
    /// How many questions nobody waits for any more.
    pub(crate) forgotten: u64,
    /// When it was told the time, and whose.
    pub(crate) tended: Vec<(Instant, Option<Reign>)>,
    pub(crate) snapshots: Snapshots,
    /// What the log on disk starts after.
    pub(crate) base: Index,
}

/// A connection that the test itself holds.
pub(crate) struct Client {
    host: usize,
    connection: ConnectionId,
}

/// One end of a connection: a host, or the test.
type End = (Option<usize>, ConnectionId);

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) hosts: Vec<Host>,
    wires: BTreeMap<End, End>,
    received: BTreeMap<ConnectionId, BytesMut>,
    connections: u64,
    /// Pairs of hosts that cannot connect.
    pub(crate) cuts: Vec<(usize, usize)>,
    /// Pairs of hosts of which the second gets nothing from the first, and neither is told.
    pub(crate) gaps: Vec<(usize, usize)>,
}

impl World {
    pub(crate) fn new(count: u64) -> Self {
        Self::of((1..=count).map(|id| config(id, count)).collect())
    }

    pub(crate) fn of(configs: Vec<NodeConfig>) -> Self {
        let voters: Vec<_> = (1u64..).take(configs.len()).map(node_id).collect();
        let membership = Membership::of_voters(voters).expect("voters");
        let host = |config: NodeConfig| Host::new(membership.clone(), config, Instant(0));
        Self {
            now: Instant(0),
            hosts: configs.into_iter().map(host).collect(),
            wires: BTreeMap::new(),
            received: BTreeMap::new(),
            connections: 0,
            cuts: Vec::new(),
            gaps: Vec::new(),
        }
    }

    /// A server more, whose directory was made with these members and without itself.
    pub(crate) fn add(&mut self, config: NodeConfig, members: Membership) -> usize {
        self.hosts.push(Host::new(members, config, self.now));
        self.hosts.len() - 1
    }

    /// Lets everything happen that needs no time.
    pub(crate) fn settle(&mut self) {
        for host in &mut self.hosts {
            host.release();
        }
        while let Some(at) = self.hosts.iter().position(|host| !host.inputs.is_empty()) {
            self.step(at);
        }
    }

    /// Lets a time pass.
    pub(crate) fn pass(&mut self, span: Duration) {
        let end = self.now.after(span);
        self.settle();
        while let Some((deadline, at)) = self.next_deadline().filter(|next| next.0 <= end) {
            self.now = self.now.max(deadline);
            self.step(at);
            self.settle();
        }
        self.now = end;
        (0..self.hosts.len()).for_each(|at| self.step(at));
        self.settle();
    }

    /// Lets time pass until somebody leads, and says who.
    pub(crate) fn elect(&mut self) -> usize {
        for _ in 0..100 {
            self.pass(Duration::from_millis(100));
            if let Some(leader) = self.leader() {
                return leader;
            }
        }
        panic!("nobody was elected");
    }

    pub(crate) fn leader(&self) -> Option<usize> {
        let leads = |host: &Host| host.node.raft().status().role == RoleKind::Leader;
        let leader = self.hosts.iter().position(leads)?;
        let id = Some(self.hosts[leader].node.raft().status().id);
        let follow = self.hosts.iter().filter(|host| host.node.raft().status().leader == id);
        (follow.count() * 2 > self.hosts.len()).then_some(leader)
    }

    /// A request from within a host's process.
    pub(crate) fn request(&mut self, at: usize, id: u64, body: RequestBody) {
        self.hosts[at].inputs.push(Input::Request { id, body });
        self.settle();
    }

    pub(crate) fn propose(&mut self, at: usize, id: u64, command: &'static str) {
        self.request(
            at,
            id,
            RequestBody::Propose { command: Bytes::from_static(command.as_bytes()) },
        );
    }

    /// Connects the test to a host, as somebody who has said nothing yet.
    pub(crate) fn connect(&mut self, at: usize) -> Client {
        let connection = self.next_connection();
        self.join((Some(at), connection), (None, connection));
        self.hosts[at].inputs.push(Input::Accepted(connection));
        self.settle();
        Client { host: at, connection }
    }

    /// Connects the test to a host as a client that has shaken hands.
    pub(crate) fn connect_as_client(&mut self, at: usize) -> Client {
        let client = self.connect(at);
        let hello = ClientHello { wire_min: 1, wire_max: 1, cluster: Some(CLUSTER) };
        self.send_handshake(&client, &Handshake::ClientHello(hello));
        let welcome = self.next_handshake(&client);
        assert!(matches!(welcome, Some(Handshake::ClientWelcome(_))), "{welcome:?}");
        client
    }

    pub(crate) fn send(&mut self, client: &Client, bytes: &[u8]) {
        // As drivers do: whatever comes in has a buffer of its own, made for more.
        let mut buffer = BytesMut::with_capacity(64 << 10);
        buffer.extend_from_slice(bytes);
        let input = Input::Received(client.connection, buffer.split());
        self.hosts[client.host].inputs.push(input);
        self.settle();
    }

    pub(crate) fn send_handshake(&mut self, client: &Client, handshake: &Handshake) {
        let mut bytes = BytesMut::from(&MAGIC[..]);
        handshake.encode(&mut bytes);
        self.send(client, &bytes);
    }

    pub(crate) fn send_request(&mut self, client: &Client, id: u64, body: RequestBody) {
        let mut bytes = BytesMut::new();
        ClientMessage::Request(Request { id, body }).encode(GroupId(0), &mut bytes);
        self.send(client, &bytes);
    }

    /// The next handshake that came to the test.
    pub(crate) fn next_handshake(&mut self, client: &Client) -> Option<Handshake> {
        let bytes = self.received.get_mut(&client.connection)?;
        assert_eq!(bytes.split_to(MAGIC.len())[..], MAGIC);
        let frame = Decoder::HANDSHAKE.decode(bytes).expect("a frame")?;
        Some(Handshake::decode(&frame).expect("a handshake"))
    }

    /// The next response that came to the test.
    pub(crate) fn next_response(&mut self, client: &Client) -> Option<Response> {
        let bytes = self.received.get_mut(&client.connection)?;
        let frame = Decoder::new(8 << 20).decode(bytes).expect("a frame")?;
        match ClientMessage::decode(&frame).expect("a message of a client") {
            ClientMessage::Response(response) => Some(response),
            ClientMessage::Request(request) => panic!("a server asks: {request:?}"),
        }
    }

    /// What the host calls the connection.
    pub(crate) fn far_end(&self, client: &Client) -> ConnectionId {
        client.connection
    }

    /// Does the connection still stand?
    pub(crate) fn is_open(&self, client: &Client) -> bool {
        self.wires.contains_key(&(None, client.connection))
    }

    /// Breaks all connections between two hosts, and lets them make none.
    pub(crate) fn cut(&mut self, one: usize, other: usize) {
        self.cuts.extend([(one, other), (other, one)]);
        let is_between = |ends: &(&End, &End)| ends.0.0 == Some(one) && ends.1.0 == Some(other);
        let ends = self.wires.iter().filter(is_between).map(|ends| *ends.0);
        for end in ends.collect::<Vec<_>>() {
            self.hang_up(end);
        }
        self.settle();
    }

    /// Breaks the connections that one host made to another, and not those that the other made.
    pub(crate) fn break_links(&mut self, from: usize, to: usize) {
        let is_dialed = |connection: ConnectionId| connection.number() >= 1 << 63;
        let is_one = |ends: &(&End, &End)| {
            ends.0.0 == Some(from) && ends.1.0 == Some(to) && is_dialed(ends.0.1)
        };
        let ends: Vec<_> = self.wires.iter().filter(is_one).map(|ends| *ends.0).collect();
        assert!(!ends.is_empty(), "there are links to break");
        ends.into_iter().for_each(|end| self.hang_up(end));
        self.settle();
    }

    /// Starts a host anew from what is on its disk, all of which counts as durable.
    pub(crate) fn restart(&mut self, at: usize, config: NodeConfig) {
        let Host { hard_state, log, .. } = &mut self.hosts[at];
        let (hard_state, log) = (*hard_state, std::mem::take(log));
        self.start(at, config, hard_state, log);
    }

    /// Starts a host anew with an empty disk.
    pub(crate) fn wipe(&mut self, at: usize, config: NodeConfig) {
        let is_forgetful = config.joined.is_some();
        self.start(at, config, HardState { is_forgetful, ..HardState::default() }, Vec::new());
    }

    fn start(&mut self, at: usize, config: NodeConfig, hard_state: HardState, log: Vec<Entry>) {
        let ends: Vec<_> = self.wires.keys().filter(|end| end.0 == Some(at)).copied().collect();
        ends.into_iter().for_each(|end| self.hang_up(end));
        let genesis = self.hosts[at].genesis.clone();
        let snapshot = SnapshotMeta::genesis(genesis.clone());
        let recovered = Recovered::from_entries(hard_state, snapshot, log.clone());
        let node = Node::new(config, recovered.expect("a log"), self.now).expect("a node");
        self.hosts[at] = Host { hard_state, log, ..Host::of(genesis, node) };
    }

    fn hang_up(&mut self, end: End) {
        let Some(other) = self.wires.remove(&end) else { return };
        self.wires.remove(&other);
        for (host, connection) in [end, other] {
            if let Some(at) = host {
                self.hosts[at].inputs.push(Input::Closed(connection));
            }
        }
    }

    fn next_connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId::accepted(self.connections)
    }

    fn join(&mut self, one: End, other: End) {
        self.wires.insert(one, other);
        self.wires.insert(other, one);
    }

    fn next_deadline(&self) -> Option<(Instant, usize)> {
        let deadlines = self.hosts.iter().enumerate();
        deadlines.filter_map(|(at, host)| Some((host.node.deadline()?, at))).min()
    }

    fn step(&mut self, at: usize) {
        let mut out = Outputs::default();
        let host = &mut self.hosts[at];
        let mut inputs = std::mem::take(&mut host.inputs);
        host.node.step(self.now, &mut inputs, &mut out);
        assert!(inputs.is_empty(), "a node takes in all that it is given");
        out.drain().for_each(|output| self.carry_out(at, output));
    }

    fn carry_out(&mut self, at: usize, output: Output) {
        match output {
            Output::Dial(connection, address) => self.dial(at, connection, address.as_str()),
            Output::Send(connection, bytes) => self.deliver(at, connection, &bytes),
            Output::Close(connection) => {
                let end = (Some(at), connection);
                if let Some(other) = self.wires.remove(&end) {
                    self.wires.remove(&other);
                    if let Some(peer) = other.0
                        && !self.gaps.contains(&(at, peer))
                    {
                        self.hosts[peer].inputs.push(Input::Closed(other.1));
                    }
                }
            }
            output => self.hosts[at].carry_out(output),
        }
    }

    fn dial(&mut self, at: usize, connection: ConnectionId, address: &str) {
        self.hosts[at].dials += 1;
        let text = address.strip_prefix("host:").and_then(|rest| rest.split('/').next());
        let id: usize = text.and_then(|id| id.parse().ok()).expect("host");
        let peer = id - 1;
        if self.gaps.contains(&(at, peer)) {
            return;
        }
        if self.cuts.contains(&(at, peer)) {
            self.hosts[at].inputs.push(Input::Closed(connection));
            return;
        }
        let accepted = self.next_connection();
        self.join((Some(at), connection), (Some(peer), accepted));
        self.hosts[at].inputs.push(Input::Opened(connection));
        self.hosts[peer].inputs.push(Input::Accepted(accepted));
    }

    fn deliver(&mut self, at: usize, connection: ConnectionId, bytes: &[u8]) {
        let host = &mut self.hosts[at];
        if host.is_network_stalled {
            return;
        }
        host.inputs.push(Input::Sent(connection, bytes.len() as u64));
        match self.wires.get(&(Some(at), connection)) {
            Some(&(Some(peer), _)) if self.gaps.contains(&(at, peer)) => {}
            Some(&(Some(peer), other)) => {
                self.hosts[peer].inputs.push(Input::Received(other, BytesMut::from(bytes)));
            }
            Some(&(None, other)) => {
                self.received.entry(other).or_default().extend_from_slice(bytes);
            }
            None => {}
        }
    }
}

impl Host {
    fn new(genesis: Membership, config: NodeConfig, now: Instant) -> Self {
        let recovered = Recovered::genesis(genesis.clone());
        Self::of(genesis, Node::new(config, recovered, now).expect("a node"))
    }

    fn of(genesis: Membership, node: Node) -> Self {
        Self {
            node,
            genesis,
            inputs: Vec::new(),
            notes: Vec::new(),
            responses: BTreeMap::new(),
            dials: 0,
            is_stopped: false,
            disowned: None,
            unfit: None,
            failure: None,
            read_answer: None,
            is_disk_stalled: false,
            is_machine_stalled: false,
            is_network_stalled: false,
            hard_state: HardState::default(),
            log: Vec::new(),
            unacknowledged: Vec::new(),
            orders: VecDeque::new(),
            applied: Index(0),
            queries: Vec::new(),
            watches: Vec::new(),
            calls: Vec::new(),
            forgotten: 0,
            tended: Vec::new(),
            snapshots: Snapshots::new(),
            base: Index(0),
        }
    }

    pub(crate) fn outcome(&self, id: u64) -> &Outcome {
        self.responses.get(&id).unwrap_or_else(|| panic!("request {id} has not ended"))
    }

    /// The commands in the log on disk.
    pub(crate) fn commands(&self) -> Vec<String> {
        let command = |entry: &Entry| match &entry.payload {
            Payload::Command(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Payload::System(_) => None,
        };
        self.log.iter().filter_map(command).collect()
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Write(write) => self.write(write),
            Output::ReadLog { reader, first, .. } => self.read(reader, first),
            Output::Apply { entries, answers } => {
                self.orders.push_back(Order::Apply(entries, answers));
                self.release();
            }
            Output::Query { id, index, query } => {
                self.queries.push((id, index, query));
                self.release();
            }
            Output::Watch { id, watch } => self.watches.push((id, watch)),
            Output::Call { id, service, function, arguments } => {
                self.calls.push(Call { id, service, function, arguments });
            }
            Output::Forget(id) => {
                self.watches.retain(|watch| watch.0 != id);
                self.calls.retain(|call| call.id != id);
                self.queries.retain(|query| query.0 != id);
                self.forgotten += 1;
            }
            Output::Tend { now, reign } => self.tended.push((now, reign)),
            Output::Respond { id, outcome } => {
                let before = self.responses.insert(id, outcome);
                assert_eq!(before, None, "request {id} ends once");
            }
            Output::Note(note) => self.notes.push(note),
            Output::Stopped => self.is_stopped = true,
            Output::Disowned { by, why } => self.disowned = Some((by, why)),
            Output::Unfit(why) => self.unfit = Some(why),
            Output::DiskFailed(why) => self.failure = Some(why),
            Output::Capture(index) => {
                assert_eq!(index, self.orders.back().map_or(self.applied, Order::last));
                self.inputs.extend(self.snapshots.capture(index));
            }
            Output::CaptureMore => self.inputs.extend(self.snapshots.capture_more()),
            Output::CaptureEnd => self.snapshots.end_capture(),
            Output::WriteSnapshot { slot, snapshot, offset, bytes } => {
                self.inputs.push(self.snapshots.write(slot, snapshot, offset, &bytes));
            }
            Output::ReadSnapshot { reader, snapshot, offset, bytes_max } => {
                self.inputs.push(self.snapshots.read(reader, snapshot, offset, bytes_max));
            }
            Output::Restore { snapshot, bytes } => {
                self.orders.push_back(Order::Restore(snapshot, bytes));
                self.release();
            }
            Output::Compact { newest, kept, .. } => self.snapshots.forget(newest, &kept),
            output => panic!("not expected: {output:?}"),
        }
    }

    fn write(&mut self, write: Write) {
        self.hard_state = write.hard_state.unwrap_or(self.hard_state);
        if let Some(SnapshotChange::Replaces(snapshot)) = write.snapshot.as_deref() {
            self.log.clear();
            self.base = snapshot.last_included.index;
        }
        if let Some(append) = write.append {
            let kept = append.prev.index.0 - self.base.0;
            self.log.truncate(usize::try_from(kept).expect("small"));
            self.log.extend_from_slice(&append.entries);
        }
        self.unacknowledged.push(write.ticket);
        self.release();
    }

    fn read(&mut self, reader: LogReader, first: Index) {
        if let Some(answer) = self.read_answer.take() {
            return self.inputs.push(Input::LogRead(reader, answer));
        }
        let skipped = usize::try_from(first.0 - 1 - self.base.0).expect("small");
        let entries = self.log.iter().skip(skipped).take(3).cloned();
        let entries = Entries::new(entries).expect("a log");
        self.inputs.push(Input::LogRead(reader, Ok(entries)));
    }

    /// Does what was put off, unless it is still to be.
    fn release(&mut self) {
        if !self.is_disk_stalled
            && let Some(ticket) = self.unacknowledged.drain(..).next_back()
        {
            self.inputs.push(Input::Persisted(ticket));
        }
        if self.is_machine_stalled {
            return;
        }
        while let Some(order) = self.orders.pop_front() {
            let done = match order {
                Order::Apply(entries, answers) => self.apply(&entries, answers),
                Order::Restore(snapshot, bytes) => self.restore(snapshot, &bytes),
            };
            self.inputs.push(done);
        }
        let applied = self.applied;
        for (id, _, query) in self.queries.extract_if(.., |query| query.1 <= applied) {
            let answer = Some([b"saw ", &query[..]].concat().into());
            self.inputs.push(Input::Answered { id, index: applied, answer });
        }
    }

    fn apply(&mut self, entries: &Entries, answers: Answers) -> Input {
        assert_eq!(entries.first_index(), Some(self.applied.next()), "a gap in what is applied");
        self.applied = entries.last_id().expect("entries").index;
        let answer = |entry: &Entry| match &entry.payload {
            Payload::Command(command) => (entry.id, [b"did ", &command[..]].concat().into()),
            Payload::System(_) => (entry.id, Bytes::new()),
        };
        let answers = match answers {
            Answers::Wanted => entries.iter().map(answer).collect(),
            Answers::Unwanted => Vec::new(),
        };
        Input::Applied(self.applied, answers)
    }

    fn restore(&mut self, snapshot: LogId, bytes: &[u8]) -> Input {
        let is_done = self.snapshots.restore(snapshot, bytes);
        if is_done {
            self.applied = snapshot.index;
        }
        Input::Restored { snapshot, is_done }
    }
}

/// What the state machine is to do.
enum Order {
    Apply(Entries, Answers),
    Restore(LogId, Bytes),
}

impl Order {
    /// The last entry that the state includes then.
    fn last(&self) -> Index {
        match self {
            Self::Apply(entries, _) => entries.last_id().expect("entries").index,
            Self::Restore(snapshot, _) => snapshot.index,
        }
    }
}

pub(crate) fn done(outcome: &Outcome) -> &[u8] {
    match outcome {
        Outcome::Done { answer, .. } => answer,
        outcome => panic!("not done: {outcome:?}"),
    }
}

/// What server 2 says to server 1.
pub(crate) fn hello() -> Hello {
    Hello {
        wire_min: 1,
        wire_max: 1,
        cluster: CLUSTER,
        from: node_id(2),
        to: node_id(1),
        incarnation: Incarnation(2),
        boot: 0,
        frame_bytes_max: 1 << 20,
    }
}
