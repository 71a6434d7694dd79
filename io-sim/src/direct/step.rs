//! One step of one server: what has happened goes in, orders are carried out, everything is checked.

use bytes::BytesMut;
use quorate_core::node::{Idle, Input, LogOrder, Note, Output, Outputs};
use quorate_core::wire::{Decoder, MAGIC, Service};
use quorate_core::{Message, RoleKind, Write};
use quorate_sm::{ApplyLane, ApplyOrder};

use super::server::host_at;
use super::world::{Awake, Body, Happening, World};
use crate::judge::{Checked, Glance, Property, Violation, hold};
use crate::net::{Down, End, NetEvent};

/// How long a lane waits for more work before it uses the moment for what can wait.
const IDLE_AFTER_NS: u64 = 5_000_000;

impl World<'_> {
    pub(crate) fn deliver_to_server(&mut self, at: usize, end: End, event: NetEvent) {
        let Some(process) = &mut self.servers[at].process else { return };
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
        let Some(process) = &mut server.process else { return Ok(()) };
        let number = server.host.0.into();
        for input in &process.inputs {
            self.report.events += 1;
            self.trace.happened(self.now, number, input);
        }
        let was = process.glance();
        let mut out = Outputs::default();
        process.step(now, &mut out);
        process.watch.check(process.node.raft()).map_err(|broken| Violation {
            property: Property::InvariantsHold,
            evidence: format!("n{number}: {broken}"),
        })?;
        if now >= process.look_at {
            process.look_at = now.after(core::time::Duration::from_secs(1));
            process.apply.order(ApplyOrder::Look(now));
        }
        let is = process.glance();
        let outputs: Vec<_> = out.drain().collect();
        for output in &outputs {
            self.trace.happened(self.now, number, output);
            if let Output::Write(write) = output {
                self.write(at, write, was, is)?;
            }
        }
        self.properties.stepped(at, was, is, &self.servers)?;
        if was.role != is.role {
            self.trace.line(self.now, number, || format!("  = {is:?}"));
        }
        for output in &outputs {
            if let Output::Send(_, bytes) = output {
                self.overhear(at, bytes, is)?;
            }
        }
        outputs.into_iter().try_for_each(|output| self.carry_out(at, output))?;
        self.work_log(at)?;
        self.work_apply(at);
        Ok(())
    }

    /// What servers say to one another must be true, and rest on what is durable.
    fn overhear(&mut self, at: usize, bytes: &[u8], is: Glance) -> Checked {
        let mut bytes = BytesMut::from(bytes.strip_prefix(&MAGIC).unwrap_or(bytes));
        let decoder = Decoder::new(u32::MAX);
        while let Some(frame) = decoder.decode(&mut bytes).expect("a server speaks in frames") {
            if frame.service == Service::Raft {
                let message = Message::decode(&frame).expect("a server speaks sense");
                let raft = &self.lives[at].raft;
                self.properties.said(&message, is, raft, &self.servers)?;
                self.report.messages += 1;
            }
        }
        Ok(())
    }

    fn write(&mut self, at: usize, write: &Write, was: Glance, is: Glance) -> Checked {
        let server = &mut self.servers[at];
        self.properties.writes(write, was, is, &server.ledger)?;
        server.ledger.write(write.clone())?;
        if let Some(append) = &write.append {
            self.properties.wrote(&append.entries, server.ledger.written())?;
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
            Output::Write(write) => process.log.order(LogOrder::Write(write)),
            Output::ReadLog { reader, first, bytes_max } => {
                process.log.order(LogOrder::Read { reader, first, bytes_max });
            }
            Output::Apply { entries, answers } => {
                process.apply.order(ApplyOrder::Apply { entries, answers });
            }
            Output::Query { id, index, query } => {
                process.apply.order(ApplyOrder::Query { id, index, query });
            }
            Output::Respond { id, .. } => {
                let is_nobodys = id == ApplyLane::NOBODY;
                assert!(is_nobodys, "nobody in this process asks: {id}");
            }
            Output::Note(Note::RoleChanged(change)) => {
                let leads = change.role == RoleKind::Leader;
                let now = server.clock.read(self.now);
                process.apply.order(ApplyOrder::Lead(leads.then_some(now)));
            }
            Output::Note(_) | Output::Stopped => {}
            Output::DiskFailed(why) => {
                self.trace.line(self.now, server.host.0.into(), || format!("disk failed: {why}"));
                self.report.disk_failures += 1;
                self.take_down(at, Down::Kill)?;
                self.plan_restart(at);
            }
            Output::Halted(violation) => {
                return hold(false, Property::ServersRun, || {
                    format!("{:?} halts: {violation}", server.id)
                });
            }
        }
        Ok(())
    }

    /// The lane of the log does what has queued up; nobody hears of it before it is finished.
    fn work_log(&mut self, at: usize) -> Checked {
        let body = self.body(at);
        let server = &mut self.servers[at];
        let Some(process) = &mut server.process else { return Ok(()) };
        server.drive.begin(self.now);
        let Some(done) = process.log.work() else { return Ok(()) };
        if server.drive.is_dead() {
            return self.died(at);
        }
        let end = server.drive.end();
        self.queue.plan(end.max(self.now), Happening::LogDone(body, done));
        Ok(())
    }

    /// The process died in an operation of its disk.
    pub(crate) fn died(&mut self, at: usize) -> Checked {
        let death = self.servers[at].drive.death().expect("it died");
        self.report.torn += 1;
        let how = match death.mode {
            crate::disk::DeathMode::Kill => Down::Kill,
            crate::disk::DeathMode::PowerLoss => Down::PowerLoss,
        };
        self.take_down(at, how)?;
        self.plan_restart(at);
        Ok(())
    }

    pub(crate) fn log_done(&mut self, body: Body, inputs: Vec<Input>) -> Checked {
        match self.is_awake(body) {
            Awake::Never => return Ok(()),
            Awake::At(later) => {
                self.queue.plan(later, Happening::LogDone(body, inputs));
                return Ok(());
            }
            Awake::Now => {}
        }
        let server = &mut self.servers[body.at];
        let process = server.process.as_mut().expect("it is awake");
        process.log.rest();
        let mut truncated = false;
        for input in &inputs {
            if let Input::Persisted(ticket) = input {
                truncated |= server.ledger.sync_until(*ticket);
            }
        }
        let is_idle = inputs.is_empty();
        process.inputs.extend(inputs);
        if truncated {
            self.properties.still_durable(&self.servers)?;
        }
        if !is_idle {
            self.stir(body.at);
            self.plan_idle(body);
        }
        self.work_log(body.at)
    }

    fn plan_idle(&mut self, body: Body) {
        if let Some(process) = &self.servers[body.at].process {
            let since = process.log.steps();
            self.queue.plan(self.now + IDLE_AFTER_NS, Happening::LogIdle(body, since));
        }
    }

    /// The lane of the log uses an idle moment for what can wait.
    pub(crate) fn log_idle(&mut self, body: Body, since: u64) -> Checked {
        let Awake::Now = self.is_awake(body) else { return Ok(()) };
        let server = &mut self.servers[body.at];
        server.drive.begin(self.now);
        let process = server.process.as_mut().expect("it is awake");
        let Some((done, idle)) = process.log.idle(since) else { return Ok(()) };
        if server.drive.is_dead() {
            return self.died(body.at);
        }
        let end = server.drive.end().max(self.now);
        self.queue.plan(end, Happening::LogDone(body, done));
        if idle == Idle::More {
            self.queue.plan(end + 1, Happening::LogIdle(body, since));
        }
        Ok(())
    }

    fn work_apply(&mut self, at: usize) {
        let body = self.body(at);
        let Some(process) = &mut self.servers[at].process else { return };
        let Some(done) = process.apply.work() else { return };
        let wait = self.server_rng.below(self.options.apply_max_ns + 1);
        self.queue.plan(self.now + wait, Happening::ApplyDone(body, done));
    }

    pub(crate) fn apply_done(&mut self, body: Body, inputs: Vec<Input>) -> Checked {
        match self.is_awake(body) {
            Awake::Never => return Ok(()),
            Awake::At(later) => {
                self.queue.plan(later, Happening::ApplyDone(body, inputs));
                return Ok(());
            }
            Awake::Now => {}
        }
        let process = self.servers[body.at].process.as_mut().expect("it is awake");
        process.apply.rest();
        if !inputs.is_empty() {
            process.inputs.extend(inputs);
            self.stir(body.at);
        }
        self.work_apply(body.at);
        Ok(())
    }
}
