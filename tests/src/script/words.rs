//! How things are shown: servers as `n1`, entries as `3t2` (index 3, term 2).

use quorate_core::{
    AppendOutcome, Cause, Entries, Entry, Heartbeat, Index, LogId, Membership, Message, NodeId,
    Payload, Refusal, Rpc, SnapshotChange, System, Write,
};

/// An entry's name, or `0` for the position before the first.
pub(super) fn id(id: LogId) -> String {
    if id == LogId::ZERO { "0".to_owned() } else { format!("{}t{}", id.index.0, id.term.0) }
}

/// An entry with what it holds.
pub(super) fn entry(entry: &Entry) -> String {
    format!("{} {}", id(entry.id), payload(&entry.payload))
}

fn payload(payload: &Payload) -> String {
    match payload {
        Payload::Command(bytes) => {
            let name = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
            String::from_utf8_lossy(name).into_owned()
        }
        Payload::System(System::Noop) => "no-op".to_owned(),
        Payload::System(System::Time(time)) => format!("time {:?}", time.led()),
        Payload::System(System::Membership(record)) => membership(&record.membership()),
    }
}

/// Who belongs to it: `{1 2 3}`, `{1 2 3 learners 4}`, `{4 5 leaving 1 2}`.
pub(super) fn membership(membership: &Membership) -> String {
    let mut words = Vec::new();
    let mut list = |title: Option<&str>, ids: &[NodeId]| {
        words.extend(title.filter(|_| !ids.is_empty()).map(str::to_owned));
        words.extend(ids.iter().map(NodeId::to_string));
    };
    list(None, membership.voters());
    list(Some("leaving"), membership.outgoing());
    list(Some("learners"), membership.learners());
    format!("{{{}}}", words.join(" "))
}

/// The name of a kind of message.
pub(super) fn kind(rpc: &Rpc) -> &'static str {
    match rpc {
        Rpc::PreVote(_) => "PreVote",
        Rpc::PreVoteReply(_) => "PreVoteReply",
        Rpc::RequestVote(_) => "RequestVote",
        Rpc::RequestVoteInTransfer(_) => "RequestVoteInTransfer",
        Rpc::RequestVoteReply(_) => "RequestVoteReply",
        Rpc::AppendEntries(_) => "AppendEntries",
        Rpc::AppendEntriesReply(_) => "AppendEntriesReply",
        Rpc::Heartbeat(_) => "Heartbeat",
        Rpc::TimeoutNow => "TimeoutNow",
        Rpc::InstallSnapshot(_) => "InstallSnapshot",
        Rpc::ForgetfulReply(_) => "ForgetfulReply",
        Rpc::Vouch(_) => "Vouch",
        Rpc::Doubt => "Doubt",
    }
}

/// All kinds of messages.
pub(super) const KINDS: [&str; 13] = [
    "Doubt",
    "ForgetfulReply",
    "Vouch",
    "PreVote",
    "PreVoteReply",
    "RequestVote",
    "RequestVoteInTransfer",
    "RequestVoteReply",
    "AppendEntries",
    "AppendEntriesReply",
    "Heartbeat",
    "TimeoutNow",
    "InstallSnapshot",
];

/// A message without its ends.
pub(super) fn message(message: &Message) -> String {
    let said = match &message.rpc {
        Rpc::PreVote(ask) => format!("for term {}, last {}", ask.next_term.0, id(ask.last)),
        Rpc::PreVoteReply(reply) => {
            format!("for term {}: {}", reply.next_term.0, yes(reply.granted))
        }
        Rpc::RequestVote(ask) | Rpc::RequestVoteInTransfer(ask) => format!("last {}", id(ask.last)),
        Rpc::RequestVoteReply(reply) => yes(reply.granted).to_owned(),
        Rpc::AppendEntries(append) => format!(
            "after {} {}, commit {}, round {}, replication {}",
            id(append.prev),
            run(&append.entries),
            append.commit.0,
            append.round.0,
            append.replication.0
        ),
        Rpc::Heartbeat(Heartbeat { replication, round, matched, commit }) => format!(
            "matched {}, commit {}, round {}, replication {}",
            id(*matched),
            commit.0,
            round.0,
            replication.0
        ),
        Rpc::AppendEntriesReply(reply) => format!(
            "{}, round {}, replication {}",
            outcome(reply.outcome),
            reply.round.0,
            reply.replication.0
        ),
        Rpc::InstallSnapshot(install) => format!(
            "up to {}, round {}, replication {}",
            id(install.snapshot.last_included),
            install.round.0,
            install.replication.0
        ),
        Rpc::ForgetfulReply(told) => format!(
            "{}, round {}, replication {}",
            outcome(told.reply.outcome),
            told.reply.round.0,
            told.reply.replication.0
        ),
        Rpc::Vouch(vouch) => format!("up to {}", vouch.upto.0),
        Rpc::TimeoutNow | Rpc::Doubt => String::new(),
    };
    format!("{} term {} {said}", kind(&message.rpc), message.term.0).trim_end().to_owned()
}

