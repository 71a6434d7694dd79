//! State machines that are ready to be used: each is a trait under [`machine`](macro@quorate_sm::machine), a state
//! that implements it, and so a typed client.
//!
//! | machine | state | what for |
//! |---|---|---|
//! | [`Locks`](locks::Locks) | [`LockTable`](locks::LockTable) | locks and semaphores, with fencing tokens |
//! | [`Elections`](elections::Elections) | [`Ballots`](elections::Ballots) | one leader of many candidates, told to whoever wants to know |
//! | [`Counters`](counters::Counters) | [`Tallies`](counters::Tallies) | numbers that are added up, and ids that are never given twice |
//! | [`Queues`](queues::Queues) | [`Lines`](queues::Lines) | work that is done at least once, and by one at a time |
//! | [`Membership`](membership::Membership) | [`Registry`](membership::Registry) | who is online, groups, and a leader of each |
//! | [`Barriers`](barriers::Barriers) | [`Gates`](barriers::Gates) | many that wait for each other |
//!
//! Key and value stores are [`quorate_sm::kv`].
//!
//! What somebody holds, he holds by his session: when a client is not heard from for the session timeout, or closes
//! its session, it holds nothing any more, on all servers at the same entry. So a client that is cut off may
//! believe for a while that it holds what is another's by now: that is what fencing tokens are for.
//!
//! ```
//! use quorate_machines::locks::{LockTable, LocksClient, LocksMachine};
//! use quorate_sm::{Applier, Caller, Kv, MachineId, SessionLimits};
//!
//! // On the servers, beside whatever else there is:
//! let applier = Applier::new(Kv::default(), SessionLimits::default())
//!     .with(MachineId(1), "locks", LocksMachine(LockTable::default()));
//!
//! // At a client, which has it by `client.machine("locks").await?`:
//! async fn alone<C: Caller>(locks: LocksClient<C>) -> Result<(), Box<dyn std::error::Error>> {
//!     let held = locks.lock("report").await?;
//!     println!("whoever writes it says that its token is {}", held.holder.fence);
//!     held.release().await?;
//!     Ok(())
//! }
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod barriers;
pub mod counters;
pub mod elections;
pub mod locks;
pub mod membership;
pub mod queues;

mod names;

pub use names::{NAME_BYTES_MAX, NameTooLong};
