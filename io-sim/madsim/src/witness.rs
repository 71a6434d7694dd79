//! What is seen of a server while it runs: the orders that its pump gives to its lanes, and what
//! comes of them. From these the judges know its log, what of it is durable, what it takes for
//! committed, and in which terms it leads.

use std::any::Any;

use quorate_core::node::{Input, LogOrder, LogReader};
use quorate_core::{Entries, Index, NodeId, RoleKind, Rpc, Term, Write};
use quorate_io_sim::engine::{
    Checked, Digest, Feed, Glance, Ledger, Point, Property, Witness, frames, hold, message,
};
use quorate_io_sim::net::End;
use quorate_sm::ApplyOrder;

use crate::server::Server;
use crate::world::Sim;

/// Work of a disk.
#[derive(Debug)]
pub(crate) struct Portion {
    pub(crate) operations: u64,
    /// When it is done.
    pub(crate) until: u64,
}

impl Feed for Portion {
    fn feed(&self, digest: &mut Digest) {
        digest.words(&[self.operations, self.until]);
    }
}

impl Server {
    /// What it thinks of itself, as far as its orders tell.
    pub(crate) fn seen(&self) -> Glance {
        let written = self.ledger.written();
        let hard_state = written.hard_state;
        let leads = self.leads_in == Some(hard_state.term);
        Glance {
            role: if leads { RoleKind::Leader } else { RoleKind::Follower },
            hard_state,
            last: written.last(),
            durable: self.durable(),
            commit: self.commit,
        }
    }

    /// How far the log is as it is on the disk.
    fn durable(&self) -> Index {
        let (durable, written) = (self.ledger.durable(), self.ledger.written());
        let mut index = durable.last().index.min(written.last().index);
        while durable.digest(index) != written.digest(index) {
            index = Index(index.0 - 1);
        }
        index
    }
}

impl Witness for Server {
    fn id(&self) -> NodeId {
        self.id
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn glance(&self) -> Option<Glance> {
        self.handle.is_some().then(|| self.seen())
    }
}

impl Sim {
    /// What servers say must be true, and rest on what is durable.
    ///
    /// It is heard when it is written to a connection, a moment after the node has said it. By then
    /// the server may have heard of a newer term and cut its log, and what it has acknowledged in the
    /// old one is of no consequence: such an answer is only counted.
    pub(crate) fn overhear(&mut self, end: End, bytes: &[u8]) {
        let Some(socket) = self.sockets.get_mut(&end) else { return };
        let at = usize::from(socket.host.0) - 1;
        if at >= self.servers.len() {
            return;
        }
        socket.said.extend_from_slice(bytes);
        for message in frames(&mut socket.said).iter().filter_map(message) {
            let is = self.servers[at].seen();
            let is_answer = matches!(message.rpc, Rpc::AppendEntriesReply(_));
            if is_answer && message.term < is.term() {
                self.report.belated += 1;
                continue;
            }
            self.report.messages += 1;
            let raft = &self.lives[at].raft;
            let checked = self.properties.said(&message, is, raft, &self.servers);
            self.must(checked);
        }
    }

    /// A server's pump orders something from one of its lanes.
    pub(crate) fn ordered(&mut self, at: usize, order: &dyn Any) {
        let host = self.servers[at].host.0.into();
        let checked = if let Some(LogOrder::Write(write)) = order.downcast_ref() {
            self.happened(host, write);
            self.writes(at, write)
        } else if let Some(LogOrder::Read { reader, .. }) = order.downcast_ref() {
            let point = match reader {
                LogReader::Peer(_) => Point::ReadBackForPeer,
                LogReader::StateMachine => Point::ReadBackForStateMachine,
            };
            self.report.reached.note(point);
            Ok(())
        } else if let Some(ApplyOrder::Apply { entries, .. }) = order.downcast_ref() {
            self.happened(host, entries);
            self.commits(at, entries)
        } else if let Some(ApplyOrder::Lead(since)) = order.downcast_ref() {
            self.happened(host, if since.is_some() { "leads" } else { "follows" });
            self.leads(at, since.is_some())
        } else {
            Ok(())
        };
        self.must(checked);
    }

    /// A lane of a server is done with this.
    pub(crate) fn was_done(&mut self, at: usize, done: &[Input]) {
        let checked = self.take_in(at, done);
        self.must(checked);
    }

    fn take_in(&mut self, at: usize, done: &[Input]) -> Checked {
        self.subject.holds()?;
        let server = &mut self.servers[at];
        self.hearing.take_in(done, &mut server.has_failed, &mut self.report.reached)?;
        for input in done {
            match input {
                Input::Persisted(ticket) => {
                    let server = &mut self.servers[at];
                    let truncated = server.ledger.sync_until(*ticket);
                    let host = server.host.0.into();
                    self.happened(host, &Persisted(ticket.0));
                    self.survey(at)?;
                    if truncated {
                        self.properties.still_durable(&self.servers)?;
                    }
                }
                Input::DiskFull(_) => self.report.reached.note(Point::DiskFull),
                _ => {}
            }
        }
        Ok(())
    }

    fn writes(&mut self, at: usize, write: &Write) -> Checked {
        let server = &mut self.servers[at];
        let was = server.seen();
        let hard_state = write.hard_state.unwrap_or(was.hard_state);
        let role = if hard_state.term == was.term() { was.role } else { RoleKind::Follower };
        let is = Glance { role, hard_state, ..was };
        self.properties.writes(write, was, is, &server.ledger)?;
        if server.ledger.write(write.clone())? {
            self.report.reached.note(Point::LogTruncated);
        }
        if let Some(append) = &write.append {
            self.properties.wrote(&append.entries, server.ledger.written())?;
        }
        self.stepped(at, was)
    }

    /// What is applied is in the log, and committed.
    fn commits(&mut self, at: usize, entries: &Entries) -> Checked {
        let server = &mut self.servers[at];
        let was = server.seen();
        let written = server.ledger.written();
        for entry in entries.iter() {
            let logged = written.entry(entry.id.index);
            hold(logged == Some(entry), Property::StateMachineSafety, || {
                format!("{:?} applies {:?}, its log has {logged:?}", server.id, entry.id)
            })?;
        }
        let last = entries.iter().last().map_or(server.commit, |entry| entry.id.index);
        let follows =
            entries.iter().next().is_none_or(|first| first.id.index == server.commit.next());
        hold(follows, Property::StateMachineSafety, || {
            format!("{:?} applies up to {last:?} after {:?}", server.id, server.commit)
        })?;
        server.commit = last;
        let next = server.ledger.written().term(was.commit.next());
        if was.leads() && next.is_some_and(|term| term < was.term()) {
            self.report.reached.note(Point::CommittedIndirectly);
        }
        self.hearing.commit(entries);
        self.stepped(at, was)
    }

    fn leads(&mut self, at: usize, leads: bool) -> Checked {
        let server = &mut self.servers[at];
        let was = server.seen();
        let term: Term = was.term();
        server.leads_in = leads.then_some(term);
        self.stepped(at, was)
    }

    fn stepped(&mut self, at: usize, was: Glance) -> Checked {
        let is = self.servers[at].seen();
        let mut others = self.servers.iter().filter_map(Witness::glance);
        if is.leads() && others.any(|other| other.leads() && other.term() != is.term()) {
            self.report.reached.note(Point::TwoLeaders);
        }
        self.properties.stepped(at, was, is, &self.servers)
    }
}

#[derive(Debug)]
struct Persisted(u64);

impl Feed for Persisted {
    fn feed(&self, digest: &mut Digest) {
        digest.word(self.0);
    }
}
