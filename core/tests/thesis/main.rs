//! The rules of Ongaro's thesis, one test each, by section: `s3_6_2_...` is a rule of section 3.6.2.
//!
//! Here is what one server can show by itself. What takes several servers is told by scripts, in
//! `tests/scripts` of the workspace, and each names its sections; sessions (section 6.3) are in
//! `sm/tests/sm/thesis.rs`. Where to find what:
//!
//! | section | rules | where |
//! |---|---|---|
//! | Figure 3.1 | all | `figure_3_1` |
//! | Figure 3.2 | Election Safety, Leader Append-Only, Log Matching, Leader Completeness, State Machine Safety | judged after every step of every script and world |
//! | 3.3, 3.4 | terms, elections | `chapter_3`; scripts `elections/*` |
//! | 3.5 | replication | `chapter_3`; scripts `replication/*` |
//! | 3.6, 3.7 | what is committed stays; crashes | `chapter_3`; scripts `commit/*`, `crashes/*` |
//! | 3.8, 3.9 | persistence, timing | `chapter_3` |
//! | 3.10 | leadership transfer | `chapter_3`; scripts `transfer/*` |
//! | 4.1, 4.2, 4.3 | membership | `chapter_4`; scripts `membership/*` |
//! | 6.1, 6.2 | clients find the leader | `chapter_6`; `sm/src/courier/tests` |
//! | 6.3 | sessions | `sm/tests/sm/thesis.rs` |
//! | 6.4 | reads | `chapter_6`; scripts `reads/*`; 6.4.1, leases: there are none |
//! | 9.6 | pre-vote | `chapter_9` |
//! | 10.2 | disk and network in parallel, batches, pipelines | `chapter_10`; scripts `replication/*` |
//!
//! Chapter 5, snapshots, is not among them.

#[path = "../raft/bench.rs"]
#[allow(dead_code, reason = "the bench of tests/raft, of which this uses a part")]
mod bench;
mod chapter_10;
mod chapter_3;
mod chapter_4;
mod chapter_6;
mod chapter_9;
mod figure_3_1;
