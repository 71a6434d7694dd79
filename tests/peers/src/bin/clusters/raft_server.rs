//! One server of the bare cluster: a loop around [`raft`](https://docs.rs/raft) as its documentation
//! drives it, on a thread that syncs the log as well. What arrives meanwhile is one batch.
//!
//! The server at [`LEADER`] stands for election at once, and the others do not for seconds. If it
//! is deposed nevertheless, it ends: then there is nothing to measure.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use protobuf::Message as _;
use raft::eraftpb::{Entry, Message, MessageType};
use raft::storage::MemStorage;
use raft::{Config, RawNode, ReadState, Ready, StateRole};
use raft_engine::{Engine, LogBatch, MessageExt, ReadableSize};
use slog::{Discard, Logger, o};

use crate::Fallible;
use crate::figures::Work;
use crate::frames;
use crate::raft_links::{Event, PEER, Request, connect, key_and_value, listen};

/// What makes this program such a server; its place, its directory and all addresses follow.
pub(crate) const COMMAND: &str = "raft-server";

/// The place of the server that leads.
pub(crate) const LEADER: usize = 0;

const TICK: Duration = Duration::from_millis(100);
const ELECTION_TICKS: usize = 50;

/// The only group in the log.
const GROUP: u64 = 1;

/// Serves until the process is ended.
pub(crate) fn run(words: &[String]) -> Fallible<()> {
    let [place, dir, addresses @ ..] = words else { return Err("no place or directory".into()) };
    let place: usize = place.parse()?;
    let addresses: Vec<SocketAddr> =
        addresses.iter().map(|address| address.parse()).collect::<Result<_, _>>()?;
    let events = listen(*addresses.get(place).ok_or("no such place")?)?;
    Server::new(place, dir, &addresses)?.run(&events)
}

struct Server {
    node: RawNode<MemStorage>,
    log: Engine,
    peers: BTreeMap<u64, TcpStream>,
    /// Of the one client that there is, and what it has not been told yet.
    client: Option<TcpStream>,
    answers: Vec<u8>,
    /// What the node has not been handed yet.
    requests: Vec<Request>,
    /// Who waits for the entries of this leader, in their order.
    writers: VecDeque<u32>,
    readers: Readers,
    has_led: bool,
    applied: u64,
    store: BTreeMap<Bytes, Bytes>,
}

/// Who waits to read which key.
type Reads = Vec<(u32, Bytes)>;

#[derive(Default)]
struct Readers {
    batches: u64,
    /// Batches that wait for a majority to confirm the leader.
    unconfirmed: BTreeMap<u64, Reads>,
    /// Batches that wait for this index to be applied.
    confirmed: VecDeque<(u64, Reads)>,
}

impl Server {
    fn new(place: usize, dir: &str, addresses: &[SocketAddr]) -> Fallible<Self> {
        let id = |place: usize| place as u64 + 1;
        let config = Config {
            election_tick: ELECTION_TICKS,
            heartbeat_tick: 1,
            max_size_per_msg: 1 << 20,
            check_quorum: true,
            pre_vote: true,
            ..Config::new(id(place))
        };
        let voters: Vec<_> = (0..addresses.len()).map(id).collect();
        let storage = MemStorage::new_with_conf_state((voters, vec![]));
        let log = Engine::open(raft_engine::Config {
            dir: dir.into(),
            // Compression costs more than it saves here.
            batch_compression_threshold: ReadableSize(0),
            ..raft_engine::Config::default()
        })?;
        let mut peers = BTreeMap::new();
        for (other, &address) in addresses.iter().enumerate().filter(|&(other, _)| other != place) {
            peers.insert(id(other), connect(address, PEER)?);
        }
        let mut node = RawNode::new(&config, storage, &Logger::root(Discard, o!()))?;
        if place == LEADER {
            node.campaign()?;
        }
        Ok(Self {
            node,
            log,
            peers,
            client: None,
            answers: Vec::new(),
            requests: Vec::new(),
            writers: VecDeque::new(),
            readers: Readers::default(),
            has_led: false,
            applied: 0,
            store: BTreeMap::new(),
        })
    }

    fn run(&mut self, events: &Receiver<Event>) -> Fallible<()> {
        let mut next_tick = Instant::now();
        loop {
            self.process()?;
            match events.recv_timeout(next_tick.saturating_duration_since(Instant::now())) {
                Ok(event) => self.handle(event)?,
                Err(RecvTimeoutError::Timeout) => {
                    self.node.tick();
                    next_tick = Instant::now() + TICK;
                }
                Err(why) => return Err(why.into()),
            }
            while let Ok(event) = events.try_recv() {
                self.handle(event)?;
            }
            self.hand_in()?;
        }
    }

