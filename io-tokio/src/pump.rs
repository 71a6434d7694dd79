//! The pump: moves what happens into the node, and what the node orders out into the world. It
//! decides nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::node::{
    ConnectionId, Input, LogLane, LogOrder, Node, NodeConfig, NodeStartError, NodeStatus, Note,
    Output, Outputs,
};
use quorate_core::snapshot::SnapshotStore;
use quorate_core::wal::{Disk, Wal};
use quorate_core::wire::{Address, NotApplied, Outcome, Reject, RequestBody};
use quorate_core::{Instant, NodeId, Recovered, RequestId, Violation};
use quorate_sm::{Applier, ApplyLane, ApplyOrder, Services, SessionKeeper};
use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use crate::calls::Calls;
use crate::connection;
use crate::counters::Counters;
use crate::env::Env;
use crate::lane::LaneSender;

/// Inputs that wait for the node; beyond it connections are not read.
const INBOX_MAX: usize = 1024;

/// The most inputs that the node takes in one step.
const BATCH_MAX: usize = 4096;

/// How far apart the times are that a leader writes down, if a machine asks and nobody says otherwise.
const TIME_RESOLUTION_MS: NonZeroU32 = NonZeroU32::new(10).unwrap();

/// How long nothing is accepted after a failure.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long a server that ends waits for its last answers to leave, and for its lanes; longer than
/// any connection lingers.
const DRAIN_MAX: Duration = connection::LINGER_MAX.saturating_mul(2);

/// What arrives at the pump from its connections.
pub(crate) enum Arrival<E: Env> {
    Input(Input),
    Accepted(ConnectionId, (E::Reader, E::Writer)),
    Opened(ConnectionId, (E::Reader, E::Writer)),
}

/// What a server is made of.
pub struct Parts<E: Env> {
    /// Who it is, and its limits.
    pub config: NodeConfig,
    /// What was on its disk.
    pub recovered: Recovered,
    /// Its log.
    pub wal: Wal<E::Disk>,
    /// The snapshots next to it, see [`Wal::snapshots`].
    pub snapshots: SnapshotStore<<E::Disk as Disk>::File>,
    /// Its state machine, as of the newest snapshot.
    pub applier: Applier,
    /// What it offers beside the log.
    pub services: Services,
    /// How long a client may be silent.
    pub session_timeout: Duration,
    /// Where it is reached.
    pub listener: E::Listener,
}

/// Why a server has ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ended {
    /// It was told to.
    Stopped,
    /// Its disk failed; what was acknowledged is safe, and nothing was acknowledged since.
    DiskFailed,
    /// The log, or a snapshot, wants a machine that this program does not have, or another one: why.
    Unfit(String),
    /// It saw a Raft property broken.
    Halted(Violation),
    /// A peer knows it by a newer disk, or a later start.
    Disowned {
        /// Who said so.
        by: NodeId,
        /// What it said.
        why: Reject,
    },
}

/// A way to a running server from within its process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    calls: mpsc::Sender<Call>,
    pub(crate) counters: Arc<Counters>,
}

#[derive(Debug)]
enum Call {
    Request(RequestBody, oneshot::Sender<Outcome>),
    Status(oneshot::Sender<NodeStatus>),
    Stop(oneshot::Sender<()>),
}

impl Handle {
    /// Makes a request as a client would, without a socket in between. It goes on if the future is dropped; a
    /// watch is taken back then, at the latest when the next one begins.
    pub async fn request(&self, body: RequestBody) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        if self.calls.send(Call::Request(body, answer)).await.is_err() {
            return Outcome::NotApplied(NotApplied::ShuttingDown);
        }
        let unknown = Outcome::Unknown(quorate_core::wire::Unknown::ShutDown);
        outcome.await.unwrap_or(unknown)
    }

    /// The server at a glance; `None` if it has ended.
    pub async fn status(&self) -> Option<NodeStatus> {
        let (answer, status) = oneshot::channel();
        self.calls.send(Call::Status(answer)).await.ok()?;
        status.await.ok()
    }

    /// Tells the server to finish what is under way and to end. What arrives after this has returned is
    /// refused.
    pub async fn stop(&self) {
        let (heard, has_heard) = oneshot::channel();
        // It has ended already if nobody listens.
        let _ = self.calls.send(Call::Stop(heard)).await;
        let _ = has_heard.await;
    }
}

