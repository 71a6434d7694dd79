//! A bare cluster of [`raft`](https://docs.rs/raft): this program, three times, and one thread with
//! one connection to the leader, on which all clients have a request each under way.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::figures::{Figures, Latencies, VALUE_BYTES, Work, key, warm_up};
use crate::frames::Frames;
use crate::local::{Processes, free_addresses};
use crate::raft_links::{CLIENT, Request, command, connect};
use crate::raft_server::{COMMAND, LEADER};
use crate::{Fallible, Measured, System};

pub(crate) struct RaftRs;

/// How long an answer may take; the first one waits for an election.
const PATIENCE: Duration = Duration::from_secs(20);

impl System for RaftRs {
    fn name(&self) -> &'static str {
        "raft-rs, bare"
    }

    fn version(&self) -> Fallible<String> {
        Ok("raft 0.7, raft-engine 0.4".into())
    }

    fn measure(&self, dir: &Path, clients: usize, span: Duration) -> Fallible<Measured> {
        let addresses = free_addresses::<3>()?;
        let _servers = start(&addresses, dir)?;
        let stream = connect(addresses[LEADER], CLIENT)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut callers = Callers { answers: Frames::new(stream.try_clone()?), stream, clients };
        callers.run(Work::Write, warm_up(span))?;
        let writes = callers.run(Work::Write, span)?;
        let reads = callers.run(Work::Read, span)?;
        Ok(Measured { writes, reads })
    }
}

fn start(addresses: &[SocketAddr; 3], dir: &Path) -> Fallible<Processes> {
    let mut processes = Processes::default();
    for at in 0..addresses.len() {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(COMMAND).arg(at.to_string()).arg(dir.join(at.to_string()));
        command.args(addresses.map(|address| address.to_string()));
        processes.start(&mut command, &dir.join(format!("{at}.log")))?;
    }
    Ok(processes)
}

struct Callers {
    stream: TcpStream,
    answers: Frames<TcpStream>,
    clients: usize,
}

impl Callers {
    /// Each client waits for its answer before it goes on.
    fn run(&mut self, work: Work, span: Duration) -> Fallible<Figures> {
        let started = Instant::now();
        let mut asked = vec![started; self.clients];
        let mut calls = vec![0; self.clients];
        let mut latencies = Latencies::default();
        let mut requests = Vec::new();
        for client in 0..self.clients {
            request(client, 0, work).put(&mut requests);
        }
        let mut under_way = self.clients;
        while under_way > 0 {
            self.stream.write_all(&requests)?;
            requests.clear();
            let answers = self.answers.next()?;
            if answers.is_empty() {
                return Err("the leader hung up".into());
            }
            let now = Instant::now();
            for answer in answers {
                let client = check(&answer, work, self.clients)?;
                latencies.add(now - asked[client]);
                if now - started < span {
                    asked[client] = now;
                    calls[client] += 1;
                    request(client, calls[client], work).put(&mut requests);
                } else {
                    under_way -= 1;
                }
            }
        }
        Ok(latencies.figures(started.elapsed()))
    }
}

fn request(client: usize, call: u64, work: Work) -> Request {
    let key = key(client, call);
    let body = match work {
        Work::Write => command(key.as_bytes(), &[b'x'; VALUE_BYTES]),
        Work::Read => key.into(),
    };
    let client = u32::try_from(client).expect("there are a thousand at most");
    Request { client, work, body }
}

/// Whose answer it is.
fn check(answer: &[u8], work: Work, clients: usize) -> Fallible<usize> {
    let (client, value) = answer.split_first_chunk().ok_or("a short answer")?;
    let expected = if work == Work::Read { VALUE_BYTES } else { 0 };
    if value.len() != expected {
        return Err(format!("an answer of {} bytes instead of {expected}", value.len()).into());
    }
    match u32::from_le_bytes(*client) as usize {
        client if client < clients => Ok(client),
        stranger => Err(format!("an answer to client {stranger}").into()),
    }
}
