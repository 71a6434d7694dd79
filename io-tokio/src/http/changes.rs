//! What becomes of keys, over HTTP: each request waits for a while.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode};
use quorate_core::Index;
use quorate_core::wire::{Outcome, RequestBody};
use quorate_sm::kv::Change;
use quorate_sm::{Event, Filter, MachineId, Position, Since, Watch, Watched, client};
use serde_json::{Map, Value, json};

use super::gateway::Gateway;
use super::kv::{number, put_bytes, text};
use super::problem::{Problem, json as response};
use crate::env::Env;

/// How long a request waits if it does not say.
const WAIT: Duration = Duration::from_secs(30);

/// The longest that it may wait.
const WAIT_MAX: Duration = Duration::from_mins(5);

impl<E: Env> Gateway<E> {
    pub(super) async fn changes<B>(
        &self,
        request: &Request<B>,
    ) -> Result<Response<Full<Bytes>>, Problem> {
        let query = request.uri().query();
        let (filter, since) = (filter(query)?, since(query)?);
        let wait = number(query, "wait_ms")?.map_or(WAIT, Duration::from_millis).min(WAIT_MAX);
        let watch = client::watch(&Watch { machine: MachineId::FIRST, filter, since, until: None });
        let outcome = tokio::select! {
            biased;
            outcome = self.handle.request(RequestBody::Watch { watch }) => outcome,
            () = self.env.sleep_until(self.env.now().after(wait)) => {
                let next = match since {
                    Since::Position(position) => Some(position.0),
                    Since::Now | Since::Entry(_) => None,
                };
                return Ok(response(StatusCode::OK, &json!({ "events": [], "next": next })));
            }
        };
        let answer = match outcome {
            Outcome::Done { answer, .. } => answer,
            Outcome::NotApplied(why) => return Err(why.into()),
            _ => return Err(Problem::bad_answer("an answer to something else")),
        };
        let watched = client::watched(&answer);
        let watched = watched.map_err(|why| Problem::bad_answer(why.to_string()))?;
        Ok(response(StatusCode::OK, &told(&watched)?))
    }
}

/// Which keys.
fn filter(query: Option<&str>) -> Result<Filter, Problem> {
    match (text(query, "key")?, text(query, "prefix")?) {
        (Some(key), None) => Ok(Filter::Topic(key)),
        (None, prefix) => Ok(Filter::Prefix(prefix.unwrap_or_default())),
        (Some(_), Some(_)) => Err(Problem::bad_request("either key or prefix, not both")),
    }
}

/// From when on.
fn since(query: Option<&str>) -> Result<Since, Problem> {
    match (number(query, "from")?, number(query, "after")?) {
        (Some(position), None) => Ok(Since::Position(Position(position))),
        (None, Some(index)) => Ok(Since::Entry(Index(index))),
        (None, None) => Ok(Since::Now),
        (Some(_), Some(_)) => Err(Problem::bad_request("either from or after, not both")),
    }
}

fn told(watched: &Watched) -> Result<Value, Problem> {
    Ok(match watched {
        Watched::Events { events, next } => {
            let events: Vec<_> = events.iter().map(row).collect::<Result<_, _>>()?;
            json!({ "events": events, "next": next.0 })
        }
        Watched::Gap(gap) => {
            json!({ "gap": { "complete_after": gap.complete_after.0 }, "next": gap.resume.0 })
        }
    })
}

fn row(event: &Event) -> Result<Value, Problem> {
    let change = postcard::from_bytes(&event.body)
        .map_err(|_| Problem::bad_answer("an event that makes no sense"))?;
    let mut members = Map::new();
    put_bytes(&mut members, "key", &event.topic);
    let what = match change {
        Change::Put { value } => {
            put_bytes(&mut members, "value", &value);
            "put"
        }
        Change::Deleted => "deleted",
        Change::Expired => "expired",
    };
    members.insert("change".to_owned(), what.into());
    members.insert("version".to_owned(), event.index.0.into());
    Ok(Value::Object(members))
}
