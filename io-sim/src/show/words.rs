//! Messages in words.

use quorate_core::wire::{
    ClientMessage, Forward, ForwardBody, ForwardOutcome, Forwarded, Frame, Handshake, Outcome,
    PeerMessage, Request, RequestBody, Response, Service,
};
use quorate_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, EntryRange, LogId, Message, Rpc,
};

use super::chronicle::Kind;

/// What a frame is, and what it says.
pub(super) fn of(frame: &Frame) -> (Kind, String) {
    let told = match frame.service {
        Service::Raft => Message::decode(frame).map(|message| consensus(&message)),
        Service::Peer => PeerMessage::decode(frame).map(|message| peer(&message)),
        Service::Client => ClientMessage::decode(frame).map(|message| client(&message)),
        Service::Handshake => Handshake::decode(frame).map(|message| handshake(&message)),
    };
    told.expect("a host speaks sense")
}

fn consensus(message: &Message) -> (Kind, String) {
    let term = message.term.0;
    match &message.rpc {
        Rpc::PreVote(ask) => {
            let (next, last) = (ask.next_term.0, id(ask.last));
            (Kind::PreVote, format!("pre-vote for term {next}, last {last}"))
        }
        Rpc::PreVoteReply(reply) => {
            let said = yes(reply.granted);
            (Kind::PreVoteReply, format!("pre-vote for term {}: {said}", reply.next_term.0))
        }
        Rpc::RequestVote(ask) => {
            (Kind::Vote, format!("vote for me in term {term}, last {}", id(ask.last)))
        }
        Rpc::RequestVoteReply(reply) => {
            (Kind::VoteReply, format!("vote in term {term}: {}", yes(reply.granted)))
        }
        Rpc::AppendEntries(append) => (Kind::Append, format!("{}, term {term}", entries(append))),
        Rpc::AppendEntriesReply(reply) => (Kind::AppendReply, answer(reply, term)),
        Rpc::ForgetfulReply(told) => {
            (Kind::AppendReply, format!("{}, but may have forgotten", answer(&told.reply, term)))
        }
        Rpc::Doubt => (Kind::Heartbeat, "you deny what you acknowledged".to_owned()),
        Rpc::Vouch(vouch) => {
            (Kind::Heartbeat, format!("have a say again with all up to {}", vouch.upto.0))
        }
        Rpc::Heartbeat(beat) => {
            let (matched, commit, round) = (id(beat.matched), beat.commit.0, beat.round.0);
            let text = format!(
                "heartbeat, matched {matched}, commit {commit}, term {term}, round {round}"
            );
            (Kind::Heartbeat, text)
        }
        Rpc::InstallSnapshot(install) => {
            let covered = id(install.snapshot.last_included);
            (Kind::Append, format!("get my snapshot up to {covered}, term {term}"))
        }
        Rpc::TimeoutNow => (Kind::Vote, format!("stand for election now, after term {term}")),
        Rpc::RequestVoteInTransfer(ask) => {
            let last = id(ask.last);
            (Kind::Vote, format!("vote for me in term {term}, our leader hands over, last {last}"))
        }
    }
}

fn answer(reply: &AppendEntriesReply, term: u64) -> String {
    let said = match reply.outcome {
        AppendOutcome::Match(index) => format!("has all up to {}", index.0),
        AppendOutcome::Mismatch { rejected, hint } => {
            format!("has no such entry {}, try {}", rejected.0, id(hint))
        }
        AppendOutcome::StaleTerm => "your term is over".to_owned(),
    };
    format!("{said}, term {term}, round {}", reply.round.0)
}

fn entries(append: &AppendEntries) -> String {
    let (prev, commit) = (id(append.prev), append.commit.0);
    match (append.entries.iter().next(), append.entries.iter().last()) {
        (Some(first), Some(last)) => {
            let (first, last) = (first.id.index.0, last.id.index.0);
            let entries = if first == last {
                format!("entry {first}")
            } else {
                format!("entries {first} to {last}")
            };
            format!("{entries} after {prev}, commit {commit}")
        }
        _ => format!("do you have {prev}? commit {commit}"),
    }
}

