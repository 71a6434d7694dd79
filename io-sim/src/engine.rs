//! What all engines are made of, wherever they live: chance, clocks, plans, what strikes, what
//! happened, and the judges of it.

pub use crate::boot::{Boot, Booted, address, applier, cannot_start, host_at, ledger, made_ready};
pub use crate::clock::{Clock, EPOCH_NS, nanos};
pub use crate::digest::Digest;
pub use crate::direct::{
    Broken, DiskUse, FOREVER_NS, Failure, examine, judge_files, reconcile, replayed,
};
pub use crate::feed::Feed;
pub use crate::health::Health;
pub use crate::hearing::{Hearing, frames, message};
pub use crate::judge::{
    Checked, Freshness, Given, Glance, Image, Ledger, Point, Properties, Property, Reached,
    Setting, Violation, Witness, Work, has_few_connections, has_few_sessions, hold,
    is_silent_after_failure,
};
pub use crate::queue::Queue;
pub use crate::replay::{Collapse, run, violation};
pub use crate::rng::{Rng, Stream};
pub use crate::trace::Trace;
pub use crate::trouble::{Links, Suffering, Trouble, Troubles, ends_at};
pub use crate::workload::{Subject, Typed};
