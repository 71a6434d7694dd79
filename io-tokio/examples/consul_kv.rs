//! A key-value service over HTTP as Consul-Raft's guide builds one: put, get, increment and delete at any server,
//! which pass on to the leader what only that can do; and a state on disk, which a restart does not apply anew.
//!
//! `cargo run -p quorate-io-tokio --example consul_kv`

mod support;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use bytes::Bytes;
use quorate_core::wire::Consistency;
use quorate_io_tokio::client::{CallError, Client};
use quorate_io_tokio::{Bound, Server, init};
use quorate_on_disk::{Cx, DiskMachine, OnDisk, RowError, Rows, View};
use quorate_sm::{Applier, MachineId, SessionLimits, client};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use support::{CLUSTER, Done, Scratch, ask, bind_again, id};

#[derive(Serialize, Deserialize)]
enum Command {
    Put { key: String, value: Bytes },
    Increment { key: String },
    Delete { key: String },
}

/// What a key was before, or is now.
type Answer = Option<Bytes>;

/// Keys and values in a file.
struct Store;

impl DiskMachine for Store {
    type Command = Command;
    type Answer = Answer;
    type Query = String;
    type QueryAnswer = Answer;

    fn apply(
        &self,
        rows: &mut Rows<'_>,
        _: &mut Cx<'_>,
        command: Command,
    ) -> Result<Answer, RowError> {
        match command {
            Command::Put { key, value } => {
                let old = rows.get(key.as_bytes())?;
                rows.put(key.as_bytes(), &value)?;
                Ok(old)
            }
            Command::Increment { key } => {
                let old = rows.get(key.as_bytes())?.unwrap_or_default();
                let number: u64 =
                    str::from_utf8(&old).ok().and_then(|it| it.parse().ok()).unwrap_or(0);
                let new = Bytes::from((number + 1).to_string());
                rows.put(key.as_bytes(), &new)?;
                Ok(Some(new))
            }
            Command::Delete { key } => {
                let old = rows.get(key.as_bytes())?;
                rows.remove(key.as_bytes())?;
                Ok(old)
            }
        }
    }

    fn query(&self, view: &View, key: String) -> Result<Answer, RowError> {
        view.get(key.as_bytes())
    }
}

type Reply = Result<Bytes, StatusCode>;

async fn command(client: &Client, command: Command) -> Result<Answer, StatusCode> {
    let bytes = postcard::to_allocvec(&command).expect("a command can be encoded");
    let answered =
        client.apply(MachineId::FIRST, bytes.into()).await.map_err(|why| status(&why))?;
    postcard::from_bytes(&answered.answer).map_err(|_| StatusCode::BAD_GATEWAY)
}

fn status(why: &CallError) -> StatusCode {
    match why {
        CallError::NotApplied(_) => StatusCode::SERVICE_UNAVAILABLE,
        CallError::Unknown(_) => StatusCode::GATEWAY_TIMEOUT,
    }
}

async fn read(State(client): State<Client>, Path(key): Path<String>) -> Reply {
    let key = postcard::to_allocvec(&key).expect("a key can be encoded");
    let query = client::query_bytes(MachineId::FIRST, &key);
    let answered = client.ask(Consistency::Linearizable, query).await;
    let found: Answer = postcard::from_bytes(&answered.map_err(|why| status(&why))?.answer)
        .map_err(|_| StatusCode::BAD_GATEWAY)?;
    found.ok_or(StatusCode::NOT_FOUND)
}

async fn put(State(client): State<Client>, Path(key): Path<String>, value: Bytes) -> Reply {
    Ok(command(&client, Command::Put { key, value }).await?.unwrap_or_default())
}

async fn increment(State(client): State<Client>, Path(key): Path<String>) -> Reply {
    Ok(command(&client, Command::Increment { key }).await?.unwrap_or_default())
}

async fn delete(State(client): State<Client>, Path(key): Path<String>) -> Reply {
    command(&client, Command::Delete { key }).await?.ok_or(StatusCode::NOT_FOUND)
}

/// A server with its own HTTP interface.
struct Node {
    server: Server,
    http: String,
    serving: JoinHandle<()>,
}

impl Node {
    async fn start(scratch: &Scratch, number: u64, bound: Bound) -> Done<Self> {
        let directory = scratch.of(id(number));
        let store = OnDisk::open(directory.join("state.redb"), Store)?;
        println!("server {number}: the state on disk is as of entry {}", store.applied().0);
        let machines = Applier::new(store, SessionLimits::default());
        let server = bound.serve(directory, machines, |_| {}).await?;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let http = listener.local_addr()?.to_string();
        let routes = Router::new()
            .route("/kv/{key}", get(read).put(put).delete(delete))
            .route("/kv/{key}/inc", post(increment))
            .with_state(server.client());
        let serving = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("it listens");
        });
        Ok(Self { server, http, serving })
    }

    async fn stop(self) {
        self.serving.abort();
        self.server.stop().await;
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let scratch = Scratch::new();
    let mut bound = Vec::new();
    for _ in 0..3 {
        bound.push(Server::bind("127.0.0.1:0").await?);
    }
    let addresses: Vec<_> = bound.iter().map(|bound| bound.address().clone()).collect();
    let founders: Vec<_> = (1..).map(id).zip(addresses.clone()).collect();
    let mut nodes = Vec::new();
    for (number, bound) in (1..).zip(bound) {
        init(scratch.of(id(number)), CLUSTER, id(number), founders.clone())?;
        nodes.push(Node::start(&scratch, number, bound).await?);
    }

    // Any server takes anything.
    assert_eq!(ask(&nodes[0].http, "PUT", "/kv/greeting", "hello").await?, (200, String::new()));
    assert_eq!(ask(&nodes[1].http, "GET", "/kv/greeting", "").await?, (200, "hello".to_owned()));
    for (times, node) in (1..).zip(&nodes) {
        let counted = ask(&node.http, "POST", "/kv/visits/inc", "").await?;
        assert_eq!(counted, (200, times.to_string()));
    }
    assert_eq!(ask(&nodes[2].http, "DELETE", "/kv/greeting", "").await?.0, 200);
    assert_eq!(ask(&nodes[0].http, "GET", "/kv/greeting", "").await?.0, 404);
    println!("three visits were counted, one at each server");

    for node in nodes {
        node.stop().await;
    }
    let mut nodes = Vec::new();
    for (number, address) in (1..).zip(&addresses) {
        nodes.push(Node::start(&scratch, number, bind_again(address).await?).await?);
    }
    let counted = ask(&nodes[2].http, "GET", "/kv/visits", "").await?;
    println!("after the restart there are {} visits", counted.1);
    assert_eq!(counted, (200, "3".to_owned()), "none is counted again");
    assert_eq!(ask(&nodes[1].http, "POST", "/kv/visits/inc", "").await?, (200, "4".to_owned()));
    for node in nodes {
        node.stop().await;
    }
    Ok(())
}

#[test]
fn it_runs() -> Done {
    main()
}
