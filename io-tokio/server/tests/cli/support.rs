//! Runs the binary, in directories of its own.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

/// How a run of the binary ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails unless it ended with this code.
    #[track_caller]
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Fails unless stderr has all these parts.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stderr.contains(part), "{part:?} is missing in {self:#?}");
        }
        self
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let object: Value = serde_json::from_str(&self.stdout).expect("one object");
        assert_eq!(object["v"], 1, "{object}");
        object
    }
}

/// The binary, with an environment that says nothing.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    command.args(args).stdin(Stdio::null());
    for name in ["SERVERS", "LOG", "LOG_FORMAT", "LISTEN", "HTTP"] {
        command.env_remove(format!("QUORATE_{name}"));
    }
    command
}

/// A shell that may set the stage before it becomes the binary, `"$0" "$@"`.
pub(crate) fn in_shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, env!("CARGO_BIN_EXE_quorate")]).stdin(Stdio::null());
    command
}

/// Runs the binary to its end.
pub(crate) fn quorate(args: &[&str]) -> Ran {
    run(&mut command(args))
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ran {
    let output = command.output().expect("the binary can be run");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("stderr is UTF-8"),
    }
}

/// A directory for one test, removed at its end.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self::within(Path::new(env!("CARGO_TARGET_TMPDIR")))
    }

    pub(crate) fn within(parent: &Path) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("cli-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory can be made");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A path in it.
    pub(crate) fn at(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.at(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    }

    /// The data directory of a group of one server, which listens at any free port.
    pub(crate) fn data(&self, name: &str) -> String {
        let path = self.at(name);
        let made = quorate(&[
            "init",
            &path,
            "--node",
            "1",
            "--peers",
            "1=127.0.0.1:0",
            "--cluster",
            "test",
        ]);
        made.ends_with(0);
        let settings = format!("{path}/quorate.toml");
        let text = std::fs::read_to_string(&settings).expect("there are settings");
        let text = text.replace("#segment_mib = 64", "segment_mib = 1");
        let text = text.replace("#election_timeout_ms = 300", "election_timeout_ms = 60");
        let text = text.replace("#election_jitter_ms = 300", "election_jitter_ms = 60");
        let text = text.replace("#heartbeat_interval_ms = 50", "heartbeat_interval_ms = 20");
        std::fs::write(settings, text).expect("settings can be written");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays behind lies in the build's own directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// All files of a directory, but for the lock, which names the last process that looked.
pub(crate) fn contents(directory: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("a name in UTF-8");
        if name != "LOCK" {
            files.insert(name, std::fs::read(entry.path()).expect("a file"));
        }
    }
    files
}

/// A server that runs; killed when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// Its log, from where it was last looked at.
    log: BufReader<std::process::ChildStderr>,
    pub(crate) address: String,
    pub(crate) http: Option<String>,
}

impl Server {
    /// Starts a server and waits until it listens.
    pub(crate) fn start(directory: &str) -> Self {
        Self::run(command(&["serve", directory, "--log-format", "json"]))
    }

    /// Starts whatever listens.
    pub(crate) fn run(command: Command) -> Self {
        let mut server = Self::spawn(command);
        server.listens();
        server
    }

    /// Waits until it listens.
    pub(crate) fn listens(&mut self) {
        let listens = self.wait_for("the server listens");
        self.address = listens["address"].as_str().expect("an address").to_owned();
        self.http = listens["http"].as_str().map(str::to_owned);
    }

    /// Starts whatever logs.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let log = BufReader::new(child.stderr.take().expect("its stderr is piped"));
        Self { child, log, address: String::new(), http: None }
    }

    /// Waits for an event in its log.
    pub(crate) fn wait_for(&mut self, message: &str) -> Value {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let read = self.log.read_line(&mut line).expect("a log in UTF-8");
            assert!(read > 0, "the log ended without {message:?}:\n{seen}");
            seen.push_str(&line);
            if let Ok(event) = serde_json::from_str::<Value>(&line)
                && event["message"] == message
            {
                return event;
            }
        }
    }

    /// Runs a command against it.
    pub(crate) fn ask(&self, args: &[&str]) -> Ran {
        let servers = ["--servers", &self.address];
        quorate(&[args, &servers].concat())
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "a signal can be sent");
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it was started").is_none()
    }

    /// Waits for its end: its exit code, if it was not a signal, and the rest of its log.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.log.read_to_string(&mut rest).expect("a log in UTF-8");
        (self.child.wait().expect("it ends").code(), rest)
    }

    /// Ends it at once.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already if all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
