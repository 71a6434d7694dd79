//! A change of the members, from the question to the answer.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use quorate_core::wire::{Address, NotApplied};
use quorate_core::{Index, Membership, NodeId, Stopped};
use quorate_io_tokio::client::{CallError, KvClient, Reason};

use super::roster::Roster;
use super::target::Target;
use crate::client;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::talk;

/// How often the leader is asked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a group may be without a leader before nothing is asked of it.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often that is said where nobody watches.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Under which conditions a change is made.
pub(super) struct Terms {
    pub(super) expected: Option<Index>,
    pub(super) force: bool,
    pub(super) wait: Duration,
}

/// Makes the members what is asked for; asks again if the leader is lost on the way and nobody else
/// has changed anything.
pub(super) async fn carry_out(
    kv: &KvClient,
    servers: &[String],
    target: &Target,
    terms: Terms,
) -> Result<Roster, Box<Diagnostic>> {
    let before = found(kv, servers, Instant::now() + terms.wait.min(PATIENCE)).await?;
    let target = target.of(&before.status)?;
    let deadline = Instant::now() + terms.wait;
    let mut expected = terms.expected.unwrap_or(before.status.membership_index);
    loop {
        match ask(kv, servers, &target, expected, &terms, deadline).await {
            Ok(()) => return settled(kv, servers, &target, deadline).await,
            Err(CallError::Unknown(why)) if Instant::now() < deadline => {
                talk::say(format_args!("{why}; looking what has become of it"));
                let now = settled(kv, servers, &target, deadline).await?;
                let (shape, old) = (now.shape(), before.shape());
                if now.is(&target) {
                    return Ok(now);
                }
                if shape.voters != old.voters || !shape.outgoing.is_empty() {
                    return Err(client::not_answered(&CallError::Unknown(why)));
                }
                // At most its newcomers have become learners.
                expected = now.status.membership_index;
            }
            Err(error) => return Err(failed(&error)),
        }
    }
}

/// One attempt, with a word now and then about how far it is.
async fn ask(
    kv: &KvClient,
    servers: &[String],
    target: &Membership,
    expected: Index,
    terms: &Terms,
    deadline: Instant,
) -> Result<(), CallError> {
    let client = kv.client().with_timeout(deadline.saturating_duration_since(Instant::now()));
    let done = client.reconfigure(target.clone(), Some(expected), terms.force);
    tokio::pin!(done);
    let mut progress = Progress::new();
    loop {
        tokio::select! {
            biased;
            done = &mut done => return done.map(|_| progress.end()),
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
        if let Ok(roster) = Roster::ask(kv, servers).await {
            let voters = roster.shape().voters;
            let behind = roster.behind(|id| target.is_member(id) && !voters.contains(&id));
            progress.tell(&behind);
        }
    }
}

/// What the leader says, once there is one.
pub(super) async fn found(
    kv: &KvClient,
    servers: &[String],
    deadline: Instant,
) -> Result<Roster, Box<Diagnostic>> {
    loop {
        match Roster::ask(kv, servers).await {
            Err(_) if Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
            found => return found,
        }
    }
}

/// What the members are once no change is on its way any more, or the time is up.
async fn settled(
    kv: &KvClient,
    servers: &[String],
    target: &Membership,
    deadline: Instant,
) -> Result<Roster, Box<Diagnostic>> {
    let all = also_at(servers, target.addresses());
    loop {
        let roster = Roster::ask(kv, &all).await;
        match roster {
            Ok(roster) if roster.is(target) || !roster.status.is_changing => return Ok(roster),
            roster if Instant::now() >= deadline => return roster,
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

/// Who leads after a transfer.
pub(super) async fn new_leader(
    kv: &KvClient,
    servers: &[String],
    before: &Roster,
) -> Result<NodeId, Box<Diagnostic>> {
    let all = also_at(servers, &before.status.addresses);
    Ok(found(kv, &all, Instant::now() + PATIENCE).await?.status.id)
}

/// Where to ask: of the servers that were named, some may have left by now.
fn also_at(servers: &[String], known: &[(NodeId, Address)]) -> Vec<String> {
    let mut all = servers.to_vec();
    for (_, address) in known {
        let address = address.to_string();
        if !all.contains(&address) {
            all.push(address);
        }
    }
    all
}

fn failed(error: &CallError) -> Box<Diagnostic> {
    let CallError::NotApplied(why) = error else { return client::not_answered(error) };
    match why {
        Reason::Stopped(Stopped::QuorumAtRisk) => {
            Diagnostic::new(codes::QUORUM_AT_RISK, "the group could be left unable to decide")
                .because(why)
                .help("start the servers that are to belong to it, or insist by --force")
        }
        Reason::Stopped(Stopped::CannotCatchUp(id)) => {
            Diagnostic::new(codes::CHANGE_STOPPED, format!("server {id} does not catch up"))
                .why("it is not heard from, or the log grows faster than it can follow")
                .help(format!(
                    "does server {id} run, at the address that was given? It is a learner now: try \
                     again, or `quorate members remove {id}`"
                ))
        }
        Reason::Stopped(_) => {
            Diagnostic::new(codes::CHANGE_STOPPED, "the change of the members goes no further")
                .because(why)
                .help("somebody else has changed them: `quorate members` shows who belongs now")
        }
        Reason::Refused(NotApplied::MembershipIs { .. } | NotApplied::ChangeUnderWay) => {
            Diagnostic::new(codes::OTHER_MEMBERS, "nothing was changed")
                .because(why)
                .help("`quorate members` shows who belongs to the group now, and its entry")
        }
        _ => client::not_answered(error),
    }
}

/// How far newcomers are: one line that changes where somebody watches, else now and then a line.
struct Progress {
    watched: bool,
    said_at: Instant,
    has_line: bool,
}

impl Progress {
    fn new() -> Self {
        let watched = io::stderr().is_terminal() && !talk::is_quiet();
        Self { watched, said_at: Instant::now(), has_line: false }
    }

    fn tell(&mut self, behind: &[(NodeId, Option<u64>)]) {
        if behind.is_empty() || !(self.watched || self.said_at.elapsed() >= SAY_EVERY) {
            return;
        }
        let one = |one: &(NodeId, Option<u64>)| match one.1 {
            Some(entries) => format!("server {} is {entries} entries behind", one.0),
            None => format!("server {} is not heard from", one.0),
        };
        let text = behind.iter().map(one).collect::<Vec<_>>().join(", ");
        if self.watched {
            eprint!("\r\x1b[K{text}");
            self.has_line = true;
        } else {
            talk::say(format_args!("{text}"));
            self.said_at = Instant::now();
        }
    }

    fn end(&mut self) {
        if self.has_line {
            eprintln!();
        }
    }
}
