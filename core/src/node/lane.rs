//! Lanes: the parts of a server that may block, each hosted in a place of its own.

use alloc::vec::Vec;

/// Work that is done in steps, in order. A lane knows neither the thread nor the task that hosts
/// it; as much as it likes of what has queued up since the last step is one batch.
pub trait Lane {
    /// What is to be done.
    type Work;
    /// What came of it.
    type Done;

    /// Does what is first in `work`, one piece at least, and takes it out. What it leaves is for the
    /// next step: what came of the first pieces need not wait for the last, however many there are.
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
    fn finish(self, _done: &mut Vec<Self::Done>)
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
