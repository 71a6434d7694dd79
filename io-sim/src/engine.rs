//! What all engines are made of, wherever they live: chance, clocks, plans, what happened, and the
//! judges of it.

pub use crate::boot::{Boot, address, applier, cannot_start, host_at, made_ready};
pub use crate::clock::{Clock, nanos};
pub use crate::digest::Digest;
pub use crate::direct::{explains, read_all, reconcile};
pub use crate::feed::Feed;
pub use crate::judge::{
    Checked, Glance, Image, Ledger, Properties, Property, Violation, Witness, hold,
};
pub use crate::queue::Queue;
pub use crate::replay::{Collapse, run};
pub use crate::rng::{Rng, Stream};
pub use crate::trace::Trace;
pub use crate::workload::{Subject, Typed};