/// Starts a server. It runs until the returned future is done, which the caller awaits or spawns.
///
/// # Errors
/// If the configuration or the durable state make no sense.
pub fn start<E: Env>(
    env: E,
    parts: Parts<E>,
) -> Result<(Handle, impl Future<Output = Ended> + Send), NodeStartError> {
    let Parts { mut config, recovered, wal, snapshots, applier, services, .. } = parts;
    let (session_timeout, listener) = (parts.session_timeout, parts.listener);
    if applier.needs_time() {
        config.raft.time_resolution_ms.get_or_insert(TIME_RESOLUTION_MS);
    }
    let node = Node::new(config, recovered, env.now())?;
    let (calls, called) = mpsc::channel(INBOX_MAX);
    let (inbox, received) = mpsc::channel(INBOX_MAX);
    let (done, finished) = mpsc::unbounded_channel();
    let lane = |done: mpsc::UnboundedSender<Vec<Input>>| {
        move |inputs| {
            // The pump is gone: nobody wants to know.
            let _ = done.send(inputs);
        }
    };
    let disk = env.spawn_lane("disk", LogLane::new(wal, snapshots), lane(done.clone()));
    let keeper = SessionKeeper::new(session_timeout);
    let apply = env.spawn_lane("apply", ApplyLane::new(applier, keeper), lane(done.clone()));
    env.spawn(accept(env.clone(), listener, inbox.clone()));
    let (writers, written) = mpsc::channel(1);
    let counters = Arc::new(Counters::default());
    let pump = Pump {
        env,
        node,
        inbox,
        received,
        finished,
        called,
        disk,
        apply,
        calls: Calls::new(services, done),
        connections: BTreeMap::new(),
        writers,
        written,
        waiting: BTreeMap::new(),
        watching: BTreeSet::new(),
        requests: 0,
        proposals: BTreeMap::new(),
        counters: Arc::clone(&counters),
        ended: None,
    };
    Ok((Handle { calls, counters }, pump.run()))
}

