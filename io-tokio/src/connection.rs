//! The two tasks of a connection: one reads, one writes. Neither looks at what passes.

use std::io;

use bytes::{Bytes, BytesMut};
use quorate_core::node::{ConnectionId, Input};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::env::Env;
use crate::pump::Arrival;

/// How large a buffer for reading is.
const BUFFER_BYTES: usize = 64 << 10;

/// Less room than this is not worth a read.
const READ_BYTES_MIN: usize = 16 << 10;

/// How much leaves a connection before the node is told: it counts in megabytes.
const REPORT_BYTES: u64 = 256 << 10;

/// Reads until the other side ends, or nobody wants it any more.
pub(crate) async fn read<R: AsyncRead + Unpin, A>(
    mut reader: R,
    inbox: mpsc::Sender<A>,
    mut closed: tokio::sync::oneshot::Receiver<()>,
    received: impl Fn(BytesMut) -> A,
    ended: A,
) {
    let mut buffer = BytesMut::new();
    loop {
        if buffer.capacity() < READ_BYTES_MIN {
            buffer.reserve(BUFFER_BYTES);
        }
        let read = tokio::select! {
            biased;
            _ = &mut closed => return,
            read = reader.read_buf(&mut buffer) => read,
        };
        match read {
            Ok(bytes) if bytes > 0 => {
                if inbox.send(received(buffer.split())).await.is_err() {
                    return;
                }
            }
            // However it ended, it has ended: that is told once.
            _ => {
                let _ = inbox.send(ended).await;
                return;
            }
        }
    }
}

/// Writes until its queue ends.
pub(crate) async fn write<E: Env>(
    id: ConnectionId,
    mut writer: E::Writer,
    mut queue: mpsc::UnboundedReceiver<Bytes>,
    inbox: mpsc::Sender<Arrival<E>>,
) {
    let mut unreported = 0;
    let mut chunks = Vec::new();
    while queue.recv_many(&mut chunks, 64).await > 0 {
        match write_all::<E>(&mut writer, &mut chunks).await {
            Ok(bytes) => unreported += bytes,
            Err(_) => {
                let _ = inbox.send(Arrival::Input(Input::Closed(id))).await;
                return;
            }
        }
        if unreported >= REPORT_BYTES {
            let _ = inbox.send(Arrival::Input(Input::Sent(id, unreported))).await;
            unreported = 0;
        }
    }
    // The other side learns that nothing more comes; whether it hears that changes nothing here.
    let _ = writer.shutdown().await;
}

async fn write_all<E: Env>(writer: &mut E::Writer, chunks: &mut Vec<Bytes>) -> io::Result<u64> {
    let mut bytes = 0;
    for chunk in chunks.drain(..) {
        bytes += chunk.len() as u64;
        writer.write_all(&chunk).await?;
    }
    writer.flush().await?;
    Ok(bytes)
}