    fn handle(&mut self, event: Event) -> Fallible<()> {
        match event {
            Event::Messages(messages) => {
                for message in messages {
                    self.node.step(message)?;
                }
            }
            Event::Requests(requests) => self.requests.extend(requests),
            Event::Client(stream) => self.client = Some(stream),
        }
        Ok(())
    }

    /// Proposes all writes as one message, which is cheaper than each by itself, and announces all
    /// reads as one.
    fn hand_in(&mut self) -> Fallible<()> {
        if self.node.raft.state != StateRole::Leader {
            return if self.has_led { Err("deposed".into()) } else { Ok(()) };
        }
        self.has_led = true;
        let mut proposal = Message { from: self.node.raft.id, ..Message::default() };
        proposal.set_msg_type(MessageType::MsgPropose);
        let mut reads = Reads::new();
        for Request { client, work, body } in self.requests.drain(..) {
            match work {
                Work::Write => {
                    self.writers.push_back(client);
                    proposal.entries.push(Entry { data: body, ..Entry::default() });
                }
                Work::Read => reads.push((client, body)),
            }
        }
        if !proposal.entries.is_empty() {
            self.node.step(proposal)?;
        }
        if !reads.is_empty() {
            let batch = self.readers.announce(reads);
            self.node.read_index(batch.to_be_bytes().into());
        }
        Ok(())
    }

    /// All that the node has to say: messages of a leader leave, and what is committed is applied
    /// and answered, before the log is synced; a follower's wait for it.
    fn process(&mut self) -> Fallible<()> {
        while self.node.has_ready() {
            let mut ready = self.node.ready();
            self.send(ready.take_messages())?;
            self.readers.confirm(ready.take_read_states())?;
            self.apply(ready.take_committed_entries())?;
            self.persist(&ready)?;
            self.send(ready.take_persisted_messages())?;
            let mut light = self.node.advance_append(ready);
            self.send(light.take_messages())?;
            self.apply(light.take_committed_entries())?;
            self.node.advance_apply();
        }
        Ok(())
    }

    fn send(&mut self, messages: Vec<Message>) -> Fallible<()> {
        let mut out: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        for message in messages {
            let frame = message.write_to_bytes()?;
            frames::put(out.entry(message.to).or_default(), &[&frame]);
        }
        for (to, frames) in out {
            self.peers.get_mut(&to).ok_or("a message to nobody")?.write_all(&frames)?;
        }
        Ok(())
    }

    /// Applies entries, and answers all that waited for them.
    fn apply(&mut self, entries: Vec<Entry>) -> Fallible<()> {
        for entry in entries {
            self.applied = entry.index;
            // An election leaves an empty one.
            if entry.data.is_empty() {
                continue;
            }
            let (key, value) = key_and_value(&entry.data)?;
            self.store.insert(key, value);
            if let Some(client) = self.writers.pop_front() {
                frames::put(&mut self.answers, &[&client.to_le_bytes()]);
            }
        }
        for (client, key) in self.readers.release(self.applied) {
            let value = self.store.get(&key).map_or(&[][..], |value| value);
            frames::put(&mut self.answers, &[&client.to_le_bytes(), value]);
        }
        if let Some(client) = &mut self.client {
            client.write_all(&self.answers)?;
            self.answers.clear();
        }
        Ok(())
    }

    fn persist(&mut self, ready: &Ready) -> Fallible<()> {
        let mut batch = LogBatch::default();
        batch.add_entries::<Entries>(GROUP, ready.entries())?;
        if let Some(state) = ready.hs() {
            batch.put_message(GROUP, b"hard state".to_vec(), state)?;
            self.node.store().wl().set_hardstate(state.clone());
        }
        if !batch.is_empty() {
            self.log.write(&mut batch, ready.must_sync())?;
        }
        self.node.store().wl().append(ready.entries())?;
        Ok(())
    }
}

impl Readers {
    /// The number of a new batch.
    fn announce(&mut self, reads: Reads) -> u64 {
        self.batches += 1;
        self.unconfirmed.insert(self.batches, reads);
        self.batches
    }

    fn confirm(&mut self, states: Vec<ReadState>) -> Fallible<()> {
        for ReadState { index, request_ctx } in states {
            let batch = u64::from_be_bytes(request_ctx[..].try_into()?);
            let reads = self.unconfirmed.remove(&batch).ok_or("a batch that nobody announced")?;
            self.confirmed.push_back((index, reads));
        }
        Ok(())
    }

    /// Those that may read once `applied` is applied.
    fn release(&mut self, applied: u64) -> Reads {
        let mut released = Reads::new();
        while let Some((_, reads)) = self.confirmed.pop_front_if(|(index, _)| *index <= applied) {
            released.extend(reads);
        }
        released
    }
}

/// How the log finds out where an entry belongs.
struct Entries;

impl MessageExt for Entries {
    type Entry = Entry;

    fn index(entry: &Entry) -> u64 {
        entry.index
    }
}