/// A message in a few words, for its arrival.
pub(super) fn message_in_short(message: &Message) -> String {
    let said = match &message.rpc {
        Rpc::AppendEntries(append) => format!(" {}", run(&append.entries)),
        Rpc::AppendEntriesReply(reply) => format!(" {}", outcome(reply.outcome)),
        Rpc::ForgetfulReply(told) => format!(" {}", outcome(told.reply.outcome)),
        Rpc::RequestVoteReply(reply) => format!(" {}", yes(reply.granted)),
        Rpc::PreVoteReply(reply) => format!(" {}", yes(reply.granted)),
        _ => String::new(),
    };
    format!("{} term {}{said}", kind(&message.rpc), message.term.0)
}

/// What stands in a message: `[]`, `[3t2]` or `[3t2 .. 5t2]`.
fn run(entries: &Entries) -> String {
    match entries[..] {
        [] => "[]".to_owned(),
        [ref only] => format!("[{}]", id(only.id)),
        [ref first, .., ref last] => format!("[{} .. {}]", id(first.id), id(last.id)),
    }
}

fn outcome(outcome: AppendOutcome) -> String {
    match outcome {
        AppendOutcome::Match(index) => format!("match {}", index.0),
        AppendOutcome::Mismatch { rejected, hint } => {
            format!("mismatch {}, hint {}", rejected.0, id(hint))
        }
        AppendOutcome::StaleTerm => "stale term".to_owned(),
    }
}

const fn yes(granted: bool) -> &'static str {
    if granted { "yes" } else { "no" }
}

/// One order for the disk.
pub(super) fn write(write: &Write) -> String {
    let mut words = vec![format!("#{}:", write.ticket.0)];
    if let Some(state) = write.hard_state {
        let forgetful = if state.is_forgetful { ", forgetful" } else { "" };
        words.push(format!("term {}, vote {}{forgetful}", state.term.0, vote(state.vote)));
    }
    match write.snapshot.as_deref() {
        None => {}
        Some(SnapshotChange::Covers(snapshot)) => {
            words.push(format!("a snapshot up to {}", id(snapshot.last_included)));
        }
        Some(SnapshotChange::Replaces(snapshot)) => {
            let upto = id(snapshot.last_included);
            words.push(format!("a snapshot up to {upto} in the place of the log"));
        }
    }
    if let Some(append) = &write.append {
        if write.hard_state.is_some() {
            words.push("|".to_owned());
        }
        let entries: Vec<_> = append.entries.iter().map(entry).collect();
        let entries = if entries.is_empty() { "nothing".to_owned() } else { entries.join(", ") };
        words.push(format!("after {}: {entries}", id(append.prev)));
    }
    words.join(" ")
}

/// Who got a vote, or leads.
pub(super) fn vote(vote: Option<NodeId>) -> String {
    vote.map_or_else(|| "nobody".to_owned(), |id| format!("{id:?}"))
}

/// Why a request was refused.
pub(super) fn refusal(why: Refusal) -> String {
    match why {
        Refusal::NotLeader { leader: Some(leader) } => format!("not the leader, {leader:?} is"),
        _ => why.to_string(),
    }
}

/// Why a role changed.
pub(super) const fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::ElectionTimeout => "it lost patience",
        Cause::PreVoteWon => "it would be elected",
        Cause::LeaderAsked => "its leader asked it to",
        Cause::ElectionWon => "it was elected",
        Cause::ElectionLost => "it was not elected",
        Cause::VoteGranted => "it voted for another",
        Cause::LeaderFound => "it heard a leader",
        Cause::NewerTerm => "a newer term has begun",
        Cause::QuorumLost => "it hears no majority",
        Cause::DiskHung => "its disk hangs",
        Cause::Removed => "it was removed",
        Cause::Violation => "a property does not hold",
    }
}

/// The command that a request of this name carries: its name, made as long as it is to be.
pub(super) fn command(name: &str, bytes: usize) -> Vec<u8> {
    let mut command = name.as_bytes().to_vec();
    command.resize(bytes.max(command.len()), 0);
    command
}

/// The entries of a log, with a bar behind what is committed.
pub(super) fn log(entries: &[Entry], commit: Index) -> String {
    let mut words: Vec<_> = entries.iter().map(entry).collect();
    let committed = usize::try_from(commit.0).unwrap_or(usize::MAX).min(words.len());
    let open = words.split_off(committed);
    format!("{} | {}", words.join(", "), open.join(", ")).trim().to_owned()
}
