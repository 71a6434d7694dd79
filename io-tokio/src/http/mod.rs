//! The HTTP gateway of a server: the key-value store, the state of the cluster, health and metrics,
//! for whoever has `curl`. `API.md` beside this file lists what it understands.
//!
//! Any server accepts anything: what only the leader can do is passed on. Commands over HTTP have no
//! session, so a request that ends as unknown (504) and is sent again may take effect twice; an
//! `If-Match` or `If-None-Match` makes that harmless.

mod changes;
mod cluster;
mod config;
mod gateway;
mod kv;
mod members;
mod metrics;
mod problem;
mod target;
mod transaction;

use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, watch};

use crate::env::Env;
use crate::pump::Handle;
use gateway::Gateway;

pub use config::HttpConfig;

/// Serves HTTP/1.1 at `listener` for the server behind `handle`, until `stop` is done. Then takes
/// nothing new, and answers the requests that are under way, for at most
/// [`stop_timeout`](HttpConfig::stop_timeout); connections without a request end at once.
pub async fn serve<E: Env>(
    env: E,
    mut listener: E::Listener,
    handle: Handle,
    config: HttpConfig,
    stop: impl Future<Output = ()> + Send,
) {
    let permits = Arc::new(Semaphore::new(config.connections_max));
    let gateway = Arc::new(Gateway::new(env.clone(), handle, config));
    let (stopping, stopped) = watch::channel(());
    tokio::pin!(stop);
    loop {
        let connected = tokio::select! {
            biased;
            () = &mut stop => break,
            connected = accept(&env, &mut listener, &permits) => connected,
        };
        let Some((halves, permit)) = connected else { continue };
        let (gateway, stopped) = (Arc::clone(&gateway), stopped.clone());
        env.spawn(async move {
            converse(gateway, halves, stopped).await;
            drop(permit);
        });
    }
    drop((stopping, stopped, listener));
    let connections_max = u32::try_from(config.connections_max).unwrap_or(u32::MAX);
    tokio::select! {
        biased;
        // All permits are back: all connections have ended.
        _ = permits.acquire_many(connections_max) => {}
        () = env.sleep_until(env.now().after(config.stop_timeout)) => {
            tracing::warn!("HTTP requests under way are given up");
        }
    }
}

/// The next connection, and the right to keep it. While there are too many, the others wait with
/// the system.
async fn accept<E: Env>(
    env: &E,
    listener: &mut E::Listener,
    permits: &Arc<Semaphore>,
) -> Option<((E::Reader, E::Writer), tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match env.accept(listener).await {
        Ok(halves) => Some((halves, permit)),
        Err(error) => {
            // Out of files, most likely: those that are open go on, and some will close.
            tracing::warn!(%error, "a connection could not be accepted");
            env.sleep_until(env.now().after(std::time::Duration::from_millis(100))).await;
            None
        }
    }
}

/// Serves one connection to its end.
async fn converse<E: Env>(
    gateway: Arc<Gateway<E>>,
    (reader, writer): (E::Reader, E::Writer),
    mut stopped: watch::Receiver<()>,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(gateway.config().header_timeout)
        .max_buf_size(gateway.config().header_bytes_max);
    let service = service_fn(|request| {
        let gateway = Arc::clone(&gateway);
        async move { Ok::<_, std::convert::Infallible>(gateway.serve(request).await) }
    });
    let io = TokioIo::new(tokio::io::join(reader, writer));
    let connection = builder.serve_connection(io, service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        biased;
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
