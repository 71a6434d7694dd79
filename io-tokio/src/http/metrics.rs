//! Metrics, in the OpenMetrics text format.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::{Method, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use quorate_core::node::NodeStatus;
use quorate_core::wire::Outcome;
use quorate_core::{LeaseLost, NodeId, RoleKind};

use crate::counters::Counters;

type Number = Gauge<u64, AtomicU64>;
type Labels<const N: usize> = [(&'static str, String); N];

/// What a scrape shows. Most of it is read from the server's status at that moment.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: Family<Labels<2>, Counter>,
    peer_linked: Family<Labels<1>, Number>,
    peer_matched: Family<Labels<1>, Number>,
    numbers: [Number; Self::NUMBERS.len()],
    request_seconds: Family<Labels<2>, Histogram, fn() -> Histogram>,
    syncs: Counter,
    counters: [Counter; Counters::NAMES.len()],
}

impl Metrics {
    /// Name and help of what a status has one number for, in the order of [`numbers`].
    const NUMBERS: [(&'static str, &'static str); 19] = [
        ("leader", "Does this server lead"),
        ("leader_id", "The number of the leader that this server knows, 0 if it knows none"),
        ("voters", "Voters of the group"),
        ("term", "The current term"),
        ("last_index", "The end of the log"),
        ("durable_index", "The log is durable up to here"),
        ("commit_index", "The log is committed up to here"),
        ("applied_index", "The state machine has applied everything up to here"),
        ("apply_lag", "Entries that are committed and not applied"),
        ("requests_under_way", "Requests that wait for their outcome"),
        ("connections", "Connections, links to peers included"),
        ("ignored_messages", "Messages that made no sense, since the start"),
        ("snapshot_index", "The last entry of the newest snapshot"),
        ("log_start_index", "The log starts after this entry"),
        ("forgetful", "Has this server another disk than it had, and no say yet"),
        ("forgetful_peers", "Peers without a say, where this server leads"),
        ("snapshot_fetched_bytes", "How much is here of a snapshot that is got from the leader"),
        ("lease", "Does this server answer reads by its lease now"),
        ("clock_skew", "Have clocks differed by more than they may, where this server leads"),
    ];

    pub(super) fn new() -> Self {
        let mut registry = Registry::with_prefix("quorate");
        let numbers = Self::NUMBERS.map(|(name, help)| {
            let number = Number::default();
            registry.register(name, help, number.clone());
            number
        });
        let requests = Family::default();
        registry.register("http_requests", "HTTP requests that were answered", requests.clone());
        let peer_linked = Family::default();
        registry.register("peer_linked", "Is the link to a peer up", peer_linked.clone());
        let peer_matched = Family::default();
        let help = "How far a peer's log matches, where this server leads";
        registry.register("peer_match_index", help, peer_matched.clone());
        let request_seconds = Family::new_with_constructor(latencies as fn() -> Histogram);
        let help = "How long the group took for requests of the gateway, retries included";
        registry.register("request_seconds", help, request_seconds.clone());
        let syncs = Counter::default();
        let help = "Group commits of the log: each is one sync, however many writes share it";
        registry.register("log_syncs", help, syncs.clone());
        let counters = Counters::NAMES.map(|(name, help)| {
            let counter = Counter::default();
            registry.register(name, help, counter.clone());
            counter
        });
        Self {
            registry,
            requests,
            peer_linked,
            peer_matched,
            numbers,
            request_seconds,
            syncs,
            counters,
        }
    }

    /// A request to the group has ended.
    pub(super) fn observe(&self, kind: &'static str, outcome: &Outcome, took: Duration) {
        let outcome = match outcome {
            Outcome::Done { .. } | Outcome::Aged { .. } => "done",
            Outcome::NotApplied(_) => "not_applied",
            Outcome::Unknown(_) => "unknown",
            Outcome::Stopped(_) => "stopped",
        };
        let labels = [("kind", kind.to_owned()), ("outcome", outcome.to_owned())];
        self.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    pub(super) fn count(&self, method: &Method, status: StatusCode) {
        // Methods are the client's to invent: unknown ones must not grow the table.
        let known = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::POST];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        let labels = [("method", method.to_owned()), ("code", status.as_u16().to_string())];
        self.requests.get_or_create(&labels).inc();
    }

    /// Everything, as text.
    pub(super) fn scrape(&self, status: &NodeStatus, counters: &Counters) -> String {
        for (counter, value) in self.counters.iter().zip(counters.values()) {
            counter.inner().store(value, Ordering::Relaxed);
        }
        self.syncs.inner().store(status.syncs, Ordering::Relaxed);
        for (number, value) in self.numbers.iter().zip(numbers(status)) {
            number.set(value);
        }
        self.peer_matched.clear();
        for peer in &status.peers {
            let labels = [("peer", peer.id.to_string())];
            self.peer_linked.get_or_create(&labels).set(u64::from(peer.is_linked));
            if let Some(matched) = peer.matched {
                self.peer_matched.get_or_create(&labels).set(matched.0);
            }
        }
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a string takes any text");
        text
    }
}

/// From half a millisecond to eight seconds.
fn latencies() -> Histogram {
    Histogram::new(exponential_buckets(0.0005, 2.0, 15))
}

fn numbers(status: &NodeStatus) -> [u64; Metrics::NUMBERS.len()] {
    [
        u64::from(status.role == RoleKind::Leader),
        status.leader.map_or(0, NodeId::get),
        status.voters.len() as u64,
        status.term.0,
        status.last.0,
        status.durable.0,
        status.commit.0,
        status.applied.0,
        status.commit.0.saturating_sub(status.applied.0),
        status.requests,
        status.connections,
        status.ignored_messages,
        status.snapshot.0,
        status.log_start.0,
        u64::from(status.is_forgetful),
        status.forgetful.len() as u64,
        status.fetching.map_or(0, |(_, bytes)| bytes),
        u64::from(status.has_lease),
        u64::from(status.lease_lost == Some(LeaseLost::ClockSkew)),
    ]
}
