//! `quorate.toml`: what an operator decides about a server, next to its data.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use quorate_core::node::{NodeConfig, Staffing};
use quorate_core::wal::WalOptions;
use quorate_core::wire::Address;
use quorate_core::{Lease, NodeId};
use serde::Deserialize;

use crate::arguments;
use crate::codes;
use crate::diagnostic::Diagnostic;

/// The name of the file in a data directory.
pub(crate) const FILE: &str = "quorate.toml";

/// Where a server listens, where the others are, and how it is tuned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Settings {
    /// Where peers and clients connect.
    pub(crate) listen: Address,
    /// Where the HTTP gateway listens, if there shall be one.
    pub(crate) http: Option<Address>,
    /// All members, this one included.
    pub(crate) peers: BTreeMap<NodeId, Address>,
    pub(crate) tuning: Tuning,
}

/// What may be tuned; everything that is absent has its default.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Tuning {
    election_timeout_ms: Option<u64>,
    election_jitter_ms: Option<u64>,
    heartbeat_interval_ms: Option<u64>,
    request_timeout_ms: Option<u64>,
    reconfigure_timeout_ms: Option<u64>,
    session_timeout_ms: Option<u64>,
    segment_mib: Option<u64>,
    snapshot_entries: Option<u64>,
    retained_entries: Option<u64>,
    snapshot_mib_per_second: Option<u64>,
    replace_after_ms: Option<u64>,
    voters: Option<u64>,
    learners: Option<u64>,
    priority: Option<u64>,
    clock_drift_ppm: Option<u64>,
    time_resolution_ms: Option<u64>,
    busy_poll_us: Option<u64>,
}

/// How long a server stays awake after its last work, unless the settings say otherwise: longer
/// than one sync of a good disk.
const BUSY_POLL: Duration = Duration::from_micros(200);

/// How long a client may be silent before its session ends, unless the settings say otherwise.
const SESSION_TIMEOUT: Duration = Duration::from_secs(60);

/// The file as it stands, before anybody has looked at it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    listen: String,
    http: Option<String>,
    peers: BTreeMap<String, String>,
    #[serde(default)]
    tuning: Tuning,
}

impl Settings {
    /// The settings of a new directory.
    pub(crate) fn new(listen: Address, peers: BTreeMap<NodeId, Address>) -> Self {
        Self { listen, http: None, peers, tuning: Tuning::default() }
    }

    /// The same, for logs that stay small.
    pub(crate) fn with_segments_of_mib(mut self, mib: u64) -> Self {
        self.tuning.segment_mib = Some(mib);
        self
    }

    /// Reads the file of a data directory.
    pub(crate) fn read(directory: &Path) -> Result<Self, Box<Diagnostic>> {
        let path = directory.join(FILE);
        let what = || format!("{} cannot be used", path.display());
        let text = std::fs::read_to_string(&path)
            .map_err(|error| Diagnostic::new(codes::BAD_SETTINGS, what()).because(&error))?;
        Self::parse(&text).map_err(|why| {
            Diagnostic::new(codes::BAD_SETTINGS, what())
                .why(why)
                .help("correct the file; `quorate init` writes one with all keys")
        })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| located(text, &error))?;
        let mut peers = BTreeMap::new();
        for (id, at) in &raw.peers {
            let id = arguments::node(id).map_err(|why| format!("peers: {why}"))?;
            let at = arguments::address(at).map_err(|why| format!("peers.{id}: {why}"))?;
            peers.insert(id, at);
        }
        let listen = arguments::address(&raw.listen).map_err(|why| format!("listen: {why}"))?;
        let http = raw.http.as_deref().map(arguments::address).transpose();
        let http = http.map_err(|why| format!("http: {why}"))?;
        Ok(Self { listen, http, peers, tuning: raw.tuning })
    }

    /// The text of the file. All that goes into it is free of quotes by its type.
    pub(crate) fn to_text(&self, node: NodeId, cluster: &str) -> String {
        let mut text = format!(
            "# Server {node} of cluster {cluster}. Read at each start.\n\n\
             # Where peers and clients connect to this server.\n\
             listen = \"{}\"\n\n\
             # Where the HTTP gateway listens, if there shall be one.\n",
            self.listen
        );
        let _ = match &self.http {
            Some(http) => writeln!(text, "http = \"{http}\""),
            None => writeln!(text, "#http = \"127.0.0.1:7200\""),
        };
        text.push_str(
            "\n# Where this server finds the members of its group, itself included. What `quorate \
             members` has\n# said since then counts more.\n[peers]\n",
        );
        for (id, address) in &self.peers {
            let _ = writeln!(text, "{id} = \"{address}\"");
        }
        text.push_str("\n# Remove the # of what shall differ from its default.\n[tuning]\n");
        if let Some(mib) = self.tuning.segment_mib {
            let _ = writeln!(text, "segment_mib = {mib}");
        }
        text.push_str(DEFAULTS);
        text
    }
}

