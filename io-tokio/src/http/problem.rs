//! What goes wrong, as RFC 9457 has it.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{ALLOW, CONTENT_TYPE, ETAG, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use quorate_core::wire::{NotApplied, Unknown};
use quorate_core::{Index, Stopped};
use quorate_sm::kv::Refused;
use serde_json::{Value, json};

/// Why a request has no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    fate: Fate,
    /// Which methods would do.
    allow: Option<&'static str>,
    /// What the key is at.
    version: Option<Index>,
    /// The leader, if somebody knows one.
    pub(super) leader: Option<Leader>,
}

/// Who leads, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Leader {
    pub(super) id: u64,
    pub(super) address: Option<String>,
}

/// What became of the request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    NotApplied,
    Unknown,
    /// Some of a change may have been carried out, and the rest never will be.
    Stopped,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            title,
            detail: detail.into(),
            fate: Fate::NotApplied,
            allow: None,
            version: None,
            leader: None,
        }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad request", detail)
    }

    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not found", detail)
    }

    pub(super) fn too_large(bytes_max: usize) -> Self {
        let detail = format!("the body exceeds the limit of {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too large", detail)
    }

    pub(super) fn too_slow() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "too slow", "the body did not come in time")
    }

    pub(super) fn not_allowed(allow: &'static str) -> Self {
        let detail = format!("only {allow} will do here");
        let problem = Self::new(StatusCode::METHOD_NOT_ALLOWED, "method not allowed", detail);
        Self { allow: Some(allow), ..problem }
    }

    /// The key is not as expected, but at this version.
    pub(super) fn lost(version: Option<Index>) -> Self {
        let detail = match version {
            Some(version) => format!("the key is at version {}", version.0),
            None => "there is no such key".to_owned(),
        };
        let problem = Self::new(StatusCode::PRECONDITION_FAILED, "not as expected", detail);
        Self { version, ..problem }
    }

    /// The group is not as it would have to be.
    fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    /// The state machine's answer makes no sense: nobody knows what it means.
    pub(super) fn bad_answer(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::BAD_GATEWAY, "bad answer", detail);
        Self { fate: Fate::Unknown, ..problem }
    }

    /// Is it about the leader, so that naming it helps?
    pub(super) fn is_about_leader(&self) -> bool {
        let statuses = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT];
        statuses.contains(&self.status) && self.leader.is_none()
    }

    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let outcome = match self.fate {
            Fate::NotApplied => "not_applied",
            Fate::Unknown => "unknown",
            Fate::Stopped => "stopped",
        };
        let mut body = json!({
            "type": format!("urn:quorate:problem:{}", self.title.replace(' ', "-")),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "outcome": outcome,
        });
        if let Some(leader) = self.leader {
            body["leader"] = json!({ "id": leader.id, "address": leader.address });
        }
        let mut response = json(self.status, &body);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(allow) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(allow));
        }
        if let Some(version) = self.version {
            headers.insert(ETAG, etag(version));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<NotApplied> for Problem {
    fn from(why: NotApplied) -> Self {
        let detail = why.to_string();
        match why {
            NotApplied::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too large", detail)
            }
            NotApplied::Invalid | NotApplied::UnknownGroup => Self::bad_request(detail),
            NotApplied::NotLeader { leader, address } => {
                let leader = leader.map(|id| Leader {
                    id: id.get(),
                    address: address.map(|address| address.to_string()),
                });
                Self { leader, ..Self::unavailable(detail) }
            }
            NotApplied::MembershipIs { .. }
            | NotApplied::ChangeUnderWay
            | NotApplied::NoSuccessor => Self::conflict(detail),
            _ => Self::unavailable(detail),
        }
    }
}

impl From<Stopped> for Problem {
    fn from(why: Stopped) -> Self {
        Self { fate: Fate::Stopped, ..Self::conflict(why.to_string()) }
    }
}

impl From<Unknown> for Problem {
    fn from(why: Unknown) -> Self {
        let detail = why.to_string();
        let problem = Self::new(StatusCode::GATEWAY_TIMEOUT, "outcome unknown", detail);
        Self { fate: Fate::Unknown, ..problem }
    }
}

impl From<Refused> for Problem {
    fn from(why: Refused) -> Self {
        let detail = why.to_string();
        match why {
            Refused::KeyTooLong { .. } | Refused::TooMany { .. } | Refused::TooLarge { .. } => {
                Self::bad_request(detail)
            }
            Refused::NotANumber | Refused::Overflow { .. } => {
                Self::new(StatusCode::CONFLICT, "cannot be added", detail)
            }
        }
    }
}

/// A response whose body is JSON.
pub(super) fn json(status: StatusCode, body: &Value) -> Response<Full<Bytes>> {
    let mut text = body.to_string();
    text.push('\n');
    let mut response = Response::new(Full::new(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The tag of a value: its version.
pub(super) fn etag(version: Index) -> HeaderValue {
    HeaderValue::try_from(format!("\"{}\"", version.0)).expect("digits in quotes")
}
