//! Connections as processes know them, on top of the simulated network.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes, BytesMut};
use quorate_io_sim::engine::{Digest, Feed, Rng};
use quorate_io_sim::net::{Cause, ConnectError, Delivery, End, HostId, NetEvent, Side};
use tokio::io::ReadBuf;

use crate::world::Sim;

/// Beyond this nothing more is taken from the network until the process has read.
const UNREAD_MAX: usize = 64 << 10;

/// The most that one write takes.
const WRITE_MAX: usize = 64 << 10;

/// One end of a connection, for as long as its process has it.
pub(crate) struct Socket {
    pub(crate) host: HostId,
    inbox: VecDeque<Bytes>,
    /// How much that is.
    unread: usize,
    /// The network was told to wait.
    is_paused: bool,
    is_open: bool,
    failed: Option<ConnectError>,
    ended: Option<Cause>,
    /// Nothing more is written.
    is_finished: bool,
    /// What was written and is no whole frame yet, if a server has this end.
    pub(crate) said: BytesMut,
    /// How many of reader and writer there are.
    halves: u8,
    reader: Option<Waker>,
    /// Whoever writes, or waits for the connection to stand.
    writer: Option<Waker>,
}

/// Where a host takes connections.
#[derive(Default)]
pub(crate) struct Listening {
    /// Whose process it is.
    life: u32,
    is_open: bool,
    backlog: VecDeque<End>,
    waker: Option<Waker>,
}

impl Socket {
    fn new(host: HostId, is_open: bool) -> Self {
        Self {
            host,
            inbox: VecDeque::new(),
            unread: 0,
            is_paused: false,
            is_open,
            failed: None,
            ended: None,
            is_finished: false,
            said: BytesMut::new(),
            halves: 2,
            reader: None,
            writer: None,
        }
    }

    fn wake_all(&mut self) {
        let wakers = [self.reader.take(), self.writer.take()];
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn broken(&self) -> Option<io::Error> {
        let kind = match self.ended? {
            Cause::Closed => return None,
            Cause::Reset => io::ErrorKind::ConnectionReset,
            Cause::TimedOut => io::ErrorKind::TimedOut,
        };
        Some(kind.into())
    }
}

impl Sim {
    /// Something happens at an end of a connection.
    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        self.happened(delivery.host.0.into(), &Delivered(&delivery));
        let Delivery { host, end, event } = delivery;
        if let NetEvent::Accepted(_) = event {
            let listening = &mut self.listeners[usize::from(host.0)];
            if listening.is_open {
                self.sockets.insert(end, Socket::new(host, true));
                listening.backlog.push_back(end);
                listening.waker.take().into_iter().for_each(Waker::wake);
            } else {
                self.net.close(self.now, end);
            }
            return;
        }
        let Some(socket) = self.sockets.get_mut(&end) else { return };
        match event {
            NetEvent::Accepted(_) => {}
            NetEvent::Opened => socket.is_open = true,
            NetEvent::Failed(why) => socket.failed = Some(why),
            NetEvent::Bytes(bytes) => {
                socket.unread += bytes.len();
                socket.inbox.push_back(bytes);
                if socket.unread > UNREAD_MAX && !socket.is_paused {
                    socket.is_paused = true;
                    self.net.pause_reading(self.now, end);
                }
                socket.reader.take().into_iter().for_each(Waker::wake);
                return;
            }
            NetEvent::Room(_) => {}
            NetEvent::Ended(cause) => socket.ended = Some(cause),
        }
        socket.wake_all();
    }

    /// Begins to connect. Both halves are the caller's.
    pub(crate) fn connect(&mut self, from: HostId, to: HostId) -> End {
        let end = self.net.connect(self.now, from, to);
        self.sockets.insert(end, Socket::new(from, false));
        end
    }

