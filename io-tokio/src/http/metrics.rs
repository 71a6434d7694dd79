//! Metrics, in the OpenMetrics text format.

use std::sync::atomic::AtomicU64;

use hyper::{Method, StatusCode};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use quorate_core::RoleKind;
use quorate_core::node::NodeStatus;

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
}

impl Metrics {
    /// Name and help of what a status has one number for, in the order of [`numbers`].
    const NUMBERS: [(&'static str, &'static str); 9] = [
        ("leader", "Does this server lead"),
        ("term", "The current term"),
        ("last_index", "The end of the log"),
        ("durable_index", "The log is durable up to here"),
        ("commit_index", "The log is committed up to here"),
        ("applied_index", "The state machine has applied everything up to here"),
        ("requests_under_way", "Requests that wait for their outcome"),
        ("connections", "Connections, links to peers included"),
        ("ignored_messages", "Messages that made no sense, since the start"),
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
        Self { registry, requests, peer_linked, peer_matched, numbers }
    }

    pub(super) fn count(&self, method: &Method, status: StatusCode) {
        // Methods are the client's to invent: unknown ones must not grow the table.
        let known = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE, Method::POST];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        let labels = [("method", method.to_owned()), ("code", status.as_u16().to_string())];
        self.requests.get_or_create(&labels).inc();
    }

    /// Everything, as text.
    pub(super) fn scrape(&self, status: &NodeStatus) -> String {
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

fn numbers(status: &NodeStatus) -> [u64; Metrics::NUMBERS.len()] {
    [
        u64::from(status.role == RoleKind::Leader),
        status.term.0,
        status.last.0,
        status.durable.0,
        status.commit.0,
        status.applied.0,
        status.requests,
        status.connections,
        status.ignored_messages,
    ]
}
