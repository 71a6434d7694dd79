//! The key-value store over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH,
};
use hyper::{Request, Response, StatusCode};
use quorate_core::Index;
use quorate_core::wire::{Consistency, RequestBody};
use quorate_sm::kv::{Answer, Command, Expected, LIST_ROWS_MAX, Page, Query, QueryAnswer};
use quorate_sm::{Kv, MachineId, client};
use serde_json::{Map, Value, json};

use super::gateway::{Gateway, Seen};
use super::problem::{Problem, etag, json};
use super::target::{from_hex, parameter, to_hex};
use crate::env::Env;

/// The entry of a command; the last entry that the answer to a query reflects.
const INDEX: HeaderName = HeaderName::from_static("quorate-index");

/// How old the answer may be, in milliseconds, if that was asked for.
const AGE: HeaderName = HeaderName::from_static("quorate-age-ms");

type Reply = Result<Response<Full<Bytes>>, Problem>;

impl<E: Env> Gateway<E> {
    pub(super) async fn get<B>(&self, request: &Request<B>, key: Bytes) -> Reply {
        let (seen, found) = self.query(request, Query::Get { key }).await?;
        let QueryAnswer::Value(found) = found else {
            return Err(Problem::bad_answer("a page where a value was asked for"));
        };
        let found = found.ok_or_else(|| Problem::not_found("there is no such key"))?;
        let tag = etag(found.version);
        let mut response = Response::new(Full::new(found.value));
        if request.headers().get(IF_NONE_MATCH) == Some(&tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Full::default();
        }
        let octets = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(CONTENT_TYPE, octets);
        response.headers_mut().insert(ETAG, tag);
        tell(&mut response, seen);
        Ok(response)
    }

    pub(super) async fn put(&self, request: Request<hyper::body::Incoming>, key: Bytes) -> Reply {
        no_promises(request.headers())?;
        let expected = expected(request.headers())?;
        let ttl = number(request.uri().query(), "ttl_ms")?.map(Duration::from_millis);
        let value = self.body(request).await?;
        let command = match (expected, ttl) {
            (Some(_), Some(_)) => {
                return Err(Problem::bad_request("ttl_ms goes with no If-Match or If-None-Match"));
            }
            (Some(expected), None) => Command::CompareAndSwap { key, expected, value: Some(value) },
            (None, Some(ttl)) => Command::PutFor { key, value, ttl },
            (None, None) => Command::Put { key, value },
        };
        match self.command(&command).await? {
            (index, Answer::Written { version, previous }) => {
                let status = if previous.is_none() { StatusCode::CREATED } else { StatusCode::OK };
                let previous = previous.map(|previous| previous.0);
                let body = json!({ "version": version.0, "previous": previous });
                Ok(written(status, index, Some(version), &body))
            }
            (_, other) => Err(refusal(other)),
        }
    }

    pub(super) async fn delete<B>(&self, request: &Request<B>, key: Bytes) -> Reply {
        no_promises(request.headers())?;
        let command = match expected(request.headers())? {
            Some(Expected::Absent) => {
                return Err(Problem::bad_request("what is absent cannot be deleted"));
            }
            Some(expected) => Command::CompareAndSwap { key, expected, value: None },
            None => Command::Delete { key },
        };
        match self.command(&command).await? {
            (index, Answer::Removed { previous }) => {
                let body = json!({ "previous": previous.map(|previous| previous.0) });
                Ok(written(StatusCode::OK, index, None, &body))
            }
            (_, other) => Err(refusal(other)),
        }
    }

    pub(super) async fn increment<B>(&self, request: &Request<B>, key: Bytes) -> Reply {
        no_promises(request.headers())?;
        let by = number(request.uri().query(), "by")?.unwrap_or(1);
        match self.command(&Command::Increment { key, by }).await? {
            (index, Answer::Number { value, version }) => {
                let body = json!({ "value": value, "version": version.0 });
                Ok(written(StatusCode::OK, index, Some(version), &body))
            }
            (_, other) => Err(refusal(other)),
        }
    }

    pub(super) async fn list<B>(&self, request: &Request<B>) -> Reply {
        let query = request.uri().query();
        let prefix = text(query, "prefix")?.unwrap_or_default();
        let after = match text(query, "cursor")? {
            Some(cursor) => {
                Some(from_hex(&cursor).ok_or_else(|| Problem::bad_request("no such cursor"))?)
            }
            None => None,
        };
        let rows_max = number(query, "limit")?.unwrap_or(LIST_ROWS_MAX);
        let (seen, found) = self.query(request, Query::List { prefix, after, rows_max }).await?;
        let QueryAnswer::Page(page) = found else {
            return Err(Problem::bad_answer("a value where a page was asked for"));
        };
        let mut response = json(StatusCode::OK, &page_json(&page));
        tell(&mut response, seen);
        Ok(response)
    }

    async fn query<B>(
        &self,
        request: &Request<B>,
        query: Query,
    ) -> Result<(Seen, QueryAnswer), Problem> {
        let consistency = consistency(request.uri().query())?;
        let query = client::query::<Kv>(MachineId::FIRST, &query);
        let (seen, outcome) = self.look(RequestBody::Query { consistency, query }).await?;
        let answer = client::query_answer::<Kv>(&outcome);
        Ok((seen, answer.map_err(|why| Problem::bad_answer(why.to_string()))?))
    }

