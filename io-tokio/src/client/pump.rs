//! Moves the client's bytes. Decides nothing.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot, watch};

use super::Reply;
use crate::connection;
use crate::env::Env;
use quorate_sm::courier::{ConnectionId, Courier, Input, Order, Standing};

/// Arrivals that wait for the client; beyond it connections are not read.
const ARRIVALS_MAX: usize = 64;

/// The most that is taken in at once.
const BATCH_MAX: usize = 1024;

/// What arrives from a connection.
enum Arrival<E: Env> {
    Connected(ConnectionId, (E::Reader, E::Writer)),
    Received(ConnectionId, BytesMut),
    Closed(ConnectionId),
}

/// The two ends of a connection.
struct Wires {
    /// Bytes that are to leave.
    queue: mpsc::UnboundedSender<Bytes>,
    /// Dropped to end the reader soon, or the attempt to connect.
    _open: oneshot::Sender<()>,
    /// Dropped to end the writer soon.
    _writing: oneshot::Sender<()>,
}

pub(super) struct Pump<E: Env> {
    env: E,
    courier: Courier<Reply>,
    calls: mpsc::UnboundedReceiver<Input<Reply>>,
    standing: watch::Sender<Standing>,
    inbox: mpsc::Sender<Arrival<E>>,
    arrivals: mpsc::Receiver<Arrival<E>>,
    connections: BTreeMap<ConnectionId, Wires>,
    /// Held by each writer; nothing is sent.
    writers: mpsc::Sender<Infallible>,
    /// Ends with the last writer.
    written: mpsc::Receiver<Infallible>,
}

impl<E: Env> Pump<E> {
    pub(super) fn new(
        env: E,
        courier: Courier<Reply>,
        calls: mpsc::UnboundedReceiver<Input<Reply>>,
        standing: watch::Sender<Standing>,
    ) -> Self {
        let (inbox, arrivals) = mpsc::channel(ARRIVALS_MAX);
        let (writers, written) = mpsc::channel(1);
        let connections = BTreeMap::new();
        Self { env, courier, calls, standing, inbox, arrivals, connections, writers, written }
    }

    /// Runs until nobody can call any more.
    pub(super) async fn run(mut self) {
        let (mut called, mut arrived) = (Vec::new(), Vec::new());
        let (mut inputs, mut orders) = (Vec::new(), Vec::new());
        loop {
            let deadline = self.courier.deadline();
            tokio::select! {
                biased;
                _ = self.arrivals.recv_many(&mut arrived, BATCH_MAX) => {}
                count = self.calls.recv_many(&mut called, BATCH_MAX) => if count == 0 { break },
                () = self.env.sleep_until(deadline) => {}
            }
            while called.len() < BATCH_MAX
                && let Ok(call) = self.calls.try_recv()
            {
                called.push(call);
            }
            for arrival in arrived.drain(..) {
                self.take_in(arrival, &mut inputs);
            }
            inputs.append(&mut called);
            self.courier.step(self.env.now(), &mut inputs, &mut orders);
            let standing = self.courier.standing();
            self.standing.send_if_modified(|it| std::mem::replace(it, standing) != standing);
            orders.drain(..).for_each(|order| self.carry_out(order));
        }
        self.courier.close(&mut orders);
        orders.drain(..).for_each(|order| self.carry_out(order));
        let Self { connections, arrivals, writers, mut written, .. } = self;
        drop((connections, arrivals, writers));
        // No writer lingers for long.
        while written.recv().await.is_some() {}
    }

    fn take_in(&mut self, arrival: Arrival<E>, inputs: &mut Vec<Input<Reply>>) {
        match arrival {
            Arrival::Connected(id, halves) => {
                // Given up in the meantime.
                if self.connections.contains_key(&id) {
                    self.wire_up(id, halves);
                    inputs.push(Input::Opened(id));
                }
            }
            Arrival::Received(id, bytes) => inputs.push(Input::Received(id, bytes)),
            Arrival::Closed(id) => {
                self.connections.remove(&id);
                inputs.push(Input::Closed(id));
            }
        }
    }

    fn wire_up(&mut self, id: ConnectionId, (reader, writer): (E::Reader, E::Writer)) {
        let (queue, queued) = mpsc::unbounded_channel();
        let (open, closed) = oneshot::channel();
        let received = move |bytes| Arrival::Received(id, bytes);
        let ended = Arrival::Closed(id);
        let read =
            connection::read(self.env.clone(), reader, self.inbox.clone(), closed, received, ended);
        self.env.spawn(read);
        let (writing, unwanted) = oneshot::channel();
        let given_up = connection::given_up(self.env.clone(), unwanted);
        let write = write::<E>(id, writer, queued, self.inbox.clone());
        let alive = self.writers.clone();
        self.env.spawn(async {
            tokio::select! {
                biased;
                () = write => {}
                () = given_up => {}
            }
            drop(alive);
        });
        self.connections.insert(id, Wires { queue, _open: open, _writing: writing });
    }

    fn carry_out(&mut self, order: Order<Reply>) {
        match order {
            Order::Dial(id, address) => {
                let (queue, _) = mpsc::unbounded_channel();
                let (open, abandoned) = oneshot::channel();
                let (writing, _) = oneshot::channel();
                self.connections.insert(id, Wires { queue, _open: open, _writing: writing });
                let dial = dial(self.env.clone(), id, address, self.inbox.clone(), abandoned);
                self.env.spawn(dial);
            }
            Order::Send(id, bytes) => {
                if let Some(wires) = self.connections.get(&id) {
                    // The writer has ended: its last word is on its way.
                    let _ = wires.queue.send(bytes);
                }
            }
            Order::Close(id) => {
                self.connections.remove(&id);
            }
            Order::Answer(reply, result) => {
                // The caller has gone: then nobody wants to know.
                let _ = reply.send(result);
            }
        }
    }
}

async fn dial<E: Env>(
    env: E,
    id: ConnectionId,
    address: String,
    inbox: mpsc::Sender<Arrival<E>>,
    mut abandoned: oneshot::Receiver<()>,
) {
    let connected = tokio::select! {
        biased;
        _ = &mut abandoned => return,
        connected = env.connect(&address) => connected,
    };
    let arrival = match connected {
        Ok(halves) => {
            tracing::debug!(%address, "a server was reached");
            Arrival::Connected(id, halves)
        }
        Err(error) => {
            tracing::debug!(%address, %error, "a server could not be reached");
            Arrival::Closed(id)
        }
    };
    // The client has ended.
    let _ = inbox.send(arrival).await;
}

/// Writes until its queue ends. What has queued up leaves in one piece.
async fn write<E: Env>(
    id: ConnectionId,
    mut writer: E::Writer,
    mut queue: mpsc::UnboundedReceiver<Bytes>,
    inbox: mpsc::Sender<Arrival<E>>,
) {
    let mut chunks = Vec::new();
    while queue.recv_many(&mut chunks, 64).await > 0 {
        let whole = match chunks.len() {
            1 => chunks.remove(0),
            _ => Bytes::from(chunks.concat()),
        };
        chunks.clear();
        let written = async { writer.write_all(&whole).await.and(writer.flush().await) };
        if written.await.is_err() {
            let _ = inbox.send(Arrival::Closed(id)).await;
            return;
        }
    }
    // The other side learns that nothing more comes; whether it hears that changes nothing here.
    let _ = writer.shutdown().await;
}