/// The keys of [`Tuning`], with their defaults.
const DEFAULTS: &str = "\
# How long a follower waits for its leader before it seeks election; up to the jitter is added.
#election_timeout_ms = 300
#election_jitter_ms = 300
# How often a leader makes itself known; well below the election timeout.
#heartbeat_interval_ms = 50
# After this long a request that is not answered ends.
#request_timeout_ms = 5000
# The same for a change of the members; newcomers catch up in the meantime.
#reconfigure_timeout_ms = 300000
# After this long without a word the session of a client ends.
#session_timeout_ms = 60000
# The length of a file of the log.
#segment_mib = 64
# A snapshot of the state is taken whenever so many more commands are applied; 0 takes none, and the
# log grows for ever.
#snapshot_entries = 100000
# What the log keeps of what a snapshot covers, for servers that lag behind, in entries at most.
# Whoever lags further behind gets a snapshot.
#retained_entries = 100000
# How much of a snapshot is got from the leader in a second.
#snapshot_mib_per_second = 64
# After this long without a word a server has failed: a voter is replaced by a learner that has caught
# up, and a learner by a server in reserve (`quorate members add --reserve`). 0 replaces nobody.
#replace_after_ms = 0
# So many shall vote and learn, if failed servers are replaced.
#voters = 3
#learners = 1
# Who is to lead, of those that can: 0 to 10. For each step below 10 a server waits an election timeout
# longer, and if it leads, it hands over to a higher one that has been there for a while.
#priority = 10
# Lets a leader answer `--at lease` by itself: clocks of servers go fast or slow by this at most, in
# millionths. The same for all servers, for all of them keep what a leader relies on. 0 trusts no
# clock. Not for machines that are stopped and go on without knowing it, as virtual ones may be.
#clock_drift_ppm = 0
# How often a leader writes the time into the log while commands come, at most: what expires does so
# late by this at least. At least 1; a larger one saves entries where commands are few.
#time_resolution_ms = 10
# How long threads stay awake for more after their last work: costs processor time, saves latency.
# They give way to others meanwhile; never done where there is one processor only.
#busy_poll_us = 200
";

impl Tuning {
    /// Each key, what the file says of it, and its default.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static str, Option<u64>, u64)> {
        let commented = DEFAULTS.lines().filter_map(|line| line.strip_prefix('#'));
        let defaults = commented.filter_map(|line| line.split_once(" = "));
        defaults.map(|(key, default)| {
            let default = default.parse().expect("a number");
            (key, self.value(key), default)
        })
    }

    fn value(&self, key: &str) -> Option<u64> {
        match key {
            "election_timeout_ms" => self.election_timeout_ms,
            "election_jitter_ms" => self.election_jitter_ms,
            "heartbeat_interval_ms" => self.heartbeat_interval_ms,
            "request_timeout_ms" => self.request_timeout_ms,
            "reconfigure_timeout_ms" => self.reconfigure_timeout_ms,
            "session_timeout_ms" => self.session_timeout_ms,
            "segment_mib" => self.segment_mib,
            "snapshot_entries" => self.snapshot_entries,
            "retained_entries" => self.retained_entries,
            "snapshot_mib_per_second" => self.snapshot_mib_per_second,
            "replace_after_ms" => self.replace_after_ms,
            "voters" => self.voters,
            "learners" => self.learners,
            "priority" => self.priority,
            "clock_drift_ppm" => self.clock_drift_ppm,
            "time_resolution_ms" => self.time_resolution_ms,
            "busy_poll_us" => self.busy_poll_us,
            _ => unreachable!("{key} is a key"),
        }
    }

    /// Changes the defaults of a node.
    pub(crate) fn tune(&self, config: &mut NodeConfig) {
        let set = |target: &mut Duration, ms: Option<u64>| {
            if let Some(ms) = ms {
                *target = Duration::from_millis(ms);
            }
        };
        set(&mut config.raft.election_timeout, self.election_timeout_ms);
        set(&mut config.raft.election_jitter, self.election_jitter_ms);
        set(&mut config.raft.heartbeat_interval, self.heartbeat_interval_ms);
        set(&mut config.request_timeout, self.request_timeout_ms);
        set(&mut config.reconfigure_timeout, self.reconfigure_timeout_ms);
        let set = |target: &mut u64, value: Option<u64>| *target = value.unwrap_or(*target);
        set(&mut config.snapshot_entries, self.snapshot_entries);
        set(&mut config.raft.retained_entries_max, self.retained_entries);
        let bytes = self.snapshot_mib_per_second.map(|mib| mib.saturating_mul(1 << 20));
        set(&mut config.snapshot_bytes_per_second_max, bytes);
        config.staffing = self.staffing();
        config.raft.lease = self.lease();
        let resolution = self.time_resolution_ms.map(|ms| u32::try_from(ms).unwrap_or(u32::MAX));
        config.raft.time_resolution_ms =
            resolution.map(|ms| NonZero::new(ms).unwrap_or(NonZero::<u32>::MIN));
        let priority = &mut config.raft.priority;
        // One that is too high is refused with the other limits.
        *priority = self.priority.map_or(*priority, |it| u8::try_from(it).unwrap_or(u8::MAX));
    }

    fn lease(&self) -> Option<Lease> {
        let drift_ppm = self.clock_drift_ppm.filter(|&ppm| ppm > 0)?;
        // What leaves nothing of a lease is refused with the other limits.
        Some(Lease { drift_ppm: u32::try_from(drift_ppm).unwrap_or(u32::MAX) })
    }

    fn staffing(&self) -> Option<Staffing> {
        let patience = Duration::from_millis(self.replace_after_ms.filter(|&ms| ms > 0)?);
        // More than there can be are refused with the other limits.
        let count = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let (voters, learners) = (self.voters.unwrap_or(3), self.learners.unwrap_or(1));
        Some(Staffing { voters: count(voters), learners: count(learners), patience })
    }

    pub(crate) fn session_timeout(&self) -> Duration {
        self.session_timeout_ms.map_or(SESSION_TIMEOUT, Duration::from_millis)
    }

    /// Zero on a machine with one processor: it has better things to do.
    pub(crate) fn busy_poll(&self) -> Duration {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        let wanted = self.busy_poll_us.map_or(BUSY_POLL, Duration::from_micros);
        if processors > 1 { wanted } else { Duration::ZERO }
    }

    pub(crate) fn wal_options(&self) -> WalOptions {
        let bytes = self.segment_mib.map(|mib| mib.saturating_mul(1 << 20));
        let default = WalOptions::DEFAULT;
        WalOptions { segment_bytes: bytes.unwrap_or(default.segment_bytes), ..default }
    }
}

