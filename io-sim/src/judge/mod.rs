//! What must hold of all servers together, in any world: Raft's properties over logs (thesis Figure
//! 3.2), that what is committed is durable on a quorum, that nothing is said before it is durable; and
//! what clients may rely on, and for how long they may have to wait.
//!
//! A world tells of every write before it is carried out, of every step, and of every message. It
//! keeps a [`Ledger`] for each server: the log as the server wrote it, and what of it is durable.
//!
//! # All checks
//! After every event, with the eyes of a god:
//!
//! | | what | where | negative control |
//! |---|---|---|---|
//! | I1 | at most one leader in a term, and a quorum voted for it in that term | `properties::elected` | `tests::i1` |
//! | I2 | a leader only appends | `properties::writes` | `tests::i2` |
//! | I3 | logs match up to an entry that they share | `properties::wrote`, `speech::acknowledges` | `tests::i3` |
//! | I4 | a leader has all that was committed before; a leader counts only entries of its own term; nobody could win who lacks what is committed | `properties::elected`, `counts_its_own` in `peers::watch_leader`; `futures::is_final` | `tests::i4` |
//! | I5 | one entry is committed at an index, and all apply it | `properties::commits`, `applied` | `tests::i5`, `tests::i5_i9` |
//! | I6 | terms, votes and commits never go back, over restarts too | `properties::writes`, `stepped`; `direct::reconcile` | `tests::i6` |
//! | I7 | what is committed is durable on a quorum | `properties::still_durable`, on ledgers; I12 holds these against real images | `tests::i7`; a disk that lies |
//! | I8 | no vote, acknowledgement or word of a leader before it is durable | `speech` | `tests::i8` |
//! | I9 | applied <= committed <= last | `applied`; `quorate_core::invariants` | `tests::i5_i9` |
//! | I10 | configurations overlap | whoever is elected, and what is committed, has a quorum of every half of what rules in the leader's log: I1, I4, I7 | as I1, I4, I7 |
//! | I11 | what a leader believes of a peer's disk is there; the next entry lies beyond | `peers::watch_leader`; `quorate_core::invariants` | `tests::i11` |
//! | I12 | recovery finds what was acknowledged, twice the same, and after an interruption; on a disk that has decayed it may refuse instead, changes nothing, and refuses for good | `direct::autopsy`, `direct::reconcile`, `boot`, `health` | `autopsy::tests`, `health::tests`; a disk that lies |
//! | I13 | nothing leaves after a sync that failed, and no sync succeeds after it | `ends` | `ends::tests` |
//! | I14 | nothing comes of a process that is gone | everything under way names the life that it belongs to and is dropped with it | `ends::tests` |
//! | I15 | a process that is gone does not touch its disk | `ends::rests_in_peace` | `ends::tests` |
//!
//! What clients see:
//!
//! | | what | where | negative control |
//! |---|---|---|---|
//! | H1 | some order explains the history, key by key | [`crate::linearizability`] | its own tests |
//! | H2 | a command takes effect once and has one answer, a call takes effect once; sessions last while they are active | `answers`; `values::stands` | `answers::tests`, `values::tests` |
//! | H3 | one client never sees less than before, nor less than was committed when it asked | `values::Sight` | `values::tests` |
//! | H4 | lease reads under skewed clocks | n/a: there are no leases | |
//! | H5 | stale reads are bounded | n/a: stale reads promise no bound, and no caller makes any | |
//! | H6 | what is read was written | `values` | `values::tests` |
//! | H7 | what was refused had no effect, and whoever refuses it knows that | `values`; H1 counts refused calls as never made; `requests`, `futures::is_void` | `values::tests`, `requests::tests`, `tests::h7` |
//! | H8 | an answer finds the request that it is for, over restarts of the asker too | `names` | `names::tests` |
//!
//! When faults have ended, for all servers or for a quorum of them only (`direct::heal`):
//!
//! | | what | where | negative control |
//! |---|---|---|---|
//! | L1 | a healed core answers, all others stay broken | `heal::make_peace` | a world that never heals |
//! | L2 | leadership lasts when nothing is in the way | `heal::stand_still` | a world whose leader is shot |
//! | L3 | who lags catches up with an idle leader | `heal::make_peace` | a world that never heals, at its end |
//! | L4 | changes of membership come to an end: in the end everybody belongs to the cluster | `heal::gather` | as L1 |
//! | L5 | half broken servers disturb nobody | L1 and L2, with [`Broken`](crate::direct::Broken) servers that hear or speak | as L1, L2 |
//! | L6 | calls are answered within an election timeout | `bounds` | `bounds::tests` |
//! | R1 | nothing under way is left over; connections and sessions are bounded | `direct::quiet`; `bounds` | `bounds::tests` |
//! | R2 | files are in proportion to what was written | `direct::files` | `bounds::tests` |
//! | R3 | messages are in proportion to what was done | `bounds` | `bounds::tests` |
//! | R4 | snapshots are not sent again and again | n/a: pieces are asked for by whoever lacks them; `core/tests/node/snapshots.rs` counts them | |
//! | R5 | events are in proportion to what was done | `bounds` | `bounds::tests` |
//! | V1 | equal logs make equal states and sessions | `direct::quiet::agree` | a server that forgets |
//! | V2 | a snapshot restores the state | `applied::restored`; V1 and V3, over servers that began from one | a server that forgets |
//! | V3 | the whole log, applied anew, makes the state | `direct::quiet::replay` | a server that forgets |
//!
//! Where a file of the direct engine is named, the one on madsim has its like: a node is looked at
//! before and after each step (`witness`), disks are searched (`survey`), and what is done in peace is
//! measured (`peace`, `broken`), by the same functions. Two things are the direct engine's alone:
//! * it overhears clients, and servers that pass requests on: H7 of single requests, and H2 of calls;
//!   on madsim, histories and sessions tell;
//! * it judges what a node says in the step in which that is said. On madsim that is heard when it is
//!   written to a connection: an acknowledgement of a term that has ended by then is only counted (I8).
//!
//! [`Point`] lists rare situations that worlds must come to, or they prove nothing about them.

mod again;
mod answers;
mod applied;
mod bounds;
mod ends;
mod freshness;
mod futures;
mod glance;
mod image;
mod ledger;
mod names;
mod peers;
mod point;
mod properties;
mod requests;
mod snapshots;
mod speech;
#[cfg(test)]
mod tests;
mod values;
mod violation;

pub use again::Told;
pub(crate) use again::again;
pub(crate) use answers::Answers;
pub use applied::Given;
pub(crate) use bounds::fits_on_disk;
pub(crate) use bounds::network_has_few_connections;
pub use bounds::{Setting, Work, has_few_connections, has_few_sessions};
pub use ends::is_silent_after_failure;
pub(crate) use ends::{rests_in_peace, stays_failed};
pub use freshness::Freshness;
pub use glance::{Glance, Witness};
pub use image::Image;
pub use ledger::Ledger;
pub(crate) use names::Names;
pub use point::{Point, Reached};
pub use properties::Properties;
pub(crate) use properties::is_quorum;
pub(crate) use requests::Requests;
pub(crate) use values::{Ending, Sight, Values};
pub use violation::{Checked, hold};
pub use violation::{Property, Violation};
