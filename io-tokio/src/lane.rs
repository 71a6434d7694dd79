//! Lanes: the parts of a server that may block, each in a place of its own.

use std::sync::Arc;

/// Work that is done in steps, in order. A lane knows neither the thread nor the task that hosts
/// it; whatever has queued up since the last step is one batch.
pub trait Lane: Send + 'static {
    /// What is to be done.
    type Work: Send + 'static;
    /// What came of it.
    type Done: Send + 'static;

    /// Does all of `work`, in order, and leaves it empty.
    fn step(&mut self, work: &mut Vec<Self::Work>, done: &mut Vec<Self::Done>);

    /// Is this work done within microseconds, whatever state the lane is in? Then it is not worth
    /// waking a thread: whoever orders it may do it, if nothing is queued before it.
    fn is_brief(&self, _work: &Self::Work) -> bool {
        false
    }

    /// After a step, when everybody knows what came of it: what should not wait for an idle moment.
    fn after_step(&mut self, _done: &mut Vec<Self::Done>) {}

    /// Nothing is queued: a short piece of what can wait.
    fn idle(&mut self, _done: &mut Vec<Self::Done>) -> Idle {
        Idle::Done
    }

    /// All work is done and there will be no more.
    fn finish(self)
    where
        Self: Sized,
    {
    }
}

/// What a lane that was idle came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Idle {
    /// There is nothing more to do.
    Done,
    /// There is more that can wait.
    More,
}

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

    /// Queues work, or does it at once if it is [brief](Lane::is_brief). Never blocks; the node bounds what it gives to each lane. Work for a lane that
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
