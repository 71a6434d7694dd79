//! The two tasks of a connection: one reads, one writes. Neither looks at what passes.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

use crate::env::Env;

/// How large a buffer for reading is.
const BUFFER_BYTES: usize = 64 << 10;

/// Less room than this is not worth a read.
const READ_BYTES_MIN: usize = 16 << 10;

/// How much leaves a connection before the node is told: it counts in megabytes.
const REPORT_BYTES: u64 = 256 << 10;

/// How long what is queued may take to leave a connection that is closed, and to be read there.
pub(crate) const LINGER_MAX: Duration = Duration::from_secs(1);

/// Reads until the other side ends, or `closed` gives a word.
///
/// When the other end of `closed` was dropped, nobody wants what comes in, and it is dropped: for a
/// while, until the other side ends. A socket that is closed while there is something to be read
/// is reset, and with it goes what the other side has not read yet of its last answers.
pub(crate) async fn read<E: Env, R: AsyncRead + Unpin, A>(
    env: E,
    mut reader: R,
    inbox: mpsc::Sender<A>,
    mut closed: oneshot::Receiver<()>,
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
            word = &mut closed => match word {
                Ok(()) => return,
                Err(_) => break,
            },
            read = reader.read_buf(&mut buffer) => read,
        };
        match read {
            Ok(bytes) if bytes > 0 => {
                if inbox.send(received(buffer.split())).await.is_err() {
                    break;
                }
            }
            // However it ended, it has ended: that is told once.
            _ => {
                let _ = inbox.send(ended).await;
                return;
            }
        }
    }
    let end = env.now().after(LINGER_MAX);
    tokio::select! {
        biased;
        () = env.sleep_until(end) => {}
        () = drop_all(reader) => {}
    }
}

async fn drop_all<R: AsyncRead + Unpin>(mut reader: R) {
    let mut dropped = vec![0; READ_BYTES_MIN];
    while reader.read(&mut dropped).await.is_ok_and(|bytes| bytes > 0) {}
}

/// Writes until its queue ends, or whoever waits for that gives up. What has left is counted in
/// `sent`, by the megabyte.
pub(crate) async fn write<W: AsyncWrite + Unpin, A>(
    mut writer: W,
    mut queue: mpsc::UnboundedReceiver<Bytes>,
    inbox: mpsc::Sender<A>,
    given_up: impl Future<Output = ()>,
    sent: impl Fn(u64) -> A,
    ended: A,
) {
    let writing = async {
        let mut unreported = 0;
        let mut chunks = Vec::new();
        while queue.recv_many(&mut chunks, 64).await > 0 {
            match write_all(&mut writer, &mut chunks).await {
                Ok(bytes) => unreported += bytes,
                Err(_) => {
                    let _ = inbox.send(ended).await;
                    return;
                }
            }
            if unreported >= REPORT_BYTES {
                let _ = inbox.send(sent(unreported)).await;
                unreported = 0;
            }
        }
        // The other side learns that nothing more comes; whether it hears that changes nothing here.
        let _ = writer.shutdown().await;
    };
    tokio::select! {
        biased;
        () = writing => {}
        () = given_up => {}
    }
}

/// Done when nobody waits any longer for what is queued: at once at a word from `closed`, and a
/// while after its other end was dropped.
pub(crate) async fn given_up<E: Env>(env: E, closed: oneshot::Receiver<()>) {
    if closed.await.is_err() {
        env.sleep_until(env.now().after(LINGER_MAX)).await;
    }
}

