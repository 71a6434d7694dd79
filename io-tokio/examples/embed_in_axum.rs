//! A web service of one's own with a replicated state machine in it: a guest book, in which each browser
//! sees what others write as soon as it is there.
//!
//! `cargo run -p quorate-io-tokio --example embed_in_axum`

mod support;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use quorate_sm::courier::CallError;
use quorate_sm::{Applier, Caller, Level, MachineId, SessionLimits, machine};
use serde::{Deserialize, Serialize};

use support::{Done, Scratch, ask, three};

/// What guests have written.
#[machine(brief)]
pub trait GuestBook {
    /// Writes a line; how many there are.
    fn sign(&mut self, cx: &mut GuestBookCx, guest: String, line: String) -> usize;
    /// The lines from a number on.
    fn lines(&self, from: usize) -> Vec<Line>;
    /// Somebody has written.
    fn signed() -> Line;
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    guest: String,
    line: String,
}

#[derive(Default, Serialize, Deserialize)]
struct Pages(Vec<Line>);

impl GuestBook for Pages {
    fn sign(&mut self, cx: &mut GuestBookCx, guest: String, line: String) -> usize {
        let line = Line { guest, line };
        cx.emit_signed(&line);
        self.0.push(line);
        self.0.len()
    }

    fn lines(&self, from: usize) -> Vec<Line> {
        self.0.iter().skip(from).cloned().collect()
    }
}

#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    from: usize,
}

async fn read<C: Caller>(
    State(book): State<GuestBookClient<C>>,
    Query(since): Query<Since>,
) -> Result<Json<Vec<Line>>, StatusCode> {
    // What this server has may be a little behind, and costs nothing.
    let lines = book.at(Level::Sequential).lines(since.from).await;
    lines.map(|lines| Json(lines.value)).map_err(|why| status(&why))
}

async fn sign<C: Caller>(
    State(book): State<GuestBookClient<C>>,
    Path(guest): Path<String>,
    line: String,
) -> Result<String, StatusCode> {
    book.sign(guest, line).await.map(|count| count.to_string()).map_err(|why| status(&why))
}

/// Answers when somebody writes.
async fn wait<C: Caller>(State(book): State<GuestBookClient<C>>) -> Result<Json<Line>, StatusCode> {
    let mut signed = book.signed().await.map_err(|why| status(&why))?;
    let notice = signed.next().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(notice.event))
}

fn status(why: &CallError) -> StatusCode {
    match why {
        CallError::NotApplied(_) => StatusCode::SERVICE_UNAVAILABLE,
        CallError::Unknown(_) => StatusCode::GATEWAY_TIMEOUT,
    }
}

fn machines() -> Applier {
    Applier::without_machines(SessionLimits::default()).with(
        MachineId(1),
        "guest book",
        GuestBookMachine(Pages::default()),
    )
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Done {
    let scratch = Scratch::new();
    let servers = three(&scratch, machines).await?;
    let mut pages = Vec::new();
    for server in &servers {
        let book: GuestBookClient<_> = server.client().machine("guest book").await?;
        let routes = Router::new()
            .route("/", get(read))
            .route("/next", get(wait))
            .route("/{guest}", axum::routing::put(sign))
            .with_state(book);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        pages.push(listener.local_addr()?.to_string());
        tokio::spawn(async move { axum::serve(listener, routes).await.expect("it listens") });
    }

    let waiting = pages[2].clone();
    let next = tokio::spawn(async move { ask(&waiting, "GET", "/next", "").await.ok() });
    // Whoever begins to wait after this has missed it, so somebody writes until the other has heard.
    let mut count = 0;
    while !next.is_finished() {
        count += 1;
        let signed = ask(&pages[0], "PUT", "/ada", "I was here").await?;
        assert_eq!(signed, (200, count.to_string()));
    }
    let heard = next.await?.ok_or("nobody was heard")?;
    println!("another server tells: {}", heard.1);
    assert_eq!(heard, (200, r#"{"guest":"ada","line":"I was here"}"#.to_owned()));

    assert_eq!(ask(&pages[1], "PUT", "/grace", "So was I").await?.0, 200);
    let last = ask(&pages[1], "GET", &format!("/?from={count}"), "").await?;
    println!("and what came last is {}", last.1);
    assert_eq!(last, (200, r#"[{"guest":"grace","line":"So was I"}]"#.to_owned()));
    for server in servers {
        server.stop().await;
    }
    Ok(())
}

#[test]
fn it_runs() -> Done {
    main()
}
