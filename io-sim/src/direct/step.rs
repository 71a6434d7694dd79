//! One step of one server: what has happened goes in, orders are carried out, everything is checked.

use bytes::BytesMut;
use quorate_core::node::{Called, ConnectionId, Input, LogOrder, Output};
use quorate_core::{NodeId, RoleKind, Rpc, Term, Write};
use quorate_sm::{ApplyLane, ApplyOrder};

use super::files::DiskUse;
use super::stop::OPERATOR;
use super::world::World;
use crate::boot::host_at;
use crate::hearing::{frames, message};
use crate::judge::{Checked, Glance, Point, Property, Violation, hold, is_silent_after_failure};
use crate::net::{Down, End, NetEvent};

impl World<'_> {
    pub(crate) fn deliver_to_server(&mut self, at: usize, end: End, event: NetEvent) {
        let Some(process) = &mut self.servers[at].process else { return };
        if process.is_over {
            return;
        }
        let input = match event {
            NetEvent::Accepted(_) => Input::Accepted(process.accept(end)),
            event => {
                let Some(name) = process.wires.name(end) else { return };
                match event {
                    NetEvent::Opened => Input::Opened(name),
                    NetEvent::Bytes(bytes) => Input::Received(name, (&bytes[..]).into()),
                    NetEvent::Room(bytes) => Input::Sent(name, bytes),
                    NetEvent::Failed(_) => {
                        process.wires.part(name);
                        Input::Closed(name)
                    }
                    NetEvent::Ended(_) => {
                        process.wires.part(name);
                        self.net.close(self.now, end);
                        Input::Closed(name)
                    }
                    NetEvent::Accepted(_) => return,
                }
            }
        };
        process.inputs.push(input);
        self.stir(at);
    }

    /// The server takes in what has happened.
    pub(crate) fn step(&mut self, at: usize) -> Checked {
        let server = &mut self.servers[at];
        let now = server.clock.read(self.now);
        let Some(process) = server.process.as_mut().filter(|process| !process.is_over) else {
            return Ok(());
        };
        let number = server.host.0.into();
        let mut fails = false;
        for input in &process.inputs {
            self.report.events += 1;
            self.trace.happened(self.now, number, input);
            fails |= matches!(input, Input::DiskFailed(_));
        }
        let was = process.glance();
        let mut out = std::mem::take(&mut self.outputs);
        process.step(now, &mut out);
        process.watch.check(process.node.raft()).map_err(|broken| Violation {
            property: Property::InvariantsHold,
            evidence: format!("n{number}: {broken}"),
        })?;
        let is = process.glance();
        self.tell_standing(at);
        for output in out.as_slice() {
            self.trace.happened(self.now, number, output);
            Point::shown_by(output).into_iter().for_each(|point| self.reach(point));
            if let Output::Write(write) = output {
                self.write(at, write, was, is)?;
            }
        }
        self.properties.stepped(at, was, is, &self.servers)?;
        let process = self.servers[at].process.as_ref().expect("it has just stepped");
        let (raft, reached) = (process.node.raft(), &mut self.report.reached);
        self.properties.watch_leader(at, (was, is), raft, &self.servers, reached)?;
        is_silent_after_failure(fails, out.as_slice())?;
        if was.role != is.role {
            self.trace.line(self.now, number, || format!("  = {is:?}"));
        }
        for output in out.as_slice() {
            if let Output::Send(name, bytes) = output {
                self.tell_sent(at, *name, bytes);
                self.overhear(at, *name, bytes, is)?;
            }
        }
        out.drain().try_for_each(|output| self.carry_out(at, output))?;
        self.outputs = out;
        self.work_log(at);
        self.work_apply(at);
        let stands = is.role == RoleKind::Candidate && was.role != RoleKind::Candidate;
        if stands { self.spring(at) } else { Ok(()) }
    }

    /// What servers say to one another must be true, and rest on what is durable.
    fn overhear(&mut self, at: usize, name: ConnectionId, bytes: &[u8], is: Glance) -> Checked {
        let process = self.servers[at].process.as_ref();
        let end = process.and_then(|process| process.wires.end(name));
        for frame in frames(&mut BytesMut::from(bytes)) {
            let says = self.servers[at].id;
            self.names.hear(says, &frame)?;
            let void = end.and_then(|end| self.requests.hear(end.connection, &frame));
            self.properties.is_void(void.unwrap_or_default(), says, &self.servers)?;
            let Some(message) = message(&frame) else { continue };
            self.properties.said(&message, is, &self.lives[at].raft, &self.servers)?;
            self.report.messages += 1;
            if let Rpc::PreVote(ask) = message.rpc
                && self.is_led(message.to, ask.next_term)
            {
                self.reach(Point::DisloyaltyAsked);
            }
        }
        Ok(())
    }

    /// Does this server follow a leader in the term before?
    fn is_led(&self, id: NodeId, term: Term) -> bool {
        let server = self.servers.iter().find(|server| server.id == id);
        let process = server.and_then(|server| server.process.as_ref());
        process.is_some_and(|process| {
            let status = process.node.raft().status();
            status.leader.is_some() && status.hard_state.term < term
        })
    }

    fn write(&mut self, at: usize, write: &Write, was: Glance, is: Glance) -> Checked {
        let written = self.servers[at].ledger.written();
        let write = &self.properties.spelled_out(write.clone(), was, written, &self.servers)?;
        let server = &mut self.servers[at];
        self.properties.writes(write, was, is, &server.ledger)?;
        if server.ledger.write(write.clone())? {
            self.report.reached.note(Point::LogTruncated);
        }
        server.written_bytes += DiskUse::of(write);
        if let Some(append) = &write.append {
            let new = self.properties.wrote(&append.entries, server.ledger.written())?;
            new.into_iter().for_each(|entry| self.requests.wrote(server.id, entry));
        }
        Ok(())
    }

    fn carry_out(&mut self, at: usize, output: Output) -> Checked {
        let server = &mut self.servers[at];
        let Some(process) = &mut server.process else { return Ok(()) };
        match output {
            Output::Dial(name, address) => {
                let end = self.net.connect(self.now, server.host, host_at(address.as_str()));
                process.wires.join(name, end);
                self.tell_connected(end, at, address.as_str());
            }
            Output::Send(name, bytes) => {
                let Some(end) = process.wires.end(name) else { return Ok(()) };
                let left = self.net.send(self.now, end, bytes);
                if left > 0 {
                    process.inputs.push(Input::Sent(name, left));
                }
            }
            Output::Close(name) => {
                if let Some(end) = process.wires.part(name) {
                    self.net.close(self.now, end);
                }
            }
            Output::Write(write) => self.order_log(at, LogOrder::Write(write))?,
            Output::ReadLog { reader, first, bytes_max } => {
                self.order_log(at, LogOrder::Read { reader, first, bytes_max })?;
            }
            Output::Apply { entries, answers } => {
                let commit = process.glance().commit;
                self.properties.gives(&mut process.given, &entries, commit)?;
                self.hearing.commit(&entries);
                self.order_apply(at, ApplyOrder::Apply { entries, answers })?;
            }
            Output::Capture(index) => self.order_apply(at, ApplyOrder::Capture(index))?,
            Output::CaptureMore => self.order_apply(at, ApplyOrder::CaptureMore)?,
            Output::CaptureEnd => self.order_apply(at, ApplyOrder::CaptureEnd)?,
            Output::Restore { snapshot, bytes } => {
                process.given = self.properties.restored(snapshot)?;
                self.order_apply(at, ApplyOrder::Restore { snapshot, bytes })?;
            }
            Output::WriteSnapshot { slot, snapshot, offset, bytes } => {
                server.written_bytes += DiskUse::of_snapshot(bytes.len());
                self.order_log(at, LogOrder::WriteSnapshot { slot, snapshot, offset, bytes })?;
            }
            Output::ReadSnapshot { reader, snapshot, offset, bytes_max } => {
                self.order_log(at, LogOrder::ReadSnapshot { reader, snapshot, offset, bytes_max })?;
            }
            Output::Compact { index, newest, kept } => {
                server.ledger.compact(index);
                self.order_log(at, LogOrder::Compact { index, newest, kept })?;
            }
            Output::Query { id, index, query } => {
                self.order_apply(at, ApplyOrder::Query { id, index, query })?;
            }
            Output::Watch { id, watch } => {
                self.order_apply(at, ApplyOrder::Watch { id, watch })?;
            }
            // A world's servers offer nothing beside the log.
            Output::Call { id, .. } => {
                process.inputs.push(Input::Called { id, called: Called::NotOffered });
            }
            Output::Forget(id) => self.order_apply(at, ApplyOrder::Forget(id))?,
            Output::Tend { now, reign } => {
                self.order_apply(at, ApplyOrder::Tend { now, reign })?;
            }
            Output::Respond { id, .. } => {
                let is_expected = [ApplyLane::NOBODY, OPERATOR].contains(&id);
                assert!(is_expected, "nobody in this process asks: {id}");
            }
            Output::Note(_) => {}
            Output::Stopped => self.stopped(at)?,
            Output::DiskFailed(why) => {
                self.trace.line(self.now, server.host.0.into(), || format!("disk failed: {why}"));
                self.tell_noted(at, || format!("the disk failed: {why}"));
                self.report.disk_failures += 1;
                self.take_down(at, Down::Kill)?;
                self.plan_restart(at);
            }
            Output::Halted(violation) => {
                return hold(false, Property::ServersRun, || {
                    format!("{:?} halts: {violation}", server.id)
                });
            }
            Output::Unfit(why) => {
                return hold(false, Property::ServersRun, || format!("{:?}: {why}", server.id));
            }
            Output::Disowned { by, why } => {
                return hold(false, Property::ServersRun, || {
                    format!("{:?} is disowned by {by:?}: {why}", server.id)
                });
            }
        }
        Ok(())
    }
}