    pub(super) async fn command(&self, command: &Command) -> Result<(Index, Answer), Problem> {
        let command = client::sessionless::<Kv>(MachineId::FIRST, command);
        let (index, outcome) = self.ask(RequestBody::Propose { command }).await?;
        let answer = client::answer::<Kv>(&outcome);
        Ok((index, answer.map_err(|why| Problem::bad_answer(why.to_string()))?))
    }
}

/// How fresh an answer must be.
fn consistency(query: Option<&str>) -> Result<Consistency, Problem> {
    let level = text(query, "at")?;
    let age_max_ms = number(query, "max_age_ms")?;
    let seen = number(query, "seen")?.map(Index);
    Ok(match (level.as_deref(), age_max_ms, seen) {
        (None | Some(b"linearizable"), None, None) => Consistency::Linearizable,
        (Some(b"lease"), None, None) => Consistency::Lease,
        (Some(b"stale"), None, None) => Consistency::Stale,
        (Some(b"stale"), Some(age_max_ms), None) => Consistency::Bounded { age_max_ms },
        (Some(b"sequential"), None, Some(seen)) => Consistency::AtLeast(seen),
        _ => {
            let why = "at may be linearizable, lease, sequential with seen=INDEX, or stale, \
                       which may have max_age_ms=N";
            return Err(Problem::bad_request(why));
        }
    })
}

/// What an answer reflects.
fn tell(response: &mut Response<Full<Bytes>>, seen: Seen) {
    response.headers_mut().insert(INDEX, seen.index.0.into());
    if let Some(age_us) = seen.age_us {
        response.headers_mut().insert(AGE, age_us.div_ceil(1000).into());
    }
}

pub(super) fn written(
    status: StatusCode,
    index: Index,
    version: Option<Index>,
    body: &Value,
) -> Response<Full<Bytes>> {
    let mut response = json(status, body);
    response.headers_mut().insert(INDEX, index.0.into());
    if let Some(version) = version {
        response.headers_mut().insert(ETAG, etag(version));
    }
    response
}

pub(super) fn refusal(answer: Answer) -> Problem {
    match answer {
        Answer::Conflict { current } => Problem::lost(current.map(|found| found.version)),
        Answer::Refused(why) => why.into(),
        Answer::Written { .. }
        | Answer::Removed { .. }
        | Answer::Number { .. }
        | Answer::Transacted { .. } => Problem::bad_answer("an answer to another command"),
    }
}

/// Refuses what a write asks for and would not get: a key that is ignored is a promise that is
/// broken at the first retry.
pub(super) fn no_promises(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get("idempotency-key") {
        None => Ok(()),
        Some(_) => Err(Problem::bad_request(
            "Idempotency-Key is not supported: use If-Match or If-None-Match",
        )),
    }
}

/// What the headers expect of a key.
fn expected(headers: &HeaderMap) -> Result<Option<Expected>, Problem> {
    match (headers.get(IF_MATCH), headers.get(IF_NONE_MATCH)) {
        (None, None) => Ok(None),
        (Some(tag), None) => match version(tag) {
            Some(version) => Ok(Some(Expected::Version(version))),
            None => Err(Problem::bad_request("If-Match takes one ETag of this server")),
        },
        (None, Some(any)) if any == "*" => Ok(Some(Expected::Absent)),
        (None, Some(_)) => Err(Problem::bad_request("If-None-Match takes * only")),
        (Some(_), Some(_)) => {
            Err(Problem::bad_request("If-Match and If-None-Match exclude each other"))
        }
    }
}

fn version(tag: &HeaderValue) -> Option<Index> {
    let digits = tag.to_str().ok()?.strip_prefix('"')?.strip_suffix('"')?;
    digits.parse().ok().map(Index)
}

pub(super) fn text(query: Option<&str>, name: &str) -> Result<Option<Bytes>, Problem> {
    parameter(query, name).map_err(|()| Problem::bad_request(format!("{name} does not decode")))
}

pub(super) fn number<N: std::str::FromStr>(
    query: Option<&str>,
    name: &str,
) -> Result<Option<N>, Problem> {
    let Some(bytes) = text(query, name)? else { return Ok(None) };
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| Problem::bad_request(format!("{name} is no number in range")))
}

fn page_json(page: &Page) -> Value {
    let rows = page.rows.iter().map(|row| {
        let mut members = Map::new();
        put_bytes(&mut members, "key", &row.key);
        put_bytes(&mut members, "value", &row.found.value);
        members.insert("version".to_owned(), row.found.version.0.into());
        Value::Object(members)
    });
    let next = page.next.as_deref().map(to_hex);
    json!({ "rows": rows.collect::<Vec<_>>(), "next": next })
}

/// Bytes in JSON: as text if they are text, else as hexadecimal digits under another name.
pub(super) fn put_bytes(members: &mut Map<String, Value>, name: &str, bytes: &[u8]) {
    match std::str::from_utf8(bytes) {
        Ok(text) => members.insert(name.to_owned(), text.into()),
        Err(_) => members.insert(format!("{name}_hex"), to_hex(bytes).into()),
    };
}