    /// Does the connection stand?
    pub(crate) fn poll_open(&mut self, end: End, cx: &Context<'_>) -> Poll<io::Result<()>> {
        let Some(socket) = self.sockets.get_mut(&end) else { return Poll::Pending };
        match socket.failed {
            Some(ConnectError::Refused) => {
                Poll::Ready(Err(io::ErrorKind::ConnectionRefused.into()))
            }
            Some(ConnectError::TimedOut) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            None if socket.is_open => Poll::Ready(Ok(())),
            None => {
                socket.writer = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// What has come goes into `into`, as far as there is room; nothing at the end.
    pub(crate) fn poll_read(
        &mut self,
        end: End,
        cx: &Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(socket) = self.sockets.get_mut(&end) else { return Poll::Pending };
        if socket.inbox.is_empty() {
            if let Some(error) = socket.broken() {
                return Poll::Ready(Err(error));
            }
            if socket.ended.is_some() {
                return Poll::Ready(Ok(()));
            }
            socket.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let mut room = part(&mut self.server_rng, self.options.pump.short_permille, socket.unread);
        while into.remaining() > 0
            && room > 0
            && let Some(front) = socket.inbox.front_mut()
        {
            let bytes = front.len().min(into.remaining()).min(room);
            into.put_slice(&front[..bytes]);
            front.advance(bytes);
            socket.unread -= bytes;
            room -= bytes;
            if front.is_empty() {
                socket.inbox.pop_front();
            }
        }
        if socket.is_paused && socket.unread <= UNREAD_MAX / 2 {
            socket.is_paused = false;
            self.net.resume_reading(self.now, end);
        }
        Poll::Ready(Ok(()))
    }

    /// Takes some of `bytes`, once what was written before has left.
    pub(crate) fn poll_write(
        &mut self,
        end: End,
        cx: &Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Some(socket) = self.sockets.get_mut(&end) else { return Poll::Pending };
        if let Some(error) = socket.broken() {
            return Poll::Ready(Err(error));
        }
        if socket.is_finished {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.net.unsent(end) > 0 {
            socket.writer = Some(cx.waker().clone());
            self.report.held_back += 1;
            return Poll::Pending;
        }
        let count = bytes.len().min(WRITE_MAX);
        let count = part(&mut self.server_rng, self.options.pump.short_permille, count);
        self.net.send(self.now, end, Bytes::copy_from_slice(&bytes[..count]));
        self.overhear(end, &bytes[..count]);
        Poll::Ready(Ok(count))
    }

    /// Nothing more is written.
    pub(crate) fn finish(&mut self, end: End) {
        if let Some(socket) = self.sockets.get_mut(&end)
            && !socket.is_finished
        {
            socket.is_finished = true;
            self.net.finish(self.now, end);
        }
    }

    /// The process drops one half.
    pub(crate) fn let_go(&mut self, end: End) {
        let Some(socket) = self.sockets.get_mut(&end) else { return };
        socket.halves -= 1;
        if socket.halves == 0 {
            self.sockets.remove(&end);
            self.net.close(self.now, end);
        }
    }

    /// A process takes connections.
    pub(crate) fn listen(&mut self, host: HostId, life: u32) -> io::Result<()> {
        let listening = &mut self.listeners[usize::from(host.0)];
        if listening.is_open {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        *listening = Listening { life, is_open: true, ..Listening::default() };
        self.net.listen(host, true);
        Ok(())
    }

    /// The next connection.
    pub(crate) fn poll_accept(
        &mut self,
        host: HostId,
        life: u32,
        cx: &Context<'_>,
    ) -> Poll<io::Result<End>> {
        let listening = &mut self.listeners[usize::from(host.0)];
        if listening.life != life {
            return Poll::Pending;
        }
        if listening.backlog.is_empty() {
            listening.waker = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if self.server_rng.chance(self.options.pump.accept_fails_permille) {
            self.report.accepts_failed += 1;
            return Poll::Ready(Err(io::Error::other("too many open files")));
        }
        let end = self.listeners[usize::from(host.0)].backlog.pop_front();
        Poll::Ready(Ok(end.expect("somebody waits")))
    }

    /// A process takes connections no more.
    pub(crate) fn stop_listening(&mut self, host: HostId, life: u32) {
        let listening = &mut self.listeners[usize::from(host.0)];
        if listening.life == life && listening.is_open {
            let Listening { backlog, .. } = std::mem::take(listening);
            self.net.listen(host, false);
            for end in backlog {
                self.sockets.remove(&end);
                self.net.close(self.now, end);
            }
        }
    }

    /// How many connections each server has, and all clients together.
    pub(crate) fn open_connections(&self) -> Vec<u64> {
        let mut open = vec![0; self.servers.len() + 1];
        for socket in self.sockets.values() {
            let at = usize::from(socket.host.0) - 1;
            open[at.min(self.servers.len())] += 1;
        }
        open
    }

    /// The process of a host is gone, with all that it had.
    pub(crate) fn forget_host(&mut self, host: HostId) {
        self.listeners[usize::from(host.0)] = Listening::default();
        self.sockets.retain(|_, socket| socket.host != host);
    }
}

/// Now and then less than all.
fn part(rng: &mut Rng, short_permille: u64, all: usize) -> usize {
    if all > 0 && rng.chance(short_permille) { rng.index(all) + 1 } else { all }
}

/// What is told of a delivery.
#[derive(Debug)]
struct Delivered<'a>(&'a Delivery);

impl Feed for Delivered<'_> {
    fn feed(&self, digest: &mut Digest) {
        let Delivery { end, event, .. } = self.0;
        digest.word(u64::from(end.side == Side::Dialer));
        match event {
            NetEvent::Accepted(from) => digest.words(&[1, from.0.into()]),
            NetEvent::Opened => digest.word(2),
            NetEvent::Failed(why) => digest.words(&[3, *why as u64]),
            NetEvent::Bytes(bytes) => {
                digest.word(4);
                digest.bytes(bytes);
            }
            NetEvent::Room(bytes) => digest.words(&[5, *bytes]),
            NetEvent::Ended(cause) => digest.words(&[6, *cause as u64]),
        }
    }
}
