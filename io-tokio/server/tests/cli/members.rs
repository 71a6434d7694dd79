//! A group that grows and shrinks, as processes.

use std::fs::File;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Ran, Scratch, command, contents, quorate};

/// Servers on this machine, by number from 1; killed when this value is dropped.
struct Group {
    scratch: Scratch,
    addresses: Vec<String>,
    running: Vec<Option<Child>>,
}

impl Group {
    /// Three servers that found a group, and directories of two that may join it.
    fn new() -> Self {
        let listeners: Vec<_> =
            (0..5).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let address = |listener: &TcpListener| listener.local_addr().expect("bound").to_string();
        let addresses: Vec<_> = listeners.iter().map(address).collect();
        drop(listeners);
        let running = (0..5).map(|_| None).collect();
        let group = Self { scratch: Scratch::new(), addresses, running };
        for server in 1..=5 {
            group.init(server);
        }
        group
    }

    fn init(&self, server: usize) {
        self.init_as(server, server > 3);
    }

    fn init_as(&self, server: usize, joins: bool) {
        let (directory, number) = (self.directory(server), server.to_string());
        let mut peers: Vec<_> = (1..=3).map(|peer| self.peer(peer)).collect();
        if server > 3 {
            peers.push(self.peer(server));
        }
        let peers = peers.join(",");
        let founder = ["init", &directory, "--node", &number, "--peers", &peers, "--cluster", "c"];
        let join: &[&str] = if joins { &["--join"] } else { &[] };
        let made = quorate(&[&founder[..], join].concat()).ends_with(0);
        if joins {
            made.says(&["to join", &format!("members add {}", self.peer(server))]);
        }
        self.edit(server, |text| {
            text.replace("#election_timeout_ms = 300", "election_timeout_ms = 150")
                .replace("#election_jitter_ms = 300", "election_jitter_ms = 150")
        });
    }

    fn edit(&self, server: usize, change: impl FnOnce(String) -> String) {
        let settings = format!("{}/quorate.toml", self.directory(server));
        let text = std::fs::read_to_string(&settings).expect("there are settings");
        std::fs::write(settings, change(text)).expect("settings can be written");
    }

    fn directory(&self, server: usize) -> String {
        self.scratch.at(&format!("n{server}"))
    }

    /// `number=address`, as arguments have it.
    fn peer(&self, server: usize) -> String {
        format!("{server}={}", self.addresses[server - 1])
    }

    fn start(&mut self, server: usize) {
        let path = self.scratch.at(&format!("n{server}.log"));
        let log = File::options().create(true).append(true).open(path).expect("a file");
        let mut serve = command(&["serve", &self.directory(server)]);
        let started = serve.stdout(Stdio::null()).stderr(log).spawn();
        self.running[server - 1] = Some(started.expect("the binary can be run"));
    }

    /// By SIGKILL.
    fn kill(&mut self, server: usize) {
        let mut process = self.running[server - 1].take().expect("it runs");
        process.kill().expect("it runs");
        process.wait().expect("it ends");
    }

    /// Its data are gone; those of a founder, unless it says that it joins.
    fn lose_disk(&mut self, server: usize, joins: bool) {
        if self.running[server - 1].is_some() {
            self.kill(server);
        }
        std::fs::remove_dir_all(self.directory(server)).expect("a directory");
        self.init_as(server, joins);
    }