fn located(text: &str, error: &toml::de::Error) -> String {
    let start = error.span().map_or(0, |span| span.start.min(text.len()));
    let line = text.as_bytes()[..start].iter().filter(|&&byte| byte == b'\n').count() + 1;
    format!("line {line}: {}", error.message())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let address = |text| arguments::address(text).expect("valid");
        let id = |id| NodeId::new(id).expect("not zero");
        let peers = [(id(1), address("a:1")), (id(2), address("[::1]:2"))];
        let http = Some(address("localhost:80"));
        let settings = Settings::new(address("0.0.0.0:1"), peers.into());
        Settings { http, ..settings }.with_segments_of_mib(8)
    }

    fn text() -> String {
        settings().to_text(NodeId::new(1).expect("not zero"), "demo")
    }

    #[test]
    fn what_is_written_is_read_back() {
        assert_eq!(Settings::parse(&text()), Ok(settings()));
        let quiet = Settings { http: None, ..settings() };
        let text = quiet.to_text(NodeId::new(1).expect("not zero"), "demo");
        assert_eq!(Settings::parse(&text), Ok(quiet));
    }

    #[test]
    fn every_commented_key_is_one() {
        let text = text().replace("segment_mib = 8\n", "").replace("\n#", "\n");
        let tuned: String = text
            .lines()
            .filter(|line| line.contains(['=', '[']))
            .map(|l| format!("{l}\n"))
            .collect();
        let tuning = Settings::parse(&tuned).expect("all keys are known").tuning;
        let id = NodeId::new(1).expect("not zero");
        let config = || {
            NodeConfig::new(
                id,
                quorate_core::ClusterId(0),
                quorate_core::Incarnation(0),
                Vec::new(),
            )
        };
        let mut tuned = config();
        tuning.tune(&mut tuned);
        let resolution = tuned.raft.time_resolution_ms.take();
        assert_eq!(resolution.map(NonZero::get), Some(10), "what a server is started with");
        assert_eq!(tuned, config(), "the file shows the true defaults");
        for (key, value, default) in tuning.values() {
            assert_eq!(value, Some(default), "{key}");
        }
        assert_eq!(tuning.values().count(), 17);
        let replacing = Tuning { replace_after_ms: Some(30_000), ..tuning.clone() };
        let patience = Duration::from_secs(30);
        assert_eq!(replacing.staffing(), Some(Staffing { voters: 3, learners: 1, patience }));
        let trusting = Tuning { clock_drift_ppm: Some(500), ..tuning.clone() };
        assert_eq!(trusting.lease(), Some(Lease { drift_ppm: 500 }));
        let mut last = config();
        Tuning { priority: Some(0), ..tuning.clone() }.tune(&mut last);
        assert_eq!(last.raft.priority, 0);
        assert_eq!(tuning.busy_poll_us.map(Duration::from_micros), Some(BUSY_POLL));
        assert_eq!(tuning.session_timeout(), SESSION_TIMEOUT);
        assert_eq!(tuning.wal_options(), WalOptions::DEFAULT);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let misspelled = text().replace("segment_mib", "segment_mb");
        let why = Settings::parse(&misspelled).expect_err("unknown key");
        assert!(why.starts_with("line ") && why.contains("segment_mb"), "{why}");
        let why = Settings::parse("listen = \"a:1\"\n[peers]\n0 = \"a:1\"").expect_err("node 0");
        assert!(why.contains("peers"), "{why}");
        let why = Settings::parse("listen = \"a\"\n[peers]\n").expect_err("no port");
        assert!(why.contains("listen"), "{why}");
    }
}
