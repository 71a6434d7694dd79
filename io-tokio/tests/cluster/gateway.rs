//! The HTTP gateway, spoken to as `curl` does.

use std::collections::BTreeMap;
use std::time::Duration;

use quorate_io_tokio::http::HttpConfig;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Cluster, PATIENCE, id, patiently};

#[derive(Debug)]
struct Reply {
    status: u16,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        });
        Self { status, headers: headers.collect(), body: body.to_owned() }
    }

    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends bytes and reads until the other side hangs up.
async fn exchange(address: &str, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may answer and hang up before it has read everything.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let reading = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes));
    let _ = reading.await.expect("it hangs up");
    bytes
}

async fn ask(address: &str, method: &str, target: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    Reply::parse(&exchange(address, request.as_bytes()).await)
}

async fn get(address: &str, target: &str) -> Reply {
    ask(address, "GET", target, "", "").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_is_written_read_and_removed_through_any_server() {
    let cluster = Cluster::of(3).await;
    let mut gateways = Vec::new();
    for at in 0..3 {
        gateways.push(cluster.gateway(at, HttpConfig::default()).await);
    }
    let [a, b, c] = &gateways[..] else { unreachable!() };

    // Before there is a leader: it waits for one.
    let put = ask(a, "PUT", "/v1/kv/greeting", "", "hello").await;
    assert_eq!(put.status, 201, "{put:?}");
    let version = put.json()["version"].to_string();
    assert_eq!(put.headers["etag"], format!("\"{version}\""));

    let found = get(b, "/v1/kv/greeting").await;
    assert_eq!((found.status, &found.body[..]), (200, "hello"));
    assert_eq!(found.headers["etag"], format!("\"{version}\""));
    assert!(found.headers["quorate-index"].parse::<u64>().unwrap() > 0);
    let unchanged = format!("if-none-match: \"{version}\"\r\n");
    assert_eq!(ask(b, "GET", "/v1/kv/greeting", &unchanged, "").await.status, 304);
    let head = ask(b, "HEAD", "/v1/kv/greeting", "", "").await;
    assert_eq!((head.status, &head.body[..]), (200, ""));

    assert_eq!(ask(c, "PUT", "/v1/kv/greeting", "", "hi").await.status, 200);
    assert_eq!(ask(c, "DELETE", "/v1/kv/greeting", "", "").await.status, 200);
    let gone = get(a, "/v1/kv/greeting").await;
    assert_eq!(gone.status, 404);
    assert_eq!(gone.headers["content-type"], "application/problem+json");
    assert_eq!(gone.json()["outcome"], "not_applied");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_header_expects_decides_about_a_write() {
    let cluster = Cluster::of(1).await;
    let at = &cluster.gateway(0, HttpConfig::default()).await;
    let absent = "if-none-match: *\r\n";
    let first = ask(at, "PUT", "/v1/kv/lock", absent, "me").await;
    assert_eq!(first.status, 201);
    let second = ask(at, "PUT", "/v1/kv/lock", absent, "you").await;
    assert_eq!(second.status, 412);
    assert_eq!(second.headers["etag"], first.headers["etag"]);

    let wrong = "if-match: \"0\"\r\n";
    assert_eq!(ask(at, "PUT", "/v1/kv/lock", wrong, "you").await.status, 412);
    assert_eq!(ask(at, "DELETE", "/v1/kv/lock", wrong, "").await.status, 412);
    assert_eq!(ask(at, "PUT", "/v1/kv/lock", "if-match: *\r\n", "you").await.status, 400);
    let right = format!("if-match: {}\r\n", first.headers["etag"]);
    assert_eq!(ask(at, "PUT", "/v1/kv/lock", &right, "still me").await.status, 200);
    assert_eq!(ask(at, "DELETE", "/v1/kv/lock", &right, "").await.status, 412, "written since");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn numbers_are_added_and_keys_are_listed() {
    let cluster = Cluster::of(1).await;
    let at = &cluster.gateway(0, HttpConfig::default()).await;
    assert_eq!(ask(at, "POST", "/v1/kv/n/incr", "", "").await.json()["value"], 1);
    assert_eq!(ask(at, "POST", "/v1/kv/n/incr?by=-3", "", "").await.json()["value"], -2);
    assert_eq!(ask(at, "POST", "/v1/kv/n/incr?by=much", "", "").await.status, 400);
    ask(at, "PUT", "/v1/kv/n", "", "text").await;
    assert_eq!(ask(at, "POST", "/v1/kv/n/incr", "", "").await.status, 409);

    for key in ["a%2F1", "a/2", "a/%FF", "b"] {
        assert_eq!(ask(at, "PUT", &format!("/v1/kv/{key}"), "", "x").await.status, 201);
    }
    let page = get(at, "/v1/kv?prefix=a/&limit=2").await.json();
    let keys: Vec<_> = page["rows"].as_array().unwrap().iter().map(|row| &row["key"]).collect();
    assert_eq!(keys, ["a/1", "a/2"]);
    let cursor = page["next"].as_str().unwrap();
    let page = get(at, &format!("/v1/kv?prefix=a/&at=stale&cursor={cursor}")).await.json();
    assert_eq!(page["rows"][0]["key_hex"], "612fff");
    assert!(page["next"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_keys_change_at_once_or_others_do() {
    let cluster = Cluster::of(1).await;
    let at = &cluster.gateway(0, HttpConfig::default()).await;
    let transact = |body: serde_json::Value| async move {
        ask(at, "POST", "/v1/txn", "", &body.to_string()).await
    };
    let first = transact(json!({
        "if": [{"key":"a","absent":true}, {"key_hex":"ff","absent":true}],
        "then": [{"put":"a","value":"1"}, {"put_hex":"ff","value_hex":"00ff"}],
        "else": [{"put":"b","value":"2"}],
    }))
    .await;
    assert_eq!((first.status, &first.body[..]), (200, "{\"met\":true,\"previous\":[null,null]}\n"));
    let version: u64 = first.headers["quorate-index"].parse().unwrap();
    assert_eq!(get(at, "/v1/kv/a").await.headers["etag"], format!("\"{version}\""));
    assert_eq!(get(at, "/v1/kv?prefix=%FF").await.json()["rows"][0]["value_hex"], "00ff");

    for (condition, met) in [
        (json!({"key":"a","version":version}), true),
        (json!({"key":"a","version":version + 1}), false),
        (json!({"key":"a","value":"1"}), true),
        (json!({"key_hex":"61","value_hex":"32"}), false),
        (json!({"key":"a","absent":true}), false),
    ] {
        let asked = transact(json!({ "if": [condition] })).await;
        assert_eq!(asked.body, format!("{{\"met\":{met},\"previous\":[]}}\n"), "{condition}");
    }
    let last = transact(json!({
        "if": [{"key":"a","absent":true}],
        "else": [{"delete":"a"}, {"delete_hex":"ff"}, {"put":"brief","value":"x","ttl_ms":50}],
    }))
    .await;
    assert_eq!(last.json(), json!({"met":false,"previous":[version, version, null]}));
    assert_eq!(get(at, "/v1/kv/a").await.status, 404);
    patiently(|| async { (get(at, "/v1/kv/brief").await.status == 404).then_some(()) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_is_told_of_each_change_once_by_any_server() {
    let cluster = Cluster::of(3).await;
    let mut gateways = Vec::new();
    for at in 0..3 {
        gateways.push(cluster.gateway(at, HttpConfig::default()).await);
    }
    let [a, b, c] = &gateways[..] else { unreachable!() };
    let index = ask(a, "PUT", "/v1/kv/room/0", "", "before").await.headers["quorate-index"].clone();
    let waits = {
        let (b, target) = (b.clone(), format!("/v1/watch?prefix=room/&after={index}"));
        tokio::spawn(async move { get(&b, &target).await })
    };
    ask(a, "PUT", "/v1/kv/hall", "", "not asked for").await;
    ask(a, "PUT", "/v1/kv/room/1", "", "x").await;
    let first = waits.await.unwrap().json();
    assert_eq!(first["events"][0]["key"], "room/1", "{first}");
    ask(c, "PUT", "/v1/kv/room/%FF?ttl_ms=50", "", "y").await;
    ask(c, "DELETE", "/v1/kv/room/1", "", "").await;
    let (mut next, mut told) = (first["next"].clone(), Vec::new());
    while told.len() < 3 {
        let more = get(c, &format!("/v1/watch?prefix=room/&from={next}")).await.json();
        let rows = more["events"].as_array().unwrap_or_else(|| panic!("{more}"));
        told.extend(rows.iter().map(|row| {
            let key = row.get("key").or(row.get("key_hex")).unwrap();
            format!("{key} {} {:?}", row["change"], row.get("value"))
        }));
        next = more["next"].clone();
    }
    told.sort();
    let expected = [
        "\"726f6f6d2fff\" \"expired\" None",
        "\"726f6f6d2fff\" \"put\" Some(String(\"y\"))",
        "\"room/1\" \"deleted\" None",
    ];
    assert_eq!(told, expected);
    // One key, from now on; and nothing happens.
    let now = get(a, "/v1/watch?key=hall").await.json();
    assert_eq!(now["events"], json!([]));
    let quiet = get(a, &format!("/v1/watch?key=hall&from={}&wait_ms=20", now["next"])).await.json();
    assert_eq!(quiet, json!({ "events": [], "next": now["next"] }));
    let last = ask(a, "PUT", "/v1/kv/other", "", "x").await.headers["quorate-index"].clone();
    let quiet = get(a, &format!("/v1/watch?key=hall&after={last}&wait_ms=20")).await.json();
    assert_eq!(quiet, json!({ "events": [], "next": null }));
    for bad in ["key=a&prefix=b", "from=1&after=2", "from=x", "wait_ms=-1", "key=%"] {
        assert_eq!(get(a, &format!("/v1/watch?{bad}")).await.status, 400, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_watcher_has_missed_is_a_gap_and_nobody_waits_for_those_who_are_gone() {
    let cluster = Cluster::of(1).await;
    let at = &cluster.gateway(0, HttpConfig::default()).await;
    for _ in 0..5 {
        assert_eq!(get(at, "/v1/watch?from=90&wait_ms=1").await.json()["next"], 90);
        // The one before is forgotten, and no more than one is left.
        assert!(cluster.status(0).await.watches <= 1);
    }
    // More than are kept.
    let many: Vec<_> = (0..128).map(|n| json!({"put":format!("k{n}"),"value":"x"})).collect();
    for _ in 0..33 {
        let body = json!({ "then": many }).to_string();
        assert_eq!(ask(at, "POST", "/v1/txn", "", &body).await.status, 200);
    }
    let gap = get(at, "/v1/watch?from=0").await.json();
    let (resume, complete_after) = (&gap["next"], &gap["gap"]["complete_after"]);
    assert!(resume.as_u64().unwrap() >= 128, "{gap}");
    let rest = get(at, &format!("/v1/watch?from={resume}")).await.json();
    assert!(!rest["events"].as_array().unwrap().is_empty());
    let same = get(at, &format!("/v1/watch?after={complete_after}")).await.json();
    assert!(!same["events"].as_array().unwrap().is_empty(), "{same}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_makes_no_sense_changes_nothing_and_says_why() {
    let cluster = Cluster::of(1).await;
    let at = &cluster.gateway(0, HttpConfig::default()).await;
    let many: Vec<_> = (0..129).map(|_| json!({"put":"a","value":"1"})).collect();
    for (body, why) in [
        (json!({"if":[{"key":"a"}]}), "one of version"),
        (json!({"if":[{"key":"a","version":1,"absent":true}]}), "one of version"),
        (json!({"if":[{"value":"a"}]}), "has a key"),
        (json!({"if":[{"key":"a","key_hex":"61","absent":true}]}), "not both"),
        (json!({"if":[{"key_hex":"6","absent":true}]}), "pairs of digits"),
        (json!({"then":[{"put":"a"}]}), "a change is"),
        (json!({"then":[{"put":"a","value":"1"}, {"delete":"a","ttl_ms":5}]}), "a change is"),
        (json!({"then":[{"put":"a","value":"1","delete":"b"}]}), "a change is"),
        (json!({"than":[]}), "unknown field"),
        (json!({"then":many}), "exceed the limit"),
        (json!([1]), "expected"),
    ] {
        let answer = ask(at, "POST", "/v1/txn", "", &body.to_string()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert_eq!(answer.json()["outcome"], "not_applied");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(why), "{body}: {detail}");
    }
    let promised = ask(at, "POST", "/v1/txn", "idempotency-key: 1\r\n", "{}").await;
    assert_eq!(promised.status, 400);
    assert_eq!(get(at, "/v1/txn").await.status, 405);
    assert_eq!(get(at, "/v1/kv/a").await.status, 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_may_be_there_for_a_while() {
    let cluster = Cluster::of(1).await;
    let at = &cluster.gateway(0, HttpConfig::default()).await;
    assert_eq!(ask(at, "PUT", "/v1/kv/k?ttl_ms=50", "", "x").await.status, 201);
    assert_eq!(ask(at, "PUT", "/v1/kv/stays?ttl_ms=50", "", "x").await.status, 201);
    assert_eq!(ask(at, "PUT", "/v1/kv/stays", "", "y").await.status, 200);
    patiently(|| async { (get(at, "/v1/kv/k").await.status == 404).then_some(()) }).await;
    assert_eq!(get(at, "/v1/kv/stays").await.body, "y");
    let both = ask(at, "PUT", "/v1/kv/k?ttl_ms=50", "if-none-match: *\r\n", "x").await;
    assert_eq!(both.status, 400);
    assert_eq!(ask(at, "PUT", "/v1/kv/k?ttl_ms=soon", "", "x").await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_may_be_less_than_fresh_and_says_how_much() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let other = (leader + 1) % 3;
    let (here, there) = (
        &cluster.gateway(leader, HttpConfig::default()).await,
        &cluster.gateway(other, HttpConfig::default()).await,
    );
    for value in 0..20 {
        let put = ask(here, "PUT", "/v1/kv/k", "", &value.to_string()).await;
        let seen = &put.headers["quorate-index"];
        let got = get(there, &format!("/v1/kv/k?at=sequential&seen={seen}")).await;
        assert_eq!(got.body, value.to_string(), "it waits for what was seen");
        assert!(!got.headers.contains_key("quorate-age-ms"));
    }
    let fresh = get(there, "/v1/kv/k?at=stale&max_age_ms=60000").await;
    assert_eq!((&fresh.body[..], &fresh.headers["quorate-age-ms"][..]), ("19", "0"));
    cluster.kill(leader).await;
    let older = get(there, "/v1/kv/k?at=stale&max_age_ms=60000").await;
    assert_eq!(older.body, "19");
    assert!(older.headers["quorate-age-ms"].parse::<u64>().unwrap() > 0);
    for nonsense in
        ["at=fresh", "at=sequential", "seen=5", "at=lease&max_age_ms=5", "at=stale&seen=1"]
    {
        assert_eq!(get(there, &format!("/v1/kv/k?{nonsense}")).await.status, 400, "{nonsense}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_see_how_the_cluster_is() {
    let mut cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let at = &cluster.gateway(leader, HttpConfig::default()).await;
    assert_eq!(get(at, "/livez").await.body, "ok\n");
    assert_eq!(get(at, "/readyz").await.status, 200);
    let status = get(at, "/v1/cluster").await;
    assert_eq!(status.json()["role"], "leader");
    assert_eq!(status.json()["leader"], leader as u64 + 1);
    assert_eq!(status.headers["quorate-leader"], (leader + 1).to_string());
    assert_eq!(ask(at, "PUT", "/v1/kv/b", "", "x").await.status, 201);
    let metrics = get(at, "/metrics").await.body;
    assert!(metrics.contains("quorate_leader 1\n"), "{metrics}");
    assert!(metrics.contains("quorate_http_requests_total{method=\"GET\",code=\"200\"} 3\n"));
    for line in [
        &format!("quorate_leader_id {}", leader + 1)[..],
        "quorate_voters 3",
        "quorate_request_seconds_count{kind=\"command\",outcome=\"done\"} 1",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing in {metrics}");
    }
    for counter in ["leader_changes", "role_changes", "log_syncs"] {
        let name = format!("quorate_{counter}_total ");
        let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
        assert!(value.is_some_and(|value| value != "0"), "{name}: {metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    assert_eq!(get(at, "/v1/kv/a?at=lease").await.status, 404, "as any other read");

    // Alone it can do nothing, and says so.
    for other in (0..3).filter(|&other| other != leader) {
        cluster.kill(other).await;
    }
    patiently(|| async { (get(at, "/readyz").await.status == 503).then_some(()) }).await;
    let hasty = HttpConfig { patience: Duration::ZERO, ..HttpConfig::default() };
    let at = &cluster.gateway(leader, hasty).await;
    let put = ask(at, "PUT", "/v1/kv/a", "", "x").await;
    assert_eq!((put.status, &put.json()["outcome"]), (503, &"not_applied".into()), "{put:?}");
    assert_eq!(get(at, "/v1/kv/a?at=stale").await.status, 404);
    assert_eq!(get(at, "/v1/kv/a?at=lease").await.status, 503, "nobody leads");
    cluster.stop(leader).await;
    assert_eq!(get(at, "/livez").await.status, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_no_sense_is_refused() {
    let cluster = Cluster::of(1).await;
    let short = HttpConfig { body_bytes_max: 100, ..HttpConfig::default() };
    let at = &cluster.gateway(0, short).await;
    let long = "x".repeat(101);
    assert_eq!(ask(at, "PUT", "/v1/kv/a", "", &long).await.status, 413);
    assert_eq!(ask(at, "PUT", "/v1/kv/a", "", &long[..100]).await.status, 201);
    assert_eq!(get(at, "/v1/nothing").await.status, 404);
    assert_eq!(get(at, "/v1/kv/%zz").await.status, 404);
    assert_eq!(get(at, "/v1/kv/a?at=random").await.status, 400);
    let promise = "idempotency-key: 7\r\n";
    for (method, target) in [("PUT", "/v1/kv/b"), ("DELETE", "/v1/kv/a"), ("POST", "/v1/kv/n/incr")]
    {
        let refused = ask(at, method, target, promise, "").await;
        assert_eq!((refused.status, &refused.json()["outcome"]), (400, &"not_applied".into()));
    }
    assert_eq!(get(at, "/v1/kv/a").await.status, 200, "nothing was changed");
    let wrong = ask(at, "POST", "/v1/kv/a", "", "").await;
    assert_eq!((wrong.status, &wrong.headers["allow"][..]), (405, "GET, HEAD, PUT, DELETE"));
    let key = "k".repeat(1025);
    assert_eq!(ask(at, "PUT", &format!("/v1/kv/{key}"), "", "x").await.status, 400);
    let garbage = exchange(at, b"\x00\x01\x02\x03\r\n\r\n").await;
    assert!(garbage.starts_with(b"HTTP/1.1 400"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_slow_is_hung_up_on() {
    let cluster = Cluster::of(1).await;
    let hasty = HttpConfig {
        header_timeout: Duration::from_millis(50),
        body_timeout: Duration::from_millis(50),
        ..HttpConfig::default()
    };
    let at = &cluster.gateway(0, hasty).await;
    exchange(at, b"GET /livez HTTP/1.1\r\nhost:").await;
    let late =
        exchange(at, b"PUT /v1/kv/a HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nx").await;
    assert_eq!(Reply::parse(&late).status, 408);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_and_leaders_change_where_the_leader_is_asked() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let at = &cluster.gateway(leader, HttpConfig::default()).await;
    let post = async |target: &str, body: &str| ask(at, "POST", target, "", body).await;
    let other = (leader + 1) % 3;
    let (stays, goes) = (id(other).get(), id((leader + 2) % 3).get());
    let own = id(leader).get();

    let nonsense = post("/v1/cluster/members", r#"{"voters":[]}"#).await;
    assert_eq!((nonsense.status, &nonsense.json()["outcome"]), (400, &"not_applied".into()));
    let stale = format!(r#"{{"voters":[{own},{stays}],"expect":77}}"#);
    assert_eq!(post("/v1/cluster/members", &stale).await.status, 409);

    let fewer = format!(
        r#"{{"voters":[{own},{stays}],"addresses":{{"{stays}":"somewhere.else:1"}},"expect":0}}"#
    );
    let changed = post("/v1/cluster/members", &fewer).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let status = get(at, "/v1/cluster").await.json();
    assert_eq!(status["membership_index"], changed.json()["index"]);
    assert!(!status["voters"].as_array().unwrap().contains(&goes.into()));
    assert_eq!(status["addresses"][stays.to_string()], "somewhere.else:1");
    assert_eq!(get(at, "/v1/cluster/members").await.headers["allow"], "POST");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leadership_is_handed_over_and_others_name_the_leader() {
    let cluster = Cluster::of(3).await;
    let leader = cluster.leader().await;
    let heir = (leader + 1) % 3;
    let at = &cluster.gateway(leader, HttpConfig::default()).await;
    let to = format!(r#"{{"to":{}}}"#, id(heir).get());
    let handed = ask(at, "POST", "/v1/cluster/transfer", "", &to).await;
    assert_eq!(handed.status, 200, "{handed:?}");
    assert_eq!(cluster.leader().await, heir);
    let refused = ask(at, "POST", "/v1/cluster/transfer", "", "").await;
    assert_eq!(
        (refused.status, refused.json()["leader"]["id"].as_u64()),
        (503, Some(id(heir).get()))
    );
}
