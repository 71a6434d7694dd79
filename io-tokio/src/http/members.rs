//! Changes of the membership, and of the leader.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use quorate_core::node::NodeStatus;
use quorate_core::wire::{Address, RequestBody};
use quorate_core::{Index, Membership, NodeId};
use serde::Deserialize;
use serde_json::json;

use super::gateway::Gateway;
use super::problem::{Problem, json as response};
use crate::env::Env;

/// Who shall belong to the group.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    voters: Vec<NodeId>,
    #[serde(default)]
    learners: Vec<NodeId>,
    #[serde(default)]
    reserves: Vec<NodeId>,
    /// Of whom it is not known yet where they are, or who have moved.
    #[serde(default)]
    addresses: BTreeMap<NodeId, Address>,
    expect: Option<u64>,
    #[serde(default)]
    force: bool,
}

impl Target {
    /// The members, at the addresses that were given, or else are known.
    fn membership(self, status: &NodeStatus) -> Result<Membership, Problem> {
        let bad = |why: &dyn std::error::Error| Problem::bad_request(why.to_string());
        let members =
            Membership::new(self.voters, [], self.learners).map_err(|error| bad(&error))?;
        let members = members.with_reserves(self.reserves).map_err(|error| bad(&error))?;
        let mut addresses: BTreeMap<_, _> = status.addresses.iter().cloned().collect();
        addresses.retain(|&id, _| members.is_member(id) || members.is_reserve(id));
        addresses.extend(self.addresses);
        members.with_addresses(addresses).map_err(|error| bad(&error))
    }
}

/// Who shall lead.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Successor {
    to: Option<NodeId>,
}

type Reply = Result<Response<Full<Bytes>>, Problem>;

impl<E: Env> Gateway<E> {
    /// Answers when it is done, or goes no further.
    pub(super) async fn change_members(&self, request: Request<Incoming>) -> Reply {
        let body = self.body(request).await?;
        let target: Target = parsed(&body)?;
        let (expected, force) = (target.expect.map(Index), target.force);
        let target = target.membership(&self.status().await?)?;
        let (index, _) = self.ask(RequestBody::Reconfigure { target, expected, force }).await?;
        Ok(response(StatusCode::OK, &json!({ "index": index.0 })))
    }

    /// Answers when this server leads no more.
    pub(super) async fn transfer(&self, request: Request<Incoming>) -> Reply {
        let body = self.body(request).await?;
        let Successor { to } = if body.is_empty() { Successor::default() } else { parsed(&body)? };
        self.ask(RequestBody::TransferLeadership { to }).await?;
        Ok(response(StatusCode::OK, &json!({})))
    }
}

pub(super) fn parsed<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::bad_request(error.to_string()))
}
