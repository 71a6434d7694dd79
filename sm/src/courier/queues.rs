//! Calls that wait: for a number, for a server, for their next attempt; and those that wait no
//! longer.

use alloc::vec::Vec;

use quorate_core::Instant;
use quorate_core::wire::{ClientMessage, NotApplied, Request, RequestBody};

use super::call::Ask;
use super::error::{CallError, Reason};
use super::routes::ServerAt;
use super::{Courier, Order, Owner};

impl<T> Courier<T> {
    /// Does a call wait for a server, or where none is used any more?
    pub(super) fn is_wanted(&self) -> bool {
        let is_left_behind = self.routes.current().is_none() && !self.watches.is_empty();
        is_left_behind || !self.ready.is_empty() || !self.fresh.is_empty()
    }

    pub(super) fn enqueue(&mut self, id: u64) {
        let Some(held) = self.calls.get_mut(id) else { return };
        if let Some(at) = held.to {
            self.routes.get_mut(at).waiting.push(id);
        } else if matches!(held.call.ask, Ask::Command(..)) && held.call.stamp.is_none() {
            self.fresh.push_back(id);
        } else {
            self.ready.push_back(id);
        }
    }

    /// Tries again after a while, the longer the more often it was tried.
    pub(super) fn retry(&mut self, id: u64) {
        let Some(held) = self.calls.get_mut(id) else { return };
        let pause = self.config.retry_min.saturating_mul(1 << held.call.attempts.min(16));
        held.call.attempts += 1;
        let pause = self.chance.jittered(pause.min(self.config.retry_max));
        self.later.insert((self.now.after(pause), id));
    }

    /// Takes up the calls whose wait is over.
    pub(super) fn wake(&mut self) {
        while let Some(&(at, id)) = self.later.first()
            && at <= self.now
        {
            self.later.pop_first();
            self.enqueue(id);
        }
    }

    /// Ends the calls whose time is up.
    pub(super) fn end_late(&mut self, orders: &mut Vec<Order<T>>) {
        if self.now < self.late_at {
            return;
        }
        let late = self.calls.iter().filter(|entry| entry.1.call.deadline <= self.now);
        let late: Vec<_> = late.map(|entry| entry.0).collect();
        for id in late {
            self.end_late_one(id, orders);
        }
        let deadlines = self.calls.iter().map(|entry| entry.1.call.deadline);
        self.late_at = deadlines.min().unwrap_or(Instant(u64::MAX));
        // What was over before its turn came need not be kept.
        let calls = &mut self.calls;
        self.fresh.retain(|&id| calls.get_mut(id).is_some());
        self.ready.retain(|&id| calls.get_mut(id).is_some());
        self.later.retain(|entry| calls.get_mut(entry.1).is_some());
    }

    fn end_late_one(&mut self, id: u64, orders: &mut Vec<Order<T>>) {
        let is_reachable = self.routes.current().is_some();
        let Some(held) = self.calls.get_mut(id) else { return };
        let sent_to = held.sent_to.take();
        if sent_to.is_none() && held.call.attempts == 0 {
            held.call.is_held_up_by(match is_reachable {
                false => Reason::Unreachable,
                true if !self.session.is_open() => Reason::NoSession,
                true => Reason::Timeout,
            });
        }
        let why = held.call.handle_deadline(sent_to.is_some());
        if let Some(at) = sent_to
            && let Some(link) = &mut self.routes.get_mut(at).link
        {
            link.forget_one();
        }
        self.end(id, Err(why), orders);
    }

    /// Ends what nobody is going to take.
    pub(super) fn give_up(&mut self, why: &Reason, orders: &mut Vec<Order<T>>) {
        let queued = self.calls.iter().filter(|entry| entry.1.sent_to.is_none());
        let queued: Vec<_> = queued.map(|entry| entry.0).collect();
        for id in queued {
            let Some(held) = self.calls.get_mut(id) else { continue };
            held.call.is_held_up_by(why.clone());
            let why = held.call.handle_deadline(false);
            self.end(id, Err(why), orders);
        }
    }

    /// Sends everything that may go out now.
    pub(super) fn send_out(&mut self, orders: &mut Vec<Order<T>>) {
        for at in self.routes.all() {
            if self.routes.get(at).is_up() && !self.routes.get(at).waiting.is_empty() {
                let waiting = core::mem::take(&mut self.routes.get_mut(at).waiting);
                waiting.into_iter().for_each(|id| self.send(id, at, orders));
            }
        }
        let Some(current) = self.routes.current() else { return };
        while let Some(id) = self.ready.pop_front() {
            if self.is_outdated(id) {
                self.fresh.push_back(id);
            } else {
                self.send(id, current, orders);
            }
        }
        self.send_fresh(current, orders);
    }

