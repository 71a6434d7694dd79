//! The network between the servers: a proxy for each direction, so that a server can be cut off.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use crate::codes;
use crate::diagnostic::Diagnostic;

/// The proxies of a group; must live on a `LocalSet`.
pub(super) struct Network {
    /// `wires[from][to]`.
    wires: Vec<Vec<Rc<Wire>>>,
}

/// One direction between two servers.
struct Wire {
    address: RefCell<String>,
    is_cut: Cell<bool>,
    /// Wakes everything that passes when the wire is cut.
    cut: Notify,
}

impl Network {
    /// Starts a proxy from each server to each other one, in front of `addresses`.
    pub(super) async fn start(addresses: &[String]) -> Result<Self, Box<Diagnostic>> {
        let mut wires = Vec::new();
        for from in 0..addresses.len() {
            let mut row = Vec::new();
            for (to, target) in addresses.iter().enumerate() {
                let wire = Rc::new(Wire {
                    address: RefCell::new(target.clone()),
                    is_cut: Cell::new(false),
                    cut: Notify::new(),
                });
                if from != to {
                    serve(Rc::clone(&wire)).await.map_err(|error| {
                        Diagnostic::new(codes::NO_LOCAL_GROUP, "a proxy cannot listen")
                            .because(&error)
                    })?;
                }
                row.push(wire);
            }
            wires.push(row);
        }
        Ok(Self { wires })
    }

    /// Where one server finds another.
    pub(super) fn route(&self, from: usize, to: usize) -> String {
        self.wires[from][to].address.borrow().clone()
    }

    /// Cuts a server off from all others, in both directions.
    pub(super) fn isolate(&self, server: usize) {
        self.set(server, true);
    }

    /// Lets it back.
    pub(super) fn heal(&self, server: usize) {
        self.set(server, false);
    }

    fn set(&self, server: usize, is_cut: bool) {
        for (from, row) in self.wires.iter().enumerate() {
            for (to, wire) in row.iter().enumerate() {
                if from == server || to == server {
                    wire.is_cut.set(is_cut);
                    wire.cut.notify_waiters();
                }
            }
        }
    }
}

async fn serve(wire: Rc<Wire>) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let target = wire.address.replace(listener.local_addr()?.to_string());
    tokio::task::spawn_local(async move {
        while let Ok((inbound, _)) = listener.accept().await {
            if !wire.is_cut.get() {
                tokio::task::spawn_local(pass(inbound, target.clone(), Rc::clone(&wire)));
            }
        }
    });
    Ok(())
}

/// Passes bytes on until either end is done, or the wire is cut.
async fn pass(mut inbound: TcpStream, target: String, wire: Rc<Wire>) {
    let cut = wire.cut.notified();
    let Ok(mut outbound) = TcpStream::connect(&target).await else { return };
    // A delay here would be measured as one of the servers.
    if inbound.set_nodelay(true).and(outbound.set_nodelay(true)).is_err() || wire.is_cut.get() {
        return;
    }
    tokio::select! {
        biased;
        () = cut => {}
        // Whatever ends a connection, both ends learn of it below.
        _ = tokio::io::copy_bidirectional(&mut inbound, &mut outbound) => {}
    }
    let _ = inbound.shutdown().await;
    let _ = outbound.shutdown().await;
}
