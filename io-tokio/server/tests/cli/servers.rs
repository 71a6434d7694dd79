//! Servers as processes: how they start, and how they end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

use bytes::BytesMut;
use quorate_core::wire::{Handshake, Hello, MAGIC};
use quorate_core::{
    ClusterId, GroupId, Heartbeat, Incarnation, Index, LogId, Message, NodeId, ReplicationId,
    Round, Rpc, Term,
};

use crate::support::{Scratch, Server, command, contents, quorate};

#[test]
fn a_port_that_is_taken_is_named_before_anything_is_changed() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let before = contents(&path);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = quorate(&["serve", &path, "--listen", &address]).ends_with(3);
    ran.says(&["error[Q0401]", &address, "in use", "--listen"]);
    assert_eq!(contents(&path), before);
}

#[test]
fn a_signal_ends_a_server_in_good_order() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    for signal in ["TERM", "INT"] {
        let server = Server::start(&path);
        server.signal(signal);
        let (code, log) = server.wait();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("the server has stopped"), "{log}");
    }
}

#[test]
fn a_start_says_what_was_recovered() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let server = Server::start(&path);
    server.ask(&["put", "a", "1"]).ends_with(0);
    server.kill();
    let mut second = Server::spawn(command(&["serve", &path, "--log-format", "json"]));
    let recovered = second.wait_for("the log was recovered");
    assert_eq!(recovered["boot"], 2);
    assert!(recovered["entries"].as_u64() >= Some(2), "{recovered}");
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    for round in 0..3 {
        let server = Server::start(&path);
        for earlier in 0..round {
            let got = server.ask(&["get", &format!("key-{earlier}")]).ends_with(0);
            assert_eq!(got.stdout, format!("value-{earlier}\n"));
        }
        let (key, value) = (format!("key-{round}"), format!("value-{round}"));
        server.ask(&["put", &key, &value]).ends_with(0);
        server.kill();
    }
}

/// A group of one that takes a snapshot at every fifth command, and keeps no more of its log.
fn with_snapshots(scratch: &Scratch) -> String {
    let path = scratch.data("n1");
    let settings = format!("{path}/quorate.toml");
    let text = std::fs::read_to_string(&settings).expect("there are settings");
    let text = text.replace("#snapshot_entries = 100000", "snapshot_entries = 5");
    let text = text.replace("#retained_entries = 100000", "retained_entries = 0");
    std::fs::write(settings, text).expect("settings can be written");
    path
}

/// The snapshots in a directory, from the oldest on. The newest is perhaps not on record yet.
fn snapshots_in(path: &str) -> Vec<String> {
    let is_one = |name: &String| name.starts_with("snap-") && name.ends_with(".qrs");
    contents(path).into_keys().filter(is_one).collect()
}

fn index_of(line: &serde_json::Value) -> u64 {
    line["index"].as_u64().expect("an index")
}

#[test]
fn a_server_that_was_killed_starts_from_its_snapshot_or_says_that_it_is_damaged() {
    let scratch = Scratch::new();
    let path = with_snapshots(&scratch);
    let mut server = Server::start(&path);
    for number in 0..12 {
        server.ask(&["put", &format!("key-{number}"), "value"]).ends_with(0);
    }
    server.wait_for("a snapshot was taken");
    let taken = index_of(&server.wait_for("a snapshot was taken"));
    server.kill();
    let names = snapshots_in(&path);

    let mut server = Server::spawn(command(&["serve", &path, "--log-format", "json"]));
    let restored = index_of(&server.wait_for("the state was restored"));
    assert!(restored >= taken, "{restored}, and {taken} was on record");
    assert!(names.iter().any(|name| name.contains(&format!("-{restored:020}-"))), "{names:?}");
    server.listens();
    for number in 0..12 {
        let got = server.ask(&["get", &format!("key-{number}")]).ends_with(0);
        assert_eq!(got.stdout, "value\n");
    }
    server.kill();

    for name in snapshots_in(&path) {
        let file = format!("{path}/{name}");
        let mut bytes = std::fs::read(&file).expect("a file");
        let value = bytes.windows(5).position(|window| window == b"value").expect("a value");
        bytes[value] ^= 1;
        std::fs::write(&file, bytes).expect("it can be written");
    }
    let before = contents(&path);
    let looked = quorate(&["wal", "verify", &path]).ends_with(6);
    looked.says(&["error[Q0315]", "snapshot up to", "checksum"]);
    assert_eq!(contents(&path), before, "who looks changes nothing");
    let ran = quorate(&["serve", &path]).ends_with(6);
    ran.says(&["error[Q0315]", "snapshot up to", "checksum", "keep this directory aside"]);
    let after = contents(&path);
    let segments = |files: &std::collections::BTreeMap<String, Vec<u8>>| {
        files.keys().filter(|name| name.starts_with("snap-")).count()
    };
    assert_eq!(segments(&before), segments(&after), "what is damaged is kept for whoever looks");
}

#[test]
fn payloads_never_reach_the_log() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let server =
        Server::run(command(&["serve", &path, "--log-format", "json", "--log-level", "trace"]));
    server.ask(&["put", "secret-key", "secret-value"]).ends_with(0);
    server.ask(&["get", "secret-key"]).ends_with(0);
    server.signal("TERM");
    let (_, log) = server.wait();
    assert!(log.contains("the server has stopped") && !log.contains("secret"), "{log}");
}

