//! What clients saw: who asked for what, when, and what came back; the format `lin-history/1`.
//!
//! A history is a file of JSON lines. The first is a header `{"format", "model", "init"}`; each
//! further line is one event, in real-time order: `p` process, `e` one of `invoke`, `ok`, `fail`
//! and `info`, `f` operation, `k` key, `v` argument (when invoked), `r` answer (when `ok`).
//!
//! * `ok`: it happened, with answer `r`.
//! * `fail`: it certainly did not happen.
//! * `info`, or no completion at all: unknown. It may have happened at any time after the
//!   invocation, may still happen, or never.

mod operation;
mod read;
mod recorder;
mod wire;

pub use operation::{Call, History, ModelName, Operation, Outcome};
pub use read::{HISTORY_BYTES_MAX, HistoryError, LINE_BYTES_MAX};
pub use recorder::{RecordError, Recorder};
