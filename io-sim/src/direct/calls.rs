//! What passes between callers and the network.

use quorate_sm::courier::{Input, Order};

use super::server::host_at;
use super::world::World;
use crate::net::{End, NetEvent};

impl World<'_> {
    pub(crate) fn deliver_to_caller(&mut self, at: usize, end: End, event: NetEvent) {
        let caller = &mut self.callers[at];
        let Some(name) = caller.wires.name(end) else { return };
        match event {
            NetEvent::Accepted(_) | NetEvent::Room(_) => return,
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
        self.call(at);
    }

    /// A caller takes in what has happened.
    pub(crate) fn call(&mut self, at: usize) {
        let caller = &mut self.callers[at];
        caller.step(self.now, &self.options.calling, self.recorder);
        let mut orders = std::mem::take(&mut caller.orders);
        for order in orders.drain(..) {
            let caller = &mut self.callers[at];
            match order {
                Order::Dial(name, address) => {
                    let to = host_at(&address);
                    let end = self.net.connect(self.now, caller.host, to);
                    caller.wires.join(name, end);
                }
                Order::Send(name, bytes) => {
                    if let Some(end) = caller.wires.end(name) {
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
                    caller.answer(self.now, answer, calling, self.recorder);
                }
            }
        }
        self.callers[at].orders = orders;
    }
}