#[test]
fn a_server_for_trying_out_needs_nothing_and_leaves_nothing() {
    let scratch = Scratch::new();
    let mut dev = command(&[
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--http",
        "127.0.0.1:0",
        "--log-format",
        "json",
    ]);
    dev.env("TMPDIR", scratch.path());
    let server = Server::run(dev);
    assert_eq!(std::fs::read_dir(scratch.path()).expect("a directory").count(), 1);
    server.ask(&["put", "hello", "world"]).ends_with(0);
    server.signal("INT");
    let (code, log) = server.wait();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(std::fs::read_dir(scratch.path()).expect("a directory").count(), 0);
}

#[test]
fn a_server_speaks_http_beside_its_own_protocol() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let arguments = ["serve", &path, "--http", "127.0.0.1:0", "--log-format", "json"];
    let server = Server::run(command(&arguments));
    server.ask(&["put", "hello", "world"]).ends_with(0);
    let http = server.http.as_deref().expect("it said where");
    let mut stream = TcpStream::connect(http).expect("it listens");
    let request = "GET /v1/kv/hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("world"), "{answer}");
    server.signal("TERM");
    assert_eq!(server.wait().0, Some(0));
}

/// The server has said that it goes on with the request before it is told to stop.
#[test]
fn a_request_under_way_at_the_end_has_its_answer() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let arguments = ["serve", &path, "--http", "127.0.0.1:0", "--log-format", "json"];
    let mut server = Server::run(command(&arguments));
    server.ask(&["put", "hello", "world"]).ends_with(0);
    let mut stream = TcpStream::connect(server.http.as_deref().expect("it said where"));
    let stream = stream.as_mut().expect("it listens");
    let head =
        "PUT /v1/kv/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).expect("it reads");
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).expect("it wants the rest");
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    server.signal("TERM");
    server.wait_for("stopping; a second signal stops at once");
    stream.write_all(b"v").expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers, and hangs up");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert_eq!(server.wait().0, Some(0));
}

#[test]
fn a_taken_port_for_http_is_named_as_well() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let before = contents(&path);
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("an address").to_string();
    let ran = quorate(&["serve", &path, "--http", &address]).ends_with(3);
    ran.says(&["error[Q0401]", &address, "in use"]);
    assert_eq!(contents(&path), before);
}

/// Both signals are there before the server can act on the first.
#[test]
fn a_second_signal_ends_a_server_at_once() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch.data("n1"));
    for signal in ["STOP", "TERM", "INT", "CONT"] {
        server.signal(signal);
    }
    let (code, log) = server.wait();
    assert_eq!(code, Some(130), "{log}");
}

/// The next file of the log has no place any more.
#[test]
fn a_disk_that_fails_ends_the_server_and_is_named() {
    let scratch = Scratch::new();
    let path = scratch.data("n1");
    let mut server = Server::start(&path);
    server.ask(&["put", "k", "v"]).ends_with(0);
    std::fs::remove_dir_all(&path).expect("removed");
    let value = "v".repeat(100_000);
    let mut puts = 0;
    while server.is_running() {
        assert!(puts < 100, "ten segments were filled without a failure");
        puts += 1;
        server.ask(&["put", "k", &value, "--timeout", "500ms"]);
    }
    let (code, log) = server.wait();
    assert_eq!(code, Some(74), "{log}");
    assert!(log.contains("error[Q0402]") && log.contains("No such file"), "{log}");
}

/// Two peers of one term say that they lead it.
#[test]
fn a_broken_property_of_raft_halts_the_server_and_is_named() {
    let scratch = Scratch::new();
    let path = scratch.at("n1");
    let cluster = "000000000000000000000000000000c1";
    let peers = "1=127.0.0.1:0,2=127.0.0.1:1,3=127.0.0.1:1";
    quorate(&["init", &path, "--node", "1", "--peers", peers, "--cluster", cluster]).ends_with(0);
    let server = Server::start(&path);
    let peers = [2, 3].map(|peer| {
        let mut stream = TcpStream::connect(&server.address).expect("it listens");
        stream.write_all(&claim_to_lead(peer)).expect("it reads");
        stream
    });
    let (code, log) = server.wait();
    assert_eq!(code, Some(6), "{log}");
    assert!(log.contains("error[Q0403]") && log.contains("two leaders"), "{log}");
    drop(peers);
}

/// What a server says that has connected to server 1 of cluster C1, and leads.
fn claim_to_lead(from: u64) -> BytesMut {
    let id = |id| NodeId::new(id).expect("not zero");
    let (from, to) = (id(from), id(1));
    let mut bytes = BytesMut::from(&MAGIC[..]);
    Handshake::Hello(Hello {
        wire_min: Handshake::WIRE_MIN,
        wire_max: Handshake::WIRE_MAX,
        cluster: ClusterId(0xC1),
        from,
        to,
        incarnation: Incarnation(from.get().into()),
        boot: 1,
        frame_bytes_max: 8 << 20,
    })
    .encode(&mut bytes);
    let (replication, round) = (ReplicationId(1), Round(1));
    let heartbeat = Heartbeat { replication, round, matched: LogId::ZERO, commit: Index(0) };
    Message { from, to, term: Term(1000), rpc: Rpc::Heartbeat(heartbeat) }
        .encode(GroupId(0), &mut bytes);
    bytes
}