    /// Waits until a server has logged this.
    fn logs(&self, server: usize, text: &str) {
        let (path, began) = (self.scratch.at(&format!("n{server}.log")), Instant::now());
        loop {
            let log = std::fs::read_to_string(&path).expect("a log");
            if log.contains(text) {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{text:?} is not in {log}");
        }
    }

    /// How a server ends by itself.
    fn end_of(&mut self, server: usize) -> (Option<i32>, String) {
        let mut process = self.running[server - 1].take().expect("it runs");
        let code = process.wait().expect("it ends").code();
        let log = self.scratch.at(&format!("n{server}.log"));
        (code, std::fs::read_to_string(log).expect("a log"))
    }

    /// The role of a server, by `quorate status`.
    fn role(&self, server: usize) -> String {
        let status = self.ask(&["status", "--format", "json"]).json();
        let servers = status["servers"].as_array().expect("a list").clone();
        let is_it = |one: &Value| one["node"].as_u64() == Some(server as u64);
        let one = servers.into_iter().find(is_it);
        one.and_then(|one| Some(one["role"].as_str()?.to_owned())).unwrap_or_default()
    }

    fn becomes_follower(&self, server: usize) {
        let began = Instant::now();
        while self.role(server) != "follower" {
            assert!(began.elapsed() < Duration::from_secs(20), "it is {}", self.role(server));
        }
    }

    /// Runs a command against all servers that run.
    fn ask(&self, args: &[&str]) -> Ran {
        quorate(&[args, &["--servers", &self.servers()]].concat())
    }

    fn servers(&self) -> String {
        let up = self.addresses.iter().zip(&self.running).filter(|server| server.1.is_some());
        up.map(|server| server.0.as_str()).collect::<Vec<_>>().join(",")
    }

    fn members(&self) -> Value {
        let began = Instant::now();
        loop {
            let ran = self.ask(&["members", "--format", "json"]);
            if ran.code == Some(0) {
                return ran.json();
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{ran:#?}");
        }
    }

    fn leader(&self) -> usize {
        let leader = self.members()["leader"].as_u64().expect("a number");
        usize::try_from(leader).expect("a small one")
    }

    fn voters(&self) -> Vec<u64> {
        let members = self.members();
        let voters = members["voters"].as_array().expect("a list");
        voters.iter().map(|voter| voter.as_u64().expect("a number")).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for process in self.running.iter_mut().flatten() {
            // It has ended already if it was killed by somebody else.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Writes until it is told to stop: what was acknowledged.
fn write_until(stop: &AtomicBool, servers: &str) -> Vec<String> {
    let mut written = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("key-{number}");
        let put = quorate(&["put", &key, "there", "--servers", servers, "--timeout", "30s"]);
        assert_eq!(put.code, Some(0), "a write gets through whatever becomes of members: {put:#?}");
        written.push(key);
    }
    written
}

#[test]
fn a_group_grows_and_shrinks_under_load_and_starts_again_by_what_its_log_says() {
    let mut group = Group::new();
    (1..=3).for_each(|server| group.start(server));
    group.members();
    let (stop, servers) = (AtomicBool::new(false), group.addresses.join(","));
    let written = thread::scope(|scope| {
        let load = scope.spawn(|| write_until(&stop, &servers));
        // A panic here must not leave the load running.
        let changed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            grow_and_shrink(&mut group);
        }));
        stop.store(true, Ordering::Relaxed);
        let written = load.join().expect("all writes got through");
        changed.map(|()| written).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    assert!(!written.is_empty());
    let stay = group.voters();
    for server in 1..=5 {
        if group.running[server - 1].is_some() {
            group.kill(server);
        }
        // Nothing but itself: the others are in the log.
        group.edit(server, |text| {
            let is_peer =
                |line: &&str| !(1..=5).any(|peer| line.starts_with(&format!("{peer} = ")));
            text.lines().filter(is_peer).collect::<Vec<_>>().join("\n")
        });
    }
    stay.iter().for_each(|&server| group.start(usize::try_from(server).expect("small")));
    assert_eq!(group.voters(), stay);
    for key in written {
        group.ask(&["get", &key]).ends_with(0);
    }
}

fn grow_and_shrink(group: &mut Group) {
    group.start(4);
    group.start(5);
    // The leader goes down in the middle of the change, which is asked for again.
    let (four, five) = (group.peer(4), group.peer(5));
    let first = group.leader();
    let servers = group.servers();
    let adding = thread::spawn(move || {
        quorate(&["members", "add", &four, &five, "--servers", &servers, "--wait", "60s"])
    });
    group.kill(first);
    adding.join().expect("it ends").ends_with(0);
    group.start(first);
    assert_eq!(group.voters(), [1, 2, 3, 4, 5]);
    // Whoever leads is among those who leave.
    let second = group.leader();
    let other = (1..=5).find(|&server| server != second).expect("there are five");
    let (second, other) = (second.to_string(), other.to_string());
    let removed = group.ask(&["members", "remove", &second, &other, "--wait", "60s"]).ends_with(0);
    assert!(removed.stdout.contains("leader"), "{removed:#?}");
    assert_eq!(group.voters().len(), 3);
    let third = group.leader().to_string();
    assert!(![second, other].contains(&third));
}

/// Nobody asks for it: killed by SIGKILL, and its disk gone.
#[test]
fn a_failed_server_is_replaced_by_a_learner_and_that_by_one_in_reserve() {
    let mut group = Group::new();
    for server in 1..=5 {
        group.edit(server, |text| text.replace("#replace_after_ms = 0", "replace_after_ms = 1500"));
        group.start(server);
    }
    group.ask(&["members", "add", &group.peer(4), "--learner"]).ends_with(0);
    let waiting = group.ask(&["members", "add", &group.peer(5), "--reserve"]).ends_with(0);
    assert!(waiting.stdout.contains("reserve"), "{waiting:#?}");
    let leader = group.leader();
    let failed = (1..=3).find(|&server| server != leader).expect("there are three");
    group.kill(failed);
    let began = Instant::now();
    let list = |members: &Value, list: &str| {
        let ids = members[list].as_array().expect("a list").iter();
        ids.map(|id| id.as_u64().expect("a number")).collect::<Vec<_>>()
    };
    let failed = failed as u64;
    let voters: Vec<u64> = (1..=4).filter(|&id| id != failed).collect();
    loop {
        let members = group.members();
        let now = ["voters", "learners", "reserves"].map(|name| list(&members, name));
        if now == [voters.clone(), vec![5], vec![failed]] && members["changing"] == false {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{members}");
    }
    group.ask(&["put", "k", "v"]).ends_with(0);
}

#[test]
fn what_makes_no_sense_or_is_unsafe_is_refused_and_says_what_to_do() {
    let mut group = Group::new();
    (1..=3).for_each(|server| group.start(server));
    let index = group.members()["index"].as_u64().expect("a number");
    group.ask(&["members", "remove", "9"]).ends_with(2).says(&["Q0102", "no member"]);
    group
        .ask(&["members", "promote", "2"])
        .ends_with(2)
        .says(&["neither a learner nor in reserve"]);
    let again = group.peer(2);
    group.ask(&["members", "add", &again]).ends_with(2).says(&["has a vote already", "set"]);
    let expect = (index + 1).to_string();
    group
        .ask(&["members", "remove", "3", "--expect", &expect])
        .ends_with(3)
        .says(&["Q0205", "quorate members"]);
    // By the time that a newcomer has been silent for too long, so has this one.
    let leader = group.leader();
    let down: Vec<_> = (1..=3).filter(|&server| server != leader).collect();
    group.kill(down[0]);
    // Nobody is there yet.
    let five = group.peer(5);
    let learner = group.ask(&["members", "add", &five, "--learner"]).ends_with(0);
    assert!(learner.stdout.contains("no"), "{learner:#?}");
    let silent = group.ask(&["members", "promote", "5", "--wait", "20s"]).ends_with(1);
    silent.says(&["Q0204", "does server 5 run", "members remove 5"]);
    let (one, two) = (group.peer(leader), group.peer(down[0]));
    group.ask(&["members", "set", &one, &two, "--wait", "20s"]).ends_with(7).says(&[
        "Q0206",
        "--force",
        "start the servers",
    ]);
    let handed = group.ask(&["transfer", "--to", &down[1].to_string()]).ends_with(0);
    assert_eq!(handed.stdout, format!("server {} leads\n", down[1]));
}

/// FAULTS D10: a disk is lost. The server comes back with another that says so, and is of use again;
/// with one that does not say so it is sent away.
#[test]
fn a_server_that_lost_its_disk_comes_back_if_it_says_so() {
    let mut group = Group::new();
    (1..=3).for_each(|server| group.start(server));
    let leader = group.leader();
    group.ask(&["put", "k", "v"]).ends_with(0);
    let (lost, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);

    group.lose_disk(lost, false);
    group.start(lost);
    let (code, log) = group.end_of(lost);
    assert_eq!(code, Some(7), "{log}");
    assert!(log.contains("Q0406") && log.contains("init --join"), "{log}");

    group.lose_disk(lost, true);
    group.start(lost);
    group.becomes_follower(lost);
    // Two of three are needed, and one of the others is gone.
    group.kill(other);
    group.ask(&["put", "k", "w"]).ends_with(0);
    assert_eq!(group.ask(&["get", "k"]).ends_with(0).stdout, "w\n");
}

/// Where a value is in the log of a server: the file, what is in it, and the place.
fn find_needle(directory: &str) -> Option<(String, Vec<u8>, usize)> {
    let segments = contents(directory).into_iter().filter(|(name, _)| name.ends_with(".qrw"));
    segments.into_iter().find_map(|(name, bytes)| {
        let place = bytes.windows(8).position(|window| window == b"a needle")?;
        Some((name, bytes, place))
    })
}

fn wait_for_needle(directory: &str) {
    let began = Instant::now();
    while find_needle(directory).is_none() {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not come");
    }
}

/// Flips a bit of the value; the file.
fn damage_needle(directory: &str) -> String {
    let (file, mut bytes, place) = find_needle(directory).expect("the value is in the log");
    bytes[place] ^= 1;
    std::fs::write(format!("{directory}/{file}"), &bytes).expect("it can be written");
    file
}

/// FAULTS D06, D13, D14: an entry is damaged at two of three, and the third is down. They wait for it.
#[test]
fn an_entry_that_only_one_server_still_has_is_had_from_it() {
    let mut group = Group::new();
    (1..=3).for_each(|server| group.start(server));
    group.leader();
    group.ask(&["put", "first", "a needle"]).ends_with(0);
    group.ask(&["put", "k", "v"]).ends_with(0);
    (1..=3).for_each(|server| wait_for_needle(&group.directory(server)));
    (1..=3).for_each(|server| group.kill(server));
    for server in [1, 2] {
        let directory = group.directory(server);
        let file = damage_needle(&directory);
        quorate(&["wal", "verify", &directory]).ends_with(6).says(&["error[Q0315]", &file]);
        group.start(server);
    }
    for server in [1, 2] {
        group.logs(server, "waits for what is missing");
    }
    group.ask(&["get", "first", "--timeout", "1s"]).ends_with(3);

    group.start(3);
    group.leader();
    assert_eq!(group.ask(&["get", "first"]).ends_with(0).stdout, "a needle\n");
    for server in [1, 2] {
        group.logs(server, "what was missing in the log is there again");
    }
    // They vote and count as before.
    group.kill(3);
    group.ask(&["put", "k", "w"]).ends_with(0);
    for server in [1, 2] {
        group.kill(server);
        let directory = group.directory(server);
        quorate(&["wal", "verify", &directory]).ends_with(0);
        assert!(contents(&directory).iter().all(|(name, _)| !name.ends_with(".damaged")));
    }
}

/// FAULTS D06: what is missing is in nobody's log any more.
#[test]
fn an_entry_that_only_a_snapshot_covers_is_had_with_it() {
    let mut group = Group::new();
    for server in 1..=3 {
        group.edit(server, |text| {
            text.replace("#snapshot_entries = 100000", "snapshot_entries = 10")
                .replace("#retained_entries = 100000", "retained_entries = 0")
        });
        group.start(server);
    }
    let leader = group.leader();
    group.ask(&["put", "first", "a needle"]).ends_with(0);
    let (damaged, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    let directory = group.directory(damaged);
    wait_for_needle(&directory);
    group.kill(damaged);
    damage_needle(&directory);
    for number in 0..40 {
        group.ask(&["put", "k", &number.to_string()]).ends_with(0);
    }
    group.start(damaged);
    group.becomes_follower(damaged);
    group.logs(damaged, "the log is damaged and was set aside");
    group.kill(other);
    assert_eq!(group.ask(&["get", "first"]).ends_with(0).stdout, "a needle\n");
}

/// FAULTS D11: what cannot be told is set aside, and had from the others as from the first entry on.
#[test]
fn a_server_whose_log_is_lost_in_part_is_healed_by_the_others() {
    let mut group = Group::new();
    (1..=3).for_each(|server| group.start(server));
    let leader = group.leader();
    group.ask(&["put", "first", "a needle"]).ends_with(0);
    let (damaged, other) = (leader % 3 + 1, (leader + 1) % 3 + 1);
    group.becomes_follower(damaged);

    group.kill(damaged);
    let directory = group.directory(damaged);
    let segments = contents(&directory).into_iter().filter(|(name, _)| name.ends_with(".qrw"));
    let (file, mut bytes) = segments.max().expect("a segment");
    // Both copies of its header.
    (bytes[100], bytes[4196]) = (bytes[100] ^ 1, bytes[4196] ^ 1);
    std::fs::write(format!("{directory}/{file}"), &bytes).expect("it can be written");
    quorate(&["wal", "verify", &directory]).ends_with(6).says(&["error[Q0315]", &file]);

    group.start(damaged);
    group.becomes_follower(damaged);
    let after = contents(&directory);
    let is_kept = |(name, kept): (&String, &Vec<u8>)| {
        name.starts_with(&file) && name.ends_with(".damaged") && *kept == bytes
    };
    assert!(after.iter().any(is_kept), "as it was: {:?}", after.keys());
    group.logs(damaged, "the log is damaged and was set aside");
    // Two of three are needed, and one of the others is gone.
    group.kill(other);
    group.ask(&["put", "k", "w"]).ends_with(0);
    assert_eq!(group.ask(&["get", "first"]).ends_with(0).stdout, "a needle\n");
    group.kill(damaged);
    quorate(&["wal", "verify", &directory]).ends_with(0);
}