    /// Was it numbered in a session that is gone, and is it safe to number it anew?
    fn is_outdated(&mut self, id: u64) -> bool {
        let Some(held) = self.calls.get_mut(id) else { return false };
        let Some(stamp) = held.call.stamp else { return false };
        let is_outdated = Some(stamp.session) != self.session.id() && !held.call.is_in_doubt();
        if is_outdated {
            held.call.stamp = None;
        }
        is_outdated
    }

    fn send_fresh(&mut self, at: ServerAt, orders: &mut Vec<Order<T>>) {
        if self.fresh.is_empty() {
            return;
        }
        if let Some(command) = self.session.open() {
            let timeout = self.config.call_timeout;
            let id = self.hold(Ask::Repeatable(command), Owner::Opening, None, timeout);
            return self.send(id, at, orders);
        }
        while let Some(&id) = self.fresh.front() {
            if let Some(held) = self.calls.get_mut(id) {
                let Some(stamp) = self.session.begin(self.now) else { return };
                held.call.stamp = Some(stamp);
                self.send(id, at, orders);
            }
            self.fresh.pop_front();
        }
    }

    pub(super) fn send(&mut self, id: u64, at: ServerAt, orders: &mut Vec<Order<T>>) {
        let Some(held) = self.calls.get_mut(id) else { return };
        let Some(link) = &mut self.routes.get_mut(at).link else { return };
        let (bytes, bytes_max) =
            (held.call.bytes(), u64::from(link.frame_bytes_max().unwrap_or(0)));
        if bytes > bytes_max {
            held.call.is_held_up_by(NotApplied::TooLarge { bytes, bytes_max }.into());
            let why = held.call.handle_deadline(false);
            return self.end(id, Err(why), orders);
        }
        held.sent_to = Some(at);
        let request =
            ClientMessage::Request(Request { id, body: held.call.body(self.seen, self.now) });
        link.ask(self.now, self.config.group, &request);
    }

    /// A watch is taken back.
    pub(super) fn forget(&mut self, name: u64) {
        let Some(id) = self.watches.remove(&name) else { return };
        let Some(held) = self.calls.remove(id) else { return };
        if let Some(at) = held.sent_to {
            self.take_back(id, at);
        }
    }

    /// Another server is used from now on, and all watches wait there: the one before may never hear again
    /// of what happens, and they have no time limit.
    pub(super) fn bring_watches(&mut self) {
        for id in Vec::from_iter(self.watches.values().copied()) {
            let Some(held) = self.calls.get_mut(id) else { continue };
            if let Some(from) = held.sent_to.take() {
                self.take_back(id, from);
                self.enqueue(id);
            }
        }
    }

    /// A server need not answer a watch any more.
    fn take_back(&mut self, id: u64, at: ServerAt) {
        if let Some(link) = &mut self.routes.get_mut(at).link {
            link.forget_one();
            let body = RequestBody::Forget { id };
            link.tell(self.config.group, &ClientMessage::Request(Request { id: u64::MAX, body }));
        }
    }

    /// A call is over.
    pub(super) fn end(
        &mut self,
        id: u64,
        result: Result<super::Answered, CallError>,
        orders: &mut Vec<Order<T>>,
    ) {
        let Some(held) = self.calls.remove(id) else { return };
        if let Ask::Watch { name, .. } = held.call.ask {
            self.watches.remove(&name);
        }
        if let Some(stamp) = held.call.stamp {
            self.session.end(stamp);
        }
        if let Ok(answered) = &result
            && matches!(held.call.ask, Ask::Command(..) | Ask::Query(..) | Ask::Sequential(_))
        {
            self.seen = self.seen.max(answered.index);
        }
        let outcome = result.as_ref().ok().map(|answered| &answered.answer);
        match held.owner {
            Owner::Caller(token) => orders.push(Order::Answer(token, result)),
            Owner::Opening => self.session.handle_opened(self.now, outcome),
            Owner::KeepingAlive(id) => self.session.handle_kept_alive(id, outcome),
            Owner::Looking => self.handle_look(held.to, outcome, orders),
        }
    }
}
