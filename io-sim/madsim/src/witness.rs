//! What is seen of a server while it runs: each step of its node, what the node thinks of itself
//! before and after, the orders it gives, what comes of them, and what it says to others.

use quorate_core::invariants::Watch;
use quorate_core::node::{Input, Node, Output};
use quorate_core::{NodeId, RoleKind, Rpc, Term, Write};
use quorate_io_sim::engine::{
    Checked, Digest, DiskUse, Feed, Given, Glance, Ledger, Point, Property, Violation, Witness,
    frames, is_silent_after_failure, message,
};
use quorate_io_sim::net::End;

use crate::nemesis::Happening;
use crate::server::Server;
use crate::world::Sim;

/// What is known of the process of a server, from the steps of its node.
pub(crate) struct Mind {
    /// How it stands after its last step.
    pub(crate) is: Glance,
    /// Whom it takes for the leader.
    pub(crate) leader: Option<NodeId>,
    /// Messages to peers that are not acknowledged.
    pub(crate) inflight: usize,
    watch: Watch,
    /// What its state machine was told to apply.
    given: Given,
    /// It is being told that its disk failed.
    fails: bool,
}

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

impl Mind {
    fn new(node: &Node, given: Given) -> Self {
        Self {
            is: Glance::of(node.raft().status()),
            leader: None,
            inflight: 0,
            watch: Watch::new(node.raft()),
            given,
            fails: false,
        }
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
        self.mind.as_ref().map(|mind| mind.is)
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
            let Some(Mind { is, .. }) = self.servers[at].mind else { return };
            let is_answer = matches!(message.rpc, Rpc::AppendEntriesReply(_));
            if is_answer && message.term < is.term() {
                self.report.belated += 1;
                continue;
            }
            self.report.messages += 1;
            let raft = &self.lives[at].raft;
            let checked = self.properties.said(&message, is, raft, &self.servers);
            self.must(checked);
            if let Rpc::PreVote(ask) = message.rpc
                && self.is_led(message.to, ask.next_term)
            {
                self.report.reached.note(Point::DisloyaltyAsked);
            }
        }
    }

    /// Does this server follow a leader in the term before?
    fn is_led(&self, id: NodeId, term: Term) -> bool {
        let mut servers = self.servers.iter().filter(|server| server.id == id);
        let mind = servers.find_map(|server| server.mind.as_ref());
        mind.is_some_and(|mind| mind.leader.is_some() && mind.is.term() < term)
    }

    /// A node is about to take in what has happened to it.
    pub(crate) fn steps(&mut self, at: usize, node: &Node, inputs: &[Input]) {
        self.report.events += inputs.len() as u64;
        if self.servers[at].mind.is_none() {
            let given = self.properties.restored(node.raft().status().snapshot);
            match given {
                Ok(given) => self.servers[at].mind = Some(Mind::new(node, given)),
                Err(violation) => return self.must(Err(violation)),
            }
        }
        let mind = self.servers[at].mind.as_mut().expect("made on the lines before");
        mind.fails = inputs.iter().any(|input| matches!(input, Input::DiskFailed(_)));
    }

    /// It has done so, and these are its orders.
    pub(crate) fn stepped(&mut self, at: usize, node: &Node, outputs: &[Output]) {
        let checked = self.judge_step(at, node, outputs);
        self.must(checked);
    }

    fn judge_step(&mut self, at: usize, node: &Node, outputs: &[Output]) -> Checked {
        let host = self.servers[at].host.0.into();
        let raft = node.raft();
        let is = Glance::of(raft.status());
        let lost = self.servers.iter().filter(|server| server.is_lost());
        let lost: Vec<_> = lost.map(|server| server.id).collect();
        let mind = self.servers[at].mind.as_mut().expect("it was about to step");
        mind.watch.check(raft).map_err(|broken| Violation {
            property: Property::InvariantsHold,
            evidence: format!("n{host}: {broken}"),
        })?;
        let was = std::mem::replace(&mut mind.is, is);
        mind.leader = raft.status().leader;
        // Who is lost never answers.
        let peers = raft.status().peers.iter().filter(|peer| !lost.contains(&peer.id()));
        mind.inflight = peers.map(|peer| peer.inflight_messages()).sum();
        is_silent_after_failure(mind.fails, outputs)?;
        for output in outputs {
            // What is sent is told when it arrives.
            if !matches!(output, Output::Send(..)) {
                self.happened(host, output);
            }
            Point::shown_by(output).into_iter().for_each(|point| self.report.reached.note(point));
            if let Output::Write(write) = output {
                self.writes(at, write, was, is)?;
            }
        }
        self.properties.stepped(at, was, is, &self.servers)?;
        let reached = &mut self.report.reached;
        self.properties.watch_leader(at, (was, is), raft, &self.servers, reached)?;
        for output in outputs {
            let server = &mut self.servers[at];
            let mind = server.mind.as_mut().expect("it has just stepped");
            match output {
                Output::Apply { entries, .. } => {
                    self.properties.gives(&mut mind.given, entries, is.commit)?;
                    self.hearing.commit(entries);
                }
                Output::Restore { snapshot, .. } => {
                    mind.given = self.properties.restored(*snapshot)?;
                }
                Output::WriteSnapshot { bytes, .. } => {
                    server.written_bytes += DiskUse::of_snapshot(bytes.len());
                }
                Output::Compact { index, .. } => server.ledger.compact(*index),
                _ => {}
            }
        }
        let stands = is.role == RoleKind::Candidate && was.role != RoleKind::Candidate;
        if stands && !self.ambushes.is_empty() {
            // Not before it has said so: its orders are about to be carried out.
            let life = self.servers[at].life;
            self.queue.plan(self.now, Happening::Spring { at, life });
        }
        Ok(())
    }

    fn writes(&mut self, at: usize, write: &Write, was: Glance, is: Glance) -> Checked {
        let written = self.servers[at].ledger.written();
        let write = &self.properties.spelled_out(write.clone(), was, written, &self.servers)?;
        let server = &mut self.servers[at];
        self.properties.writes(write, was, is, &server.ledger)?;
        if server.ledger.write(write.clone())? {
            self.report.reached.note(Point::LogTruncated);
        }
        server.written_bytes += DiskUse::of(write);
        if let Some(append) = &write.append {
            self.properties.wrote(&append.entries, server.ledger.written())?;
        }
        Ok(())
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
            let Input::Persisted(ticket) = input else { continue };
            let server = &mut self.servers[at];
            let truncated = server.ledger.sync_until(*ticket);
            let host = server.host.0.into();
            self.happened(host, &Persisted(ticket.0));
            self.survey(at)?;
            if truncated {
                self.properties.still_durable(&self.servers)?;
            }
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Persisted(u64);

impl Feed for Persisted {
    fn feed(&self, digest: &mut Digest) {
        digest.word(self.0);
    }
}
