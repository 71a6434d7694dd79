//! How clients call, and what they ask.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units;

/// How clients call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CallingOptions {
    /// What they ask, and of which machine.
    pub workload: WorkloadName,
    /// Keys that all share.
    pub keys: u64,
    /// Between two calls of one client, at most.
    #[serde(with = "units::span")]
    pub pause_max: Duration,
    /// How long a call may take.
    #[serde(with = "units::span")]
    pub timeout: Duration,
    /// The longest value.
    pub value_bytes_max: u64,
    /// How often one client calls before all faults end; `None` for as often as it can.
    #[serde(with = "units::optional")]
    pub calls_max: Option<u64>,
}

/// What clients ask of a world that is given no workload of a user's own.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WorkloadName {
    /// [`KvWorkload`](crate::workload::KvWorkload): keys and values, and a history that must be linearizable.
    #[default]
    Kv,
    /// [`BellWorkload`](crate::workload::BellWorkload): time, timers, events, and reads at other levels. Its
    /// time stands still without `raft.time_resolution_ms`.
    Bells,
}