fn peer(message: &PeerMessage) -> (Kind, String) {
    let text = match message {
        PeerMessage::Reachable { address } => format!("is to be found at {address}"),
        PeerMessage::Priority(priority) => format!("has priority {priority}"),
        PeerMessage::KeepAlive => return (Kind::KeepAlive, "sign of life".to_owned()),
        PeerMessage::SnapshotAsk(ask) => {
            format!("wants snapshot {} from byte {} on", id(ask.snapshot), ask.offset)
        }
        PeerMessage::SnapshotPart(part) => {
            let (offset, total) = (part.offset, part.total_bytes);
            let upto = offset + part.bytes.len() as u64;
            format!("bytes {offset} to {upto} of {total} of snapshot {}", id(part.snapshot))
        }
        PeerMessage::SnapshotNone(snapshot) => format!("has no snapshot {}", id(*snapshot)),
        PeerMessage::Forward(Forward { id, body: ForwardBody::Propose { command }, .. }) => {
            format!("forwards command #{id} of {} bytes", command.len())
        }
        PeerMessage::Forward(Forward { id, body: ForwardBody::ReadIndex, .. }) => {
            format!("forwards #{id}: at which index may be read?")
        }
        PeerMessage::Forwarded(Forwarded { id, outcome }) => match outcome {
            ForwardOutcome::Done { index, .. } => format!("#{id} is done at {}", index.0),
            ForwardOutcome::ReadIndex { index } => format!("#{id} may be read from {} on", index.0),
            ForwardOutcome::NotApplied(why) => format!("#{id} is not applied: {why}"),
            ForwardOutcome::Unknown(why) => format!("#{id} is in doubt: {why}"),
        },
    };
    (Kind::Forward, text)
}

fn client(message: &ClientMessage) -> (Kind, String) {
    let text = match message {
        ClientMessage::Request(Request { id, body }) => match body {
            RequestBody::Propose { command } => {
                format!("command #{id} of {} bytes", command.len())
            }
            RequestBody::Query { query, .. } => format!("query #{id} of {} bytes", query.len()),
            RequestBody::Watch { watch } => format!("watch #{id} of {} bytes", watch.len()),
            RequestBody::Call { arguments, .. } => {
                format!("call #{id} of {} bytes", arguments.len())
            }
            RequestBody::Forget { id: name } => format!("forget #{name} #{id}"),
            RequestBody::Status => format!("status #{id}"),
            RequestBody::TransferLeadership { to } => match to {
                Some(to) => format!("hand leadership over to {to:?} #{id}"),
                None => format!("hand leadership over #{id}"),
            },
            RequestBody::Reconfigure { target, .. } => format!("be {target:?} #{id}"),
            RequestBody::Entries(EntryRange { after, last, .. }) => {
                format!("entries after {} up to {} #{id}", after.index.0, last.0)
            }
        },
        ClientMessage::Response(Response { id, outcome }) => match outcome {
            Outcome::Done { index, .. } => format!("#{id} is done at {}", index.0),
            Outcome::Aged { index, age_us, .. } => {
                format!("#{id} is done at {}, {age_us} us old", index.0)
            }
            Outcome::NotApplied(why) => format!("#{id} is not applied: {why}"),
            Outcome::Unknown(why) => format!("#{id} is in doubt: {why}"),
            Outcome::Stopped(why) => format!("#{id} goes no further: {why}"),
        },
    };
    (Kind::Client, text)
}

fn handshake(message: &Handshake) -> (Kind, String) {
    let text = match message {
        Handshake::Hello(hello) => {
            format!("hello {:?}, from {:?} in its life {}", hello.to, hello.from, hello.boot)
        }
        Handshake::ClientHello(_) => "hello, from a client".to_owned(),
        Handshake::JoinedHello(joined) => {
            let hello = joined.hello;
            format!("hello {:?}, from {:?} with another disk", hello.to, hello.from)
        }
        Handshake::Welcome(_) | Handshake::JoinedWelcome(_) | Handshake::ClientWelcome(_) => {
            "welcome".to_owned()
        }
        Handshake::Reject(why) => format!("go away: {why}"),
    };
    (Kind::Handshake, text)
}

/// The index, and the term that it is of.
fn id(id: LogId) -> String {
    format!("{}@{}", id.index.0, id.term.0)
}

const fn yes(granted: bool) -> &'static str {
    if granted { "yes" } else { "no" }
}
