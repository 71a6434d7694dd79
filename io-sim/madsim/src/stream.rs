//! The two halves of a connection, as tokio's traits want them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use quorate_io_sim::net::End;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::world::World;

/// What is read from a connection.
pub(crate) struct Reader {
    world: World,
    end: End,
}

/// What is written to a connection. Nothing more comes when it is dropped.
pub(crate) struct Writer {
    world: World,
    end: End,
}

/// Both halves of an end that has just come to be.
pub(crate) fn halves(world: &World, end: End) -> (Reader, Writer) {
    let world = world.clone();
    (Reader { world: world.clone(), end }, Writer { world, end })
}

impl Writer {
    /// Waits until the connection stands.
    pub(crate) async fn opened(&self) -> io::Result<()> {
        std::future::poll_fn(|cx| self.world.with(|sim| sim.poll_open(self.end, cx))).await
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.world.with(|sim| sim.poll_read(self.end, cx, into))
    }
}

impl AsyncWrite for Writer {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.world.with(|sim| sim.poll_write(self.end, cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.world.with(|sim| sim.finish(self.end));
        Poll::Ready(Ok(()))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.world.with(|sim| sim.let_go(self.end));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.world.with(|sim| {
            sim.finish(self.end);
            sim.let_go(self.end);
        });
    }
}
