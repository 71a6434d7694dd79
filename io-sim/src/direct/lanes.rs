//! The lanes of a server: what they do, and when anybody hears of it.
//!
//! The order of things is that of the threads of production: what a step came to is told before
//! the lane tidies up after it, and a moment in which nothing comes is used for what can wait.

use quorate_core::node::{Idle, Input, LogOrder, LogReader};
use quorate_sm::ApplyOrder;

use super::world::{Body, Happening, World};
use crate::judge::{Checked, Point};

/// How long a lane waits for more work before it uses the moment for what can wait.
const IDLE_AFTER_NS: u64 = 5_000_000;

impl World<'_> {
    pub(crate) fn order_log(&mut self, at: usize, order: LogOrder) -> Checked {
        let Some(process) = &mut self.servers[at].process else { return Ok(()) };
        let done = process.log.order(order);
        self.take_in(self.body(at), done)
    }

    pub(crate) fn order_apply(&mut self, at: usize, order: ApplyOrder) -> Checked {
        let Some(process) = &mut self.servers[at].process else { return Ok(()) };
        let done = process.apply.order(order);
        if !done.is_empty() {
            self.report.reached.note(Point::DoneAtOnce);
        }
        self.take_in(self.body(at), done)
    }

    /// The lane of the log does what has queued up; nobody hears of it before it is finished.
    pub(crate) fn work_log(&mut self, at: usize) {
        let body = self.body(at);
        let server = &mut self.servers[at];
        let Some(process) = &mut server.process else { return };
        server.drive.begin(self.now);
        let Some(done) = process.log.step() else { return };
        let end = server.drive.end();
        self.tell_disk(at, end, &done);
        self.plan_disk(body, |body| Happening::LogStepped(body, done));
    }

    /// The disk is done with the orders: that is told, and then the lane tidies up.
    pub(crate) fn log_stepped(&mut self, body: Body, done: Vec<Input>) -> Checked {
        let done = self.hold_back(body, done);
        self.take_in(body, done)?;
        let server = &mut self.servers[body.at];
        server.drive.begin(self.now);
        let process = server.process.as_mut().expect("it is awake");
        let done = process.log.after_step();
        self.plan_disk(body, |body| Happening::LogRested(body, done, Idle::More));
        Ok(())
    }

    /// No effect has to wait for another: a driver may take its time to hand over what was read for
    /// a peer, while what was written since is told. Returns the rest.
    fn hold_back(&mut self, body: Body, done: Vec<Input>) -> Vec<Input> {
        if self.options.read_back_max_ns == 0 {
            return done;
        }
        let is_read = |input: &Input| matches!(input, Input::LogRead(LogReader::Peer(_), Ok(_)));
        let (reads, done): (Vec<_>, Vec<_>) = done.into_iter().partition(is_read);
        for read in reads {
            let wait = self.server_rng.below(self.options.read_back_max_ns);
            self.queue.plan(self.now + wait, Happening::ReadBack(body, vec![read]));
        }
        done
    }

    /// The lane of the log is free again; it may have something that can wait.
    pub(crate) fn log_rested(&mut self, body: Body, done: Vec<Input>, idle: Idle) -> Checked {
        let process = self.servers[body.at].process.as_mut().expect("it is awake");
        process.log.rest();
        self.take_in(body, done)?;
        self.work_log(body.at);
        if idle == Idle::More {
            self.plan_idle(body.at);
        }
        self.finish_if_done(body.at)
    }

    pub(crate) fn plan_idle(&mut self, at: usize) {
        let body = self.body(at);
        if let Some(process) = &self.servers[at].process
            && process.log.is_free()
        {
            let since = process.log.steps();
            self.queue.plan(self.now + IDLE_AFTER_NS, Happening::LogIdle(body, since));
        }
    }

    /// Nothing came for a while, unless something did.
    pub(crate) fn log_idle(&mut self, body: Body, since: u64) {
        let server = &mut self.servers[body.at];
        server.drive.begin(self.now);
        let process = server.process.as_mut().expect("it is awake");
        let Some((done, idle)) = process.log.idle(since) else { return };
        let end = server.drive.end();
        self.tell_disk(body.at, end, &done);
        self.report.reached.note(Point::IdleUsed);
        self.plan_disk(body, |body| Happening::LogRested(body, done, idle));
    }

    /// The disk has something to do, and this follows; unless the process dies over it.
    pub(crate) fn plan_disk(&mut self, body: Body, what: impl FnOnce(Body) -> Happening) {
        let drive = &self.servers[body.at].drive;
        match drive.death() {
            Some(death) => self.queue.plan(death.at.max(self.now), Happening::Die(body)),
            None => self.queue.plan(drive.end().max(self.now), what(body)),
        }
    }

    /// The process dies in an operation of its disk.
    pub(crate) fn die(&mut self, body: Body) -> Checked {
        let server = &mut self.servers[body.at];
        let Some(death) = server.drive.death().filter(|_| server.lives == body.life) else {
            return Ok(());
        };
        self.report.torn += 1;
        self.take_down(body.at, death.mode.into())?;
        self.plan_restart(body.at);
        Ok(())
    }

    /// The lane of the state machine does what has queued up.
    pub(crate) fn work_apply(&mut self, at: usize) {
        let body = self.body(at);
        let Some(process) = &mut self.servers[at].process else { return };
        let Some(mut done) = process.apply.step() else { return };
        done.extend(process.apply.after_step());
        let wait = self.server_rng.below(self.options.apply_max_ns + 1);
        self.queue.plan(self.now + wait, Happening::ApplyDone(body, done));
    }

    pub(crate) fn apply_done(&mut self, body: Body, inputs: Vec<Input>) -> Checked {
        self.servers[body.at].process.as_mut().expect("it is awake").apply.rest();
        self.tell_standing(body.at);
        self.take_in(body, inputs)?;
        self.work_apply(body.at);
        self.finish_if_done(body.at)
    }

    /// A lane tells the node what came of its work.
    pub(crate) fn take_in(&mut self, body: Body, done: Vec<Input>) -> Checked {
        if done.is_empty() {
            return Ok(());
        }
        self.subject.holds()?;
        let server = &mut self.servers[body.at];
        let process = server.process.as_mut().expect("it is awake");
        self.hearing.take_in(&done, &mut process.has_failed, &mut self.report.reached)?;
        let mut truncated = false;
        for input in &done {
            if let Input::Persisted(ticket) = input {
                truncated |= server.ledger.sync_until(*ticket);
            }
        }
        if !process.is_over {
            process.inputs.extend(done);
            self.stir(body.at);
        }
        if truncated {
            self.properties.still_durable(&self.servers)?;
        }
        Ok(())
    }
}
