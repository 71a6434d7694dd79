//! The way to a lane, wherever it is hosted.

use std::sync::Arc;

/// Queues work for a lane. The lane ends when all clones are dropped.
pub struct LaneSender<W> {
    send: Arc<dyn Fn(W) + Send + Sync>,
}

impl<W> Clone for LaneSender<W> {
    fn clone(&self) -> Self {
        Self { send: Arc::clone(&self.send) }
    }
}

impl<W> LaneSender<W> {
    /// A sender that calls `send`, which must not block.
    pub fn new(send: impl Fn(W) + Send + Sync + 'static) -> Self {
        Self { send: Arc::new(send) }
    }

    /// Queues work, or does it at once if it is [brief](quorate_core::node::Lane::is_brief). Never blocks; the node bounds what it gives to each lane. Work for a lane that
    /// has ended is dropped.
    pub fn send(&self, work: W) {
        (self.send)(work);
    }
}

impl<W> std::fmt::Debug for LaneSender<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LaneSender")
    }
}
