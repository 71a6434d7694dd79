//! The state of the cluster, health, and metrics.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use quorate_core::node::NodeStatus;
use quorate_core::{LeaseLost, NodeId};
use serde_json::{Map, Value, json};

use super::gateway::Gateway;
use super::problem::{Problem, json};
use crate::env::Env;

const LEADER: HeaderName = HeaderName::from_static("quorate-leader");
const TERM: HeaderName = HeaderName::from_static("quorate-term");

type Reply = Result<Response<Full<Bytes>>, Problem>;

impl<E: Env> Gateway<E> {
    pub(super) async fn cluster(&self) -> Reply {
        let status = self.status().await?;
        let mut response = json(StatusCode::OK, &status_json(&status));
        response.headers_mut().insert(TERM, status.term.0.into());
        if let Some(leader) = status.leader {
            response.headers_mut().insert(LEADER, leader.get().into());
        }
        Ok(response)
    }

    /// Does the server run?
    pub(super) async fn live(&self) -> Reply {
        self.status().await?;
        Ok(Response::new(Full::from("ok\n")))
    }

    /// Can the server do what clients ask, as far as it knows?
    pub(super) async fn ready(&self) -> Reply {
        match self.status().await?.leader {
            Some(_) => Ok(Response::new(Full::from("ok\n"))),
            None => Err(Problem::unavailable("no leader is known")),
        }
    }

    pub(super) async fn scrape(&self) -> Reply {
        let status = self.status().await?;
        let mut response =
            Response::new(Full::from(self.metrics.scrape(&status, &self.handle.counters)));
        let text = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(text));
        Ok(response)
    }

    pub(super) async fn status(&self) -> Result<NodeStatus, Problem> {
        let status = self.handle.status().await;
        status.ok_or_else(|| Problem::unavailable("this server has ended"))
    }
}

fn status_json(status: &NodeStatus) -> Value {
    let peers = status.peers.iter().map(|peer| {
        let matched = peer.matched.map(|index| index.0);
        json!({ "id": peer.id.get(), "linked": peer.is_linked, "matched": matched })
    });
    let ids = |ids: &[NodeId]| ids.iter().map(|id| id.get()).collect::<Vec<_>>();
    json!({
        "cluster": status.cluster.to_string(),
        "id": status.id.get(),
        "role": status.role.as_str(),
        "term": status.term.0,
        "leader": status.leader.map(|leader| leader.get()),
        "leader_address": status.leader_address.as_ref().map(|address| address.as_str()),
        "last": status.last.0,
        "durable": status.durable.0,
        "commit": status.commit.0,
        "applied": status.applied.0,
        "voters": ids(&status.voters),
        "peers": peers.collect::<Vec<_>>(),
        "requests": status.requests,
        "connections": status.connections,
        "learners": ids(&status.learners),
        "reserves": ids(&status.reserves),
        "outgoing": ids(&status.outgoing),
        "membership_index": status.membership_index.0,
        "addresses": status.addresses.iter().map(|one| (one.0.to_string(), json!(one.1.as_str()))).collect::<Map<_, _>>(),
        "changing": status.is_changing,
        "transferring_to": status.transferring_to.map(NodeId::get),
        "removed": status.is_removed,
        "forgetful": status.is_forgetful,
        "forgetful_peers": ids(&status.forgetful),
        "lease": status.has_lease,
        "lease_lost": status.lease_lost.map(LeaseLost::as_str),
        "snapshot": status.snapshot.0,
        "log_start": status.log_start.0,
        "fetching": status.fetching.map(|(index, bytes)| json!({ "snapshot": index.0, "bytes": bytes })),
        "ignored_messages": status.ignored_messages,
    })
}
