//! What passes between callers and the network.

use bytes::{Bytes, BytesMut};
use quorate_core::wire::{ClientMessage, Frame, Request, RequestBody, Service};
use quorate_sm::courier::{Input, Order};

use super::world::World;
use crate::boot::host_at;
use crate::hearing::frames;
use crate::judge::Checked;
use crate::net::{End, NetEvent};

impl World<'_> {
    pub(crate) fn deliver_to_caller(&mut self, at: usize, end: End, event: NetEvent) -> Checked {
        let caller = &mut self.callers[at];
        let Some(name) = caller.wires.name(end) else { return Ok(()) };
        match event {
            NetEvent::Accepted(_) | NetEvent::Room(_) => return Ok(()),
            NetEvent::Opened => caller.inputs.push(Input::Opened(name)),
            NetEvent::Bytes(bytes) => {
                caller.inputs.push(Input::Received(name, (&bytes[..]).into()))
            }
            NetEvent::Failed(_) => {
                caller.wires.part(name);
                caller.inputs.push(Input::Closed(name));
            }
            NetEvent::Ended(_) => {
                caller.wires.part(name);
                self.net.close(self.now, end);
                caller.inputs.push(Input::Closed(name));
            }
        }
        self.call(at)
    }

    /// A caller takes in what has happened.
    pub(crate) fn call(&mut self, at: usize) -> Checked {
        let committed = self.committed();
        let caller = &mut self.callers[at];
        caller.step(self.now, committed, &self.options.calling, self.subject, self.trace);
        let mut orders = std::mem::take(&mut caller.orders);
        for order in orders.drain(..) {
            let caller = &mut self.callers[at];
            match order {
                Order::Dial(name, address) => {
                    let to = host_at(&address);
                    let end = self.net.connect(self.now, caller.host, to);
                    caller.wires.join(name, end);
                    let from = caller.host;
                    self.trace.see(self.now, |recorder| recorder.connected(end, from, to));
                }
                Order::Send(name, bytes) => {
                    if let Some(end) = caller.wires.end(name) {
                        self.trace.see(self.now, |recorder| recorder.sent(end, &bytes));
                        let (caller, call) = caller.call_name();
                        for frame in frames(&mut BytesMut::from(&bytes[..])) {
                            self.requests.hear(end.connection, &frame);
                            if let Some(command) = command(&frame) {
                                self.hearing.sends(caller, call, &command);
                            }
                        }
                        self.net.send(self.now, end, bytes);
                    }
                }
                Order::Close(name) => {
                    if let Some(end) = caller.wires.part(name) {
                        self.net.close(self.now, end);
                    }
                }
                Order::Answer((), answer) => {
                    self.report.calls += 1;
                    let calling = &self.options.calling;
                    let subject = &mut *self.subject;
                    let point = caller.answer(self.now, answer, calling, subject, self.trace)?;
                    point.into_iter().for_each(|point| self.report.reached.note(point));
                }
            }
        }
        self.callers[at].orders = orders;
        self.callers[at].rest();
        Ok(())
    }
}

/// The command that a client sends in a frame, if it does.
fn command(frame: &Frame) -> Option<Bytes> {
    if frame.service != Service::Client {
        return None;
    }
    match ClientMessage::decode(frame).ok()? {
        ClientMessage::Request(Request { body: RequestBody::Propose { command }, .. }) => {
            Some(command)
        }
        _ => None,
    }
}