/// Takes what connects, for as long as the pump runs.
async fn accept<E: Env>(env: E, mut listener: E::Listener, inbox: mpsc::Sender<Arrival<E>>) {
    for number in 0.. {
        let connected = tokio::select! {
            biased;
            () = inbox.closed() => return,
            connected = env.accept(&mut listener) => connected,
        };
        match connected {
            Ok(halves) => {
                let id = ConnectionId::accepted(number);
                if inbox.send(Arrival::Accepted(id, halves)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // Out of files, most likely: those that are open go on, and some will close.
                tracing::warn!(%error, "a connection could not be accepted");
                env.sleep_until(env.now().after(ACCEPT_PAUSE)).await;
            }
        }
    }
}

async fn dial<E: Env>(
    env: E,
    id: ConnectionId,
    address: Address,
    inbox: mpsc::Sender<Arrival<E>>,
    mut abandoned: oneshot::Receiver<()>,
) {
    let connected = tokio::select! {
        biased;
        _ = &mut abandoned => return,
        connected = env.connect(address.as_str()) => connected,
    };
    let arrival = match connected {
        Ok(halves) => Arrival::Opened(id, halves),
        Err(error) => {
            tracing::debug!(%address, %error, "a peer could not be reached");
            Arrival::Input(Input::Closed(id))
        }
    };
    // The pump is gone: so is the wish for a connection.
    let _ = inbox.send(arrival).await;
}

/// The two ends of a connection that the pump holds.
struct Wires {
    /// Bytes that are to leave.
    queue: mpsc::UnboundedSender<Bytes>,
    /// Dropped to end the reader soon, or the attempt to connect; at a word it ends at once.
    reading: oneshot::Sender<()>,
    /// Dropped to end the writer soon; at a word it ends at once.
    writing: oneshot::Sender<()>,
}

struct Pump<E: Env> {
    env: E,
    node: Node,
    inbox: mpsc::Sender<Arrival<E>>,
    received: mpsc::Receiver<Arrival<E>>,
    finished: mpsc::UnboundedReceiver<Vec<Input>>,
    called: mpsc::Receiver<Call>,
    disk: LaneSender<LogOrder>,
    apply: LaneSender<ApplyOrder>,
    calls: Calls,
    connections: BTreeMap<ConnectionId, Wires>,
    /// Held by each writer; nothing is sent.
    writers: mpsc::Sender<Infallible>,
    /// Ends with the last writer.
    written: mpsc::Receiver<Infallible>,
    /// Who waits for a request from within the process.
    waiting: BTreeMap<u64, oneshot::Sender<Outcome>>,
    /// Those of them that may wait for ever.
    watching: BTreeSet<u64>,
    requests: u64,
    /// The proposals that are traced.
    proposals: BTreeMap<RequestId, tracing::Span>,
    counters: Arc<Counters>,
    ended: Option<Ended>,
}

impl<E: Env> Pump<E> {
    async fn run(mut self) -> Ended {
        let mut inputs = Vec::new();
        let mut outputs = Outputs::default();
        let mut arrivals = Vec::new();
        loop {
            self.wait(&mut arrivals, &mut inputs).await;
            self.take_in(&mut arrivals, &mut inputs);
            // Not before the inputs are there: see `Node::step`.
            let now = self.env.now();
            self.env.step(&mut self.node, now, &mut inputs, &mut outputs);
            for output in outputs.drain() {
                self.carry_out(output);
            }
            match self.ended.take() {
                Some(Ended::DiskFailed) => return Ended::DiskFailed,
                Some(ended) => {
                    self.drain().await;
                    return ended;
                }
                None => {}
            }
        }
    }

    /// Waits until something happens, or the node wants to be called.
    async fn wait(&mut self, arrivals: &mut Vec<Arrival<E>>, inputs: &mut Vec<Input>) {
        let deadline = self.node.deadline().unwrap_or(Instant(u64::MAX));
        let (finished, received, called) = (&self.finished, &self.received, &self.called);
        let has_come = || !finished.is_empty() || !received.is_empty() || !called.is_empty();
        self.env.look_out(has_come).await;
        tokio::select! {
            biased;
            Some(done) = self.finished.recv() => self.take_done(done, inputs),
            _ = self.received.recv_many(arrivals, BATCH_MAX) => {}
            Some(call) = self.called.recv() => self.take_call(call, inputs),
            () = self.env.sleep_until(deadline) => {}
        }
    }

    /// Takes in what else has happened by now: the more, the larger the batch.
    fn take_in(&mut self, arrivals: &mut Vec<Arrival<E>>, inputs: &mut Vec<Input>) {
        while let Ok(done) = self.finished.try_recv() {
            self.take_done(done, inputs);
        }
        while arrivals.len() < BATCH_MAX
            && let Ok(arrival) = self.received.try_recv()
        {
            arrivals.push(arrival);
        }
        for arrival in arrivals.drain(..) {
            match arrival {
                Arrival::Input(input) => {
                    if let Input::Closed(id) = input {
                        self.connections.remove(&id);
                    }
                    inputs.push(input);
                }
                Arrival::Accepted(id, halves) => {
                    self.wire_up(id, halves);
                    inputs.push(Input::Accepted(id));
                }
                Arrival::Opened(id, halves) => {
                    // Given up by the node in the meantime: it has forgotten the connection.
                    if self.connections.contains_key(&id) {
                        self.wire_up(id, halves);
                        inputs.push(Input::Opened(id));
                    }
                }
            }
        }
        while inputs.len() < BATCH_MAX
            && let Ok(call) = self.called.try_recv()
        {
            self.take_call(call, inputs);
        }
    }

    /// Lanes and functions have done something.
    fn take_done(&mut self, done: Vec<Input>, inputs: &mut Vec<Input>) {
        for input in &done {
            if let Input::Called { id, .. } = input {
                self.calls.end(*id);
            }
        }
        inputs.extend(done);
    }

    fn take_call(&mut self, call: Call, inputs: &mut Vec<Input>) {
        match call {
            Call::Request(body, answer) => {
                if let RequestBody::Watch { .. } = body {
                    self.forget_abandoned(inputs);
                    self.watching.insert(self.requests);
                }
                self.waiting.insert(self.requests, answer);
                inputs.push(Input::Request { id: self.requests, body });
                self.requests += 1;
            }
            Call::Status(answer) => {
                // Whoever asked has gone: then nobody wants to know.
                let _ = answer.send(self.node.status());
            }
            Call::Stop(heard) => {
                inputs.push(Input::Stop);
                // Whoever told it has gone: it stops all the same.
                let _ = heard.send(());
            }
        }
    }

    /// Takes back the watches for which nobody waits any more; there are as many as were abandoned since
    /// the last one came.
    fn forget_abandoned(&mut self, inputs: &mut Vec<Input>) {
        let waiting = &mut self.waiting;
        self.watching.retain(|id| {
            let is_abandoned = waiting.get(id).is_some_and(oneshot::Sender::is_closed);
            if is_abandoned {
                waiting.remove(id);
                let body = RequestBody::Forget { id: *id };
                inputs.push(Input::Request { id: ApplyLane::NOBODY, body });
            }
            !is_abandoned
        });
    }

    fn wire_up(&mut self, id: ConnectionId, (reader, writer): (E::Reader, E::Writer)) {
        let (queue, queued) = mpsc::unbounded_channel();
        let (reading, closed) = oneshot::channel();
        let span = tracing::debug_span!("connection", ?id);
        let received = move |bytes| Arrival::Input(Input::Received(id, bytes));
        let ended = Arrival::Input(Input::Closed(id));
        let read =
            connection::read(self.env.clone(), reader, self.inbox.clone(), closed, received, ended);
        let (writing, unwanted) = oneshot::channel();
        let given_up = connection::given_up(self.env.clone(), unwanted);
        let sent = move |bytes| Arrival::Input(Input::Sent(id, bytes));
        let ended = Arrival::Input(Input::Closed(id));
        let write = connection::write(writer, queued, self.inbox.clone(), given_up, sent, ended);
        self.env.spawn(read.instrument(span.clone()));
        let alive = self.writers.clone();
        let write = async {
            write.await;
            drop(alive);
        };
        self.env.spawn(write.instrument(span));
        self.connections.insert(id, Wires { queue, reading, writing });
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Dial(id, address) => {
                let (queue, _) = mpsc::unbounded_channel();
                let (reading, abandoned) = oneshot::channel();
                let (writing, _) = oneshot::channel();
                self.connections.insert(id, Wires { queue, reading, writing });
                let dial = dial(self.env.clone(), id, address, self.inbox.clone(), abandoned);
                self.env.spawn(dial);
            }
            Output::Send(id, bytes) => {
                if let Some(wires) = self.connections.get(&id) {
                    // The writer has ended: the node is about to hear of it.
                    let _ = wires.queue.send(bytes);
                }
            }
            Output::Close(id) => {
                self.connections.remove(&id);
            }
            Output::Write(write) => self.disk.send(LogOrder::Write(write)),
            Output::ReadLog { reader, first, bytes_max } => {
                self.disk.send(LogOrder::Read { reader, first, bytes_max });
            }
            Output::Apply { entries, answers } => {
                self.apply.send(ApplyOrder::Apply { entries, answers });
            }
            Output::Capture(index) => self.apply.send(ApplyOrder::Capture(index)),
            Output::CaptureMore => self.apply.send(ApplyOrder::CaptureMore),
            Output::CaptureEnd => self.apply.send(ApplyOrder::CaptureEnd),
            Output::Restore { snapshot, bytes } => {
                self.apply.send(ApplyOrder::Restore { snapshot, bytes });
            }
            Output::WriteSnapshot { slot, snapshot, offset, bytes } => {
                self.disk.send(LogOrder::WriteSnapshot { slot, snapshot, offset, bytes });
            }
            Output::ReadSnapshot { reader, snapshot, offset, bytes_max } => {
                self.disk.send(LogOrder::ReadSnapshot { reader, snapshot, offset, bytes_max });
            }
            Output::Compact { index, newest, kept } => {
                self.disk.send(LogOrder::Compact { index, newest, kept });
            }
            Output::Query { id, index, query } => {
                self.apply.send(ApplyOrder::Query { id, index, query });
            }
            Output::Watch { id, watch } => self.apply.send(ApplyOrder::Watch { id, watch }),
            Output::Call { id, service, function, arguments } => {
                self.calls.begin(&self.env, id, (service, function), &arguments);
            }
            Output::Forget(id) => {
                if !self.calls.end(id) {
                    self.apply.send(ApplyOrder::Forget(id));
                }
            }
            Output::Tend { now, reign } => self.apply.send(ApplyOrder::Tend { now, reign }),
            Output::Respond { id: ApplyLane::NOBODY, .. } => {}
            Output::Respond { id, outcome } => {
                self.watching.remove(&id);
                if let Some(answer) = self.waiting.remove(&id) {
                    // Whoever asked has gone: then nobody wants to know.
                    let _ = answer.send(outcome);
                }
            }
            Output::Note(note) => self.note(&note),
            Output::Stopped => self.ended = Some(Ended::Stopped),
            Output::DiskFailed(why) => {
                tracing::error!(error = %why, "the disk failed");
                self.ended = Some(Ended::DiskFailed);
            }
            Output::Unfit(why) => {
                tracing::error!(%why, "this program cannot go on with this log");
                self.ended = Some(Ended::Unfit(why));
            }
            Output::Halted(violation) => {
                tracing::error!(%violation, "this server has halted");
                self.ended = Some(Ended::Halted(violation));
            }
            Output::Disowned { by, why } => {
                tracing::error!(peer = by.get(), %why, "a peer knows this server by another disk");
                self.ended = Some(Ended::Disowned { by, why });
            }
        }
    }

    fn note(&mut self, note: &Note) {
        self.counters.note(note);
        match note {
            // Nothing of a proposal but its name: what it says is nobody's business here.
            Note::ProposalBegan(id) if tracing::enabled!(tracing::Level::DEBUG) => {
                self.proposals.insert(*id, tracing::debug_span!("proposal", id = id.0));
            }
            Note::ProposalEnded(id) => {
                if let Some(span) = self.proposals.remove(id) {
                    tracing::debug!(parent: &span, "the proposal has ended");
                }
            }
            Note::ProposalBegan(_) => {}
            Note::RoleChanged(change) => {
                tracing::info!(
                    role = ?change.role,
                    term = change.term.0,
                    leader = change.leader.map(NodeId::get),
                    cause = ?change.cause,
                    "the role changed"
                );
            }
            Note::MembershipChanged { at, is_joint } => {
                tracing::info!(index = at.0, is_joint, "the membership changed");
            }
            Note::Staffing(target) => {
                let (voters, learners) = (target.voters(), target.learners());
                tracing::warn!(
                    ?voters,
                    ?learners,
                    "servers have failed or are missing: replacing them"
                );
            }
            Note::Yielding(peer) => {
                tracing::info!(%peer, "handing over to a server of a higher priority");
            }
            Note::NoAddress(peer) => tracing::warn!(%peer, "nobody says where this member is"),
            Note::LinkUp(peer) => tracing::info!(%peer, "a link to a peer is up"),
            Note::LinkDown(peer) => tracing::warn!(%peer, "a link to a peer is down"),
            Note::LogUnreadable(peer, why) => {
                tracing::error!(%peer, error = %why, "the log cannot be read for a peer");
            }
            Note::DiskFull(why) => tracing::warn!(error = %why, "the disk has no room"),
            Note::SnapshotTaken(id) => {
                tracing::info!(index = id.index.0, term = id.term.0, "a snapshot was taken");
            }
            Note::SnapshotResumed(peer) => {
                tracing::info!(%peer, "what was begun of a snapshot is completed from a peer");
            }
            Note::Restored(id) => {
                let (index, term) = (id.index.0, id.term.0);
                tracing::info!(index, term, "the state was restored from a leader's snapshot");
            }
            Note::SnapshotDamaged(from, why) => {
                let from = from.map(NodeId::get);
                tracing::error!(from, error = %why, "a snapshot is damaged");
            }
            Note::RefusedBy(peer, why) => tracing::warn!(%peer, %why, "a peer refused us"),
            Note::Refused(id, why) => tracing::warn!(?id, %why, "a connection was refused"),
            Note::BadBytes(id) => tracing::warn!(?id, "a connection sent what makes no sense"),
            Note::Stuck(id) => {
                tracing::warn!(?id, "a connection was stuck");
                if let Some(wires) = self.connections.remove(id) {
                    // What it did not take until now, it need not get; it may have ended by itself.
                    let _ = (wires.reading.send(()), wires.writing.send(()));
                }
            }
        }
    }

    /// Lets the last answers leave, and the lanes finish.
    async fn drain(self) {
        let Self { env, connections, inbox, mut received, mut finished, disk, apply, .. } = self;
        let (writers, mut written) = (self.writers, self.written);
        drop((connections, writers, inbox, disk, apply, self.calls, self.waiting));
        // What was asked too late was not even looked at, and that is said at once.
        let mut called = self.called;
        called.close();
        while let Ok(call) = called.try_recv() {
            if let Call::Request(_, answer) = call {
                // Whoever asked has gone: then nobody wants to know.
                let _ = answer.send(Outcome::NotApplied(NotApplied::ShuttingDown));
            }
        }
        // Whoever has something to tell the node learns that it is gone.
        received.close();
        let deadline = env.now().after(DRAIN_MAX);
        let all_have_ended = async {
            while received.recv().await.is_some() {}
            while written.recv().await.is_some() {}
            while let Some(inputs) = finished.recv().await {
                for input in inputs {
                    if let Input::DiskFailed(why) = input {
                        tracing::warn!(error = %why, "the log cannot be closed in good order");
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = all_have_ended => {}
            () = env.sleep_until(deadline) => {}
        }
    }
}
