//! From a request to its response.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use quorate_core::wire::{NotApplied, Outcome, RequestBody};
use quorate_core::{Index, Instant};

use super::config::HttpConfig;
use super::metrics::Metrics;
use super::problem::{Leader, Problem};
use super::target::Target;
use crate::env::Env;
use crate::pump::Handle;

/// How long to wait before the servers are asked again for a leader.
const RETRY_EVERY: std::time::Duration = std::time::Duration::from_millis(25);

/// One server's gateway.
#[derive(Debug)]
pub(super) struct Gateway<E> {
    pub(super) env: E,
    pub(super) handle: Handle,
    config: HttpConfig,
    pub(super) metrics: Metrics,
}

/// What an answer reflects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// The last entry.
    pub(super) index: Index,
    /// Everything that was done up to so long before it was asked for; if that was asked.
    pub(super) age_us: Option<u64>,
}

impl<E: Env> Gateway<E> {
    pub(super) fn new(env: E, handle: Handle, config: HttpConfig) -> Self {
        Self { env, handle, config, metrics: Metrics::new() }
    }

    pub(super) const fn config(&self) -> &HttpConfig {
        &self.config
    }

    pub(super) async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let method = request.method().clone();
        let response = match self.route(request).await {
            Ok(response) => response,
            Err(problem) => self.with_leader(problem).await.into_response(),
        };
        self.metrics.count(&method, response.status());
        response
    }

    async fn route(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Problem> {
        let path = request.uri().path();
        let target = Target::parse(path).ok_or_else(|| Problem::not_found("nothing is here"))?;
        let method = request.method();
        let is_get = [Method::GET, Method::HEAD].contains(method);
        match target {
            Target::Key(key) if is_get => self.get(&request, key).await,
            Target::Key(key) if method == Method::PUT => self.put(request, key).await,
            Target::Key(key) if method == Method::DELETE => self.delete(&request, key).await,
            Target::Key(_) => Err(Problem::not_allowed("GET, HEAD, PUT, DELETE")),
            Target::Increment(key) if method == Method::POST => self.increment(&request, key).await,
            Target::Increment(_) => Err(Problem::not_allowed("POST")),
            Target::Transaction if method == Method::POST => self.transact(request).await,
            Target::Members if method == Method::POST => self.change_members(request).await,
            Target::Transfer if method == Method::POST => self.transfer(request).await,
            Target::Transaction | Target::Members | Target::Transfer => {
                Err(Problem::not_allowed("POST"))
            }
            _ if !is_get => Err(Problem::not_allowed("GET, HEAD")),
            Target::Keys => self.list(&request).await,
            Target::Changes => self.changes(&request).await,
            Target::Cluster => self.cluster().await,
            Target::Live => self.live().await,
            Target::Ready => self.ready().await,
            Target::Metrics => self.scrape().await,
        }
    }

    /// The whole body, if it is short enough and comes in time.
    pub(super) async fn body(&self, request: Request<Incoming>) -> Result<Bytes, Problem> {
        let bytes_max = self.config.body_bytes_max;
        let body = Limited::new(request.into_body(), bytes_max).collect();
        let body = tokio::select! {
            biased;
            body = body => body,
            () = self.env.sleep_until(self.env.now().after(self.config.body_timeout)) => {
                return Err(Problem::too_slow());
            }
        };
        match body {
            Ok(body) => Ok(body.to_bytes()),
            Err(why) if why.is::<LengthLimitError>() => Err(Problem::too_large(bytes_max)),
            Err(why) => Err(Problem::bad_request(why.to_string())),
        }
    }

    /// Makes a request to the group. Tries again for a while what had no effect for want of a
    /// leader.
    pub(super) async fn ask(&self, body: RequestBody) -> Result<(Index, Bytes), Problem> {
        self.look(body).await.map(|(seen, answer)| (seen.index, answer))
    }

    /// As [`ask`](Self::ask), and says how old the answer is if it may be old.
    pub(super) async fn look(&self, body: RequestBody) -> Result<(Seen, Bytes), Problem> {
        let began = self.env.now();
        let kind = kind_of(&body);
        let outcome = match body {
            // Only the leader takes these, and says who that is.
            RequestBody::TransferLeadership { .. } | RequestBody::Reconfigure { .. } => {
                self.handle.request(body).await
            }
            body => self.insist(body, began.after(self.config.patience)).await,
        };
        self.metrics.observe(kind, &outcome, self.env.now().since(began));
        match outcome {
            Outcome::Done { index, answer } => Ok((Seen { index, age_us: None }, answer)),
            Outcome::Aged { index, age_us, answer } => {
                Ok((Seen { index, age_us: Some(age_us) }, answer))
            }
            Outcome::Unknown(why) => Err(why.into()),
            Outcome::NotApplied(why) => Err(why.into()),
            Outcome::Stopped(why) => Err(why.into()),
        }
    }

    async fn insist(&self, body: RequestBody, deadline: Instant) -> Outcome {
        loop {
            match self.handle.request(body.clone()).await {
                Outcome::NotApplied(why) if is_passing(&why) && self.env.now() < deadline => {
                    self.pause(deadline).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn pause(&self, deadline: Instant) {
        self.env.sleep_until(self.env.now().after(RETRY_EVERY).min(deadline)).await;
    }

    async fn with_leader(&self, mut problem: Problem) -> Problem {
        if problem.is_about_leader()
            && let Some(status) = self.handle.status().await
        {
            problem.leader = status.leader.map(|id| Leader {
                id: id.get(),
                address: status.leader_address.map(|address| address.to_string()),
            });
        }
        problem
    }
}

const fn kind_of(body: &RequestBody) -> &'static str {
    match body {
        RequestBody::Propose { .. } => "command",
        RequestBody::Query { .. } => "query",
        RequestBody::Status => "status",
        RequestBody::TransferLeadership { .. } => "transfer",
        RequestBody::Reconfigure { .. } => "reconfigure",
        RequestBody::Entries(_) => "entries",
        RequestBody::Watch { .. } => "watch",
        RequestBody::Forget { .. } => "forget",
        RequestBody::Call { .. } => "call",
    }
}

/// Will it pass once there is a leader?
fn is_passing(why: &NotApplied) -> bool {
    matches!(
        why,
        NotApplied::NotLeader { .. } | NotApplied::LeadershipLost | NotApplied::TooManyHops
    )
}
