//! Several keys at once, over HTTP.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use quorate_core::Index;
use quorate_sm::kv::{Answer, Command, Expected, Transaction, Write};
use serde::Deserialize;
use serde_json::json;

use super::gateway::Gateway;
use super::kv::{no_promises, refusal, written};
use super::members::parsed;
use super::problem::Problem;
use super::target::from_hex;
use crate::env::Env;

/// What shall be done, as JSON.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default, rename = "if")]
    conditions: Vec<Condition>,
    #[serde(default)]
    then: Vec<Change>,
    #[serde(default, rename = "else")]
    otherwise: Vec<Change>,
}

/// What a key must be: of a version, of a value, or absent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Condition {
    key: Option<String>,
    key_hex: Option<String>,
    version: Option<u64>,
    value: Option<String>,
    value_hex: Option<String>,
    #[serde(default)]
    absent: bool,
}

/// What becomes of a key: it is put, or deleted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    put: Option<String>,
    put_hex: Option<String>,
    value: Option<String>,
    value_hex: Option<String>,
    ttl_ms: Option<u64>,
    delete: Option<String>,
    delete_hex: Option<String>,
}

impl<E: Env> Gateway<E> {
    pub(super) async fn transact(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Problem> {
        no_promises(request.headers())?;
        let wanted: Wanted = parsed(&self.body(request).await?)?;
        match self.command(&Command::Transact(wanted.transaction()?)).await? {
            (index, Answer::Transacted { is_met, previous }) => {
                let previous: Vec<_> = previous.into_iter().map(|it| it.map(|it| it.0)).collect();
                let body = json!({ "met": is_met, "previous": previous });
                Ok(written(StatusCode::OK, index, None, &body))
            }
            (_, other) => Err(refusal(other)),
        }
    }
}

impl Wanted {
    fn transaction(self) -> Result<Transaction, Problem> {
        let conditions = self.conditions.into_iter().map(Condition::expected);
        let [then, otherwise] = [self.then, self.otherwise]
            .map(|changes| changes.into_iter().map(Change::write).collect::<Result<_, _>>());
        let (then, otherwise) = (then?, otherwise?);
        Ok(Transaction { conditions: conditions.collect::<Result<_, _>>()?, then, otherwise })
    }
}

impl Condition {
    fn expected(self) -> Result<(Bytes, Expected), Problem> {
        let key = bytes("key", self.key, self.key_hex)?;
        let key = key.ok_or_else(|| Problem::bad_request("a condition has a key"))?;
        let value = bytes("value", self.value, self.value_hex)?;
        let expected = match (self.version, value, self.absent) {
            (Some(version), None, false) => Expected::Version(Index(version)),
            (None, Some(value), false) => Expected::Value(value),
            (None, None, true) => Expected::Absent,
            _ => {
                let why = "a condition has one of version, value and \"absent\":true";
                return Err(Problem::bad_request(why));
            }
        };
        Ok((key, expected))
    }
}

impl Change {
    fn write(self) -> Result<Write, Problem> {
        let put = bytes("put", self.put, self.put_hex)?;
        let value = bytes("value", self.value, self.value_hex)?;
        let delete = bytes("delete", self.delete, self.delete_hex)?;
        let ttl = self.ttl_ms.map(Duration::from_millis);
        match (put, value, ttl, delete) {
            (Some(key), Some(value), ttl, None) => Ok(Write::Put { key, value, ttl }),
            (None, None, None, Some(key)) => Ok(Write::Delete { key }),
            _ => {
                let why = "a change is {\"put\":KEY,\"value\":VALUE}, which may have a ttl_ms, or \
                           {\"delete\":KEY}";
                Err(Problem::bad_request(why))
            }
        }
    }
}

/// Bytes as text, or, under another name, as hexadecimal digits.
fn bytes(name: &str, text: Option<String>, hex: Option<String>) -> Result<Option<Bytes>, Problem> {
    match (text, hex) {
        (Some(_), Some(_)) => {
            Err(Problem::bad_request(format!("either {name} or {name}_hex, not both")))
        }
        (Some(text), None) => Ok(Some(text.into())),
        (None, Some(hex)) => match from_hex(hex.as_bytes()) {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(Problem::bad_request(format!("{name}_hex is no pairs of digits"))),
        },
        (None, None) => Ok(None),
    }
}