async fn write_all<W: AsyncWrite + Unpin>(
    writer: &mut W,
    chunks: &mut Vec<Bytes>,
) -> io::Result<u64> {
    let mut bytes = 0;
    for chunk in chunks.drain(..) {
        bytes += chunk.len() as u64;
        writer.write_all(&chunk).await?;
    }
    writer.flush().await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::real::RealEnv;

    /// A writer whose other side has stopped reading, and what ends it.
    struct Stuck {
        queue: mpsc::UnboundedSender<Bytes>,
        closing: oneshot::Sender<()>,
        task: tokio::task::JoinHandle<()>,
        other_side: tokio::io::DuplexStream,
    }

    async fn stuck() -> Stuck {
        let (near, mut far) = tokio::io::duplex(8);
        let (queue, queued) = mpsc::unbounded_channel();
        let (closing, closed) = oneshot::channel();
        let (inbox, _) = mpsc::channel(1);
        let until = given_up(RealEnv::new(), closed);
        let task = tokio::spawn(write(near, queued, inbox, until, |_| (), ()));
        queue.send(Bytes::from_static(&[7; 1 << 10])).expect("it runs");
        // Until here it reads.
        far.read_exact(&mut [0; 16]).await.expect("it writes");
        Stuck { queue, closing, task, other_side: far }
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_connection_that_is_not_read_lingers_for_a_while_only() {
        let Stuck { queue, closing, task, other_side: _open } = stuck().await;
        let closed = tokio::time::Instant::now();
        drop((queue, closing));
        let ended = tokio::time::timeout(LINGER_MAX * 2, task).await;
        ended.expect("it gives up").expect("it does not panic");
        assert!(closed.elapsed() > LINGER_MAX / 2, "what is queued may take a moment to leave");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stuck_connection_ends_at_a_word() {
        let Stuck { queue: _queue, closing, task, other_side: _open } = stuck().await;
        closing.send(()).expect("it runs");
        let ended = tokio::time::timeout(LINGER_MAX / 2, task).await;
        ended.expect("at once").expect("it does not panic");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_queued_before_the_end_leaves() {
        let Stuck { queue, closing, task, mut other_side } = stuck().await;
        drop((queue, closing));
        let mut rest = Vec::new();
        other_side.read_to_end(&mut rest).await.expect("it writes");
        assert_eq!(rest.len(), (1 << 10) - 16);
        task.await.expect("it does not panic");
    }

    /// A socket whose other side takes little at a time.
    async fn sockets() -> (tokio::net::TcpStream, tokio::net::TcpStream) {
        let listener = tokio::net::TcpSocket::new_v4().expect("a socket");
        listener.set_send_buffer_size(1 << 17).expect("a buffer");
        listener.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = listener.listen(1).expect("it listens");
        let far = tokio::net::TcpSocket::new_v4().expect("a socket");
        far.set_recv_buffer_size(1 << 12).expect("a buffer");
        let far =
            far.connect(listener.local_addr().expect("an address")).await.expect("a listener");
        (listener.accept().await.expect("a connection").0, far)
    }

    #[tokio::test]
    async fn requests_that_nobody_wants_do_not_cost_the_other_side_its_last_answers() {
        let (near, mut far) = sockets().await;
        far.write_all(&[1; 64]).await.expect("it takes requests");
        near.readable().await.expect("they have come");
        let (reader, writer) = near.into_split();
        let answer = Bytes::from(vec![7; 1 << 16]);
        let (queue, queued) = mpsc::unbounded_channel();
        queue.send(answer.clone()).expect("it is queued");
        let (inbox, mut arrived) = mpsc::channel(1);
        let ((reading, no_reader), (writing, no_writer)) = (oneshot::channel(), oneshot::channel());
        drop((queue, reading, writing));
        let reads = read(RealEnv::new(), reader, inbox.clone(), no_reader, |_| (), ());
        let until = given_up(RealEnv::new(), no_writer);
        let writes = write(writer, queued, inbox, until, |_| (), ());
        let reads = tokio::spawn(reads);
        tokio::spawn(writes).await.expect("the system takes all of it");
        far.write_all(&[1; 64]).await.expect("it takes more requests");
        let mut got = Vec::new();
        far.read_to_end(&mut got).await.expect("it is not reset");
        assert_eq!(got, answer);
        drop(far);
        reads.await.expect("it ends with the other side");
        assert_eq!(arrived.recv().await, None, "and tells nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_connection_is_read_for_a_while_only() {
        let (near, mut far) = tokio::io::duplex(8);
        let (closing, closed) = oneshot::channel::<()>();
        let (inbox, _) = mpsc::channel(1);
        let task = tokio::spawn(read(RealEnv::new(), near, inbox, closed, |_| (), ()));
        drop(closing);
        far.write_all(&[1; 1 << 10]).await.expect("it is read");
        let ended = tokio::time::timeout(LINGER_MAX * 2, task).await;
        ended.expect("it gives up").expect("it does not panic");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_not_to_linger_is_read_no_more() {
        let (near, _far) = tokio::io::duplex(8);
        let (closing, closed) = oneshot::channel();
        let (inbox, _) = mpsc::channel(1);
        let task = tokio::spawn(read(RealEnv::new(), near, inbox, closed, |_| (), ()));
        closing.send(()).expect("it runs");
        let ended = tokio::time::timeout(LINGER_MAX / 2, task).await;
        ended.expect("at once").expect("it does not panic");
    }
}
