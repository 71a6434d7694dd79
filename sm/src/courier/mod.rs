//! All that a client decides, without I/O: which server gets which call, what an answer means, what
//! is tried again and when. Calls, bytes and time in; answers, bytes and dials out. A driver with
//! sockets hosts it, or a simulator.
//!
//! Read in this order: `call` (what becomes of one call), `session` (numbers that make a command
//! take effect once), `routes` and `link` (servers), this file (all decisions together), `queues`
//! and `replies`.
//!
//! ```text
//!              ┌─► fresh ──(number)─┐
//!   call ──────┤                    ├──► sent ──► over
//!              └─► ready ───────────┘      │
//!                    ▲                     │
//!                    └──────── later ◄─────┘
//! ```

mod call;
mod chance;
mod config;
mod error;
mod link;
mod queues;
mod replies;
mod routes;
mod session;
mod slots;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::SessionId;
use bytes::{Bytes, BytesMut};
use quorate_core::wire::{ClientMessage, Request, RequestBody};
use quorate_core::{Index, Instant};

use call::Call;
pub use call::{Answered, Ask};
use chance::Chance;
pub use config::{ClientConfig, Routing};
pub use error::{CallError, Doubt, Reason};
pub use link::ConnectionId;
use link::Link;
use routes::{Routes, ServerAt};
use session::Session;
pub use session::Standing;
use slots::Slots;

/// Something that happened.
#[derive(Debug)]
pub enum Input<T> {
    /// Somebody wants something.
    Call(NewCall<T>),
    /// Whoever asked for the [watch](Ask::Watch) of this name waits no longer. It does not end in an
    /// answer.
    Forget(u64),
    /// A connection that [`Order::Dial`] asked for stands.
    Opened(ConnectionId),
    /// Bytes came in.
    Received(ConnectionId, BytesMut),
    /// A connection ended, or could not be made.
    Closed(ConnectionId),
}

/// A call that comes in.
#[derive(Debug)]
pub struct NewCall<T> {
    /// What is asked.
    pub ask: Ask,
    /// The only server that can answer it; usually any can.
    pub to: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Comes back with the answer.
    pub token: T,
}

/// What is to be done.
#[derive(Debug)]
pub enum Order<T> {
    /// Connect; answer with [`Input::Opened`] or [`Input::Closed`].
    Dial(ConnectionId, String),
    /// Send, in order.
    Send(ConnectionId, Bytes),
    /// End the connection, once everything sent has left. It is not mentioned again.
    Close(ConnectionId),
    /// A call is over.
    Answer(T, Result<Answered, CallError>),
}

/// A client, without its I/O. Each call ends once, in an answer under the token that came with it; see
/// the [module](self).
#[derive(Debug)]
pub struct Courier<T> {
    config: ClientConfig,
    now: Instant,
    chance: Chance,
    calls: Slots<Held<T>>,
    /// Those that wait for something to happen, by the caller's name.
    watches: BTreeMap<u64, u64>,
    /// Commands that have no number yet.
    fresh: VecDeque<u64>,
    /// Calls that wait for a server only.
    ready: VecDeque<u64>,
    /// Calls that wait for their next attempt.
    later: BTreeSet<(Instant, u64)>,
    /// No call's time is up before that.
    late_at: Instant,
    session: Session,
    routes: Routes,
    /// Whom the last look was at, or is under way to.
    looked_at: Option<ServerAt>,
    is_looking: bool,
    look_at: Instant,
    /// The last entry that any answer reflects.
    seen: Index,
}

/// A call, and where it is.
#[derive(Debug)]
struct Held<T> {
    call: Call,
    owner: Owner<T>,
    /// The only server that can answer it.
    to: Option<ServerAt>,
    sent_to: Option<ServerAt>,
}

/// Who wants the answer.
#[derive(Debug)]
enum Owner<T> {
    Caller(T),
    /// The session, to be opened.
    Opening,
    /// The session, to be kept alive.
    KeepingAlive(SessionId),
    /// The routes: who leads?
    Looking,
}

impl<T> Courier<T> {
    /// `seed` and `nonce` are drawn at random.
    pub fn new(
        addresses: Vec<String>,
        config: ClientConfig,
        seed: u64,
        nonce: u128,
        now: Instant,
    ) -> Self {
        let mut chance = Chance::new(seed);
        let first = usize::try_from(chance.draw() >> 33).expect("31 bits");
        Self {
            now,
            chance,
            calls: Slots::new(),
            watches: BTreeMap::new(),
            fresh: VecDeque::new(),
            ready: VecDeque::new(),
            later: BTreeSet::new(),
            late_at: Instant(u64::MAX),
            session: Session::new(nonce, config.keep_alive_interval),
            routes: Routes::new(addresses, &config, first),
            looked_at: None,
            is_looking: false,
            look_at: now,
            seen: Index(0),
            config,
        }
    }

    /// Takes in all that happened and gives orders. Leaves `inputs` empty, with its allocation.
    pub fn step(&mut self, now: Instant, inputs: &mut Vec<Input<T>>, orders: &mut Vec<Order<T>>) {
        self.now = self.now.max(now);
        for input in inputs.drain(..) {
            match input {
                Input::Call(new) => self.take(new, orders),
                Input::Forget(name) => self.forget(name),
                Input::Opened(id) => self.handle_opened(id),
                Input::Received(id, bytes) => self.handle_received(id, bytes, orders),
                Input::Closed(id) => {
                    if let Some(at) = self.routes.of_connection(id) {
                        self.lose(at, orders);
                    }
                }
            }
        }
        self.end_late(orders);
        self.tend_links(orders);
        self.wake();
        self.keep_alive();
        self.seek(orders);
        self.look();
        self.send_out(orders);
        self.probe();
        self.flush(orders);
    }

    /// When to call [`step`](Self::step) if nothing else happens before.
    pub fn deadline(&self) -> Instant {
        let late = (self.calls.len() > 0).then_some(self.late_at);
        let later = self.later.first().map(|first| first.0);
        let links = self.routes.all().filter_map(|at| self.link_deadline(at));
        let links = links.chain(self.routes.all().filter_map(|at| self.probe_at(at)));
        let seek = self.is_wanted().then(|| self.routes.seek_at(self.now)).flatten();
        let look = self.wants_look().then_some(self.look_at);
        let session = self.session.keep_alive_at();
        let earliest = links.chain(late).chain(later).chain(seek).chain(look).chain(session).min();
        earliest.unwrap_or(Instant(u64::MAX))
    }

    /// How the session of the client stands, as of the last [`step`](Self::step).
    pub fn standing(&self) -> Standing {
        self.session.standing(self.routes.current().is_some())
    }

    /// Nobody will call any more: says good-bye.
    pub fn close(&mut self, orders: &mut Vec<Order<T>>) {
        if let Some(at) = self.routes.current()
            && let Some(command) = self.session.close()
            && let Some(link) = &mut self.routes.get_mut(at).link
        {
            let body = RequestBody::Propose { command };
            let goodbye = ClientMessage::Request(Request { id: u64::MAX, body });
            link.tell(self.config.group, &goodbye);
        }
        self.flush(orders);
        for at in self.routes.all() {
            if let Some(link) = self.routes.get_mut(at).link.take() {
                orders.push(Order::Close(link.connection));
            }
        }
    }

    fn take(&mut self, new: NewCall<T>, orders: &mut Vec<Order<T>>) {
        let NewCall { ask, to, timeout, token } = new;
        let calls_max = self.config.calls_max;
        if !ask.is_patient() && self.calls.len() - self.watches.len() >= calls_max {
            let why = CallError::NotApplied(Reason::TooManyCalls { calls_max });
            return orders.push(Order::Answer(token, Err(why)));
        }
        let to = match to.map(|address| self.routes.at_address(&address)) {
            Some(None) => {
                let why = CallError::NotApplied(Reason::Unreachable);
                return orders.push(Order::Answer(token, Err(why)));
            }
            to => to.flatten(),
        };
        let name = if let Ask::Watch { name, .. } = ask { Some(name) } else { None };
        let id = self.hold(ask, Owner::Caller(token), to, timeout);
        self.watches.extend(name.map(|name| (name, id)));
        self.enqueue(id);
    }

    fn hold(&mut self, ask: Ask, owner: Owner<T>, to: Option<ServerAt>, timeout: Duration) -> u64 {
        let deadline = match ask.is_patient() {
            true => Instant(u64::MAX),
            false => self.now.after(timeout),
        };
        self.late_at = self.late_at.min(deadline);
        self.calls.insert(Held { call: Call::new(ask, deadline), owner, to, sent_to: None })
    }

    fn handle_opened(&mut self, id: ConnectionId) {
        if let Some(at) = self.routes.of_connection(id)
            && let Some(link) = &mut self.routes.get_mut(at).link
        {
            link.handle_opened(self.config.cluster);
        }
    }

    /// A server cannot be used any more as it was: what it had is sent again.
    fn lose(&mut self, at: ServerAt, orders: &mut Vec<Order<T>>) {
        let server = self.routes.get_mut(at);
        let Some(link) = server.link.take() else { return };
        let waiting = core::mem::take(&mut server.waiting);
        orders.push(Order::Close(link.connection));
        self.routes.avoid(at, self.now, &mut self.chance);
        let is_sent = |held: &Held<T>| held.sent_to == Some(at);
        let sent: Vec<_> =
            self.calls.iter().filter(|entry| is_sent(entry.1)).map(|entry| entry.0).collect();
        for id in sent {
            let Some(held) = self.calls.get_mut(id) else { continue };
            held.sent_to = None;
            let verdict = held.call.handle_loss();
            self.follow(id, verdict, orders);
        }
        for id in waiting {
            self.end(id, Err(CallError::NotApplied(Reason::Unreachable)), orders);
        }
    }

    /// Lets go of links that take too long, owe too long or are not used, and dials for calls that
    /// only one server can answer.
    fn tend_links(&mut self, orders: &mut Vec<Order<T>>) {
        for at in self.routes.all() {
            if self.link_deadline(at).is_some_and(|deadline| deadline <= self.now) {
                let link = self.routes.get_mut(at).link.as_ref();
                if link.is_some_and(|link| link.is_up() && !link.owes()) {
                    // Nothing is wrong with the server.
                    let link = self.routes.get_mut(at).link.take();
                    orders.extend(link.map(|link| Order::Close(link.connection)));
                } else {
                    self.lose(at, orders);
                }
            }
            let server = self.routes.get_mut(at);
            if server.link.is_none() && !server.waiting.is_empty() {
                self.dial(at, orders);
            }
        }
    }

    fn link_deadline(&self, at: ServerAt) -> Option<Instant> {
        let is_spare = self.routes.current() != Some(at);
        let idle_max = is_spare.then_some(self.config.idle_max);
        self.routes.get(at).link.as_ref()?.deadline(self.silence_max(), idle_max)
    }

    /// A slow answer is no silence as long as looks, or probes, are answered.
    fn silence_max(&self) -> Duration {
        self.config.silence_max.max(self.config.look_interval * 2)
    }

    /// The server that is used is looked at; of the others, those that are called give signs of life.
    fn probe_at(&self, at: ServerAt) -> Option<Instant> {
        let is_spare = self.routes.current() != Some(at);
        let link = self.routes.get(at).link.as_ref().filter(|_| is_spare)?;
        link.probe_at(self.silence_max())
    }

    fn probe(&mut self) {
        for at in self.routes.all() {
            if self.probe_at(at).is_some_and(|due| due <= self.now)
                && let Some(link) = &mut self.routes.get_mut(at).link
            {
                link.probe(self.config.group);
            }
        }
    }

    fn dial(&mut self, at: ServerAt, orders: &mut Vec<Order<T>>) {
        let connection = self.routes.name_connection();
        let deadline = self.now.after(self.config.connect_timeout);
        let server = self.routes.get_mut(at);
        server.link = Some(Link::new(connection, self.now, deadline));
        orders.push(Order::Dial(connection, server.address.clone()));
    }

    fn seek(&mut self, orders: &mut Vec<Order<T>>) {
        if self.is_wanted()
            && let Some(at) = self.routes.seek(self.now)
        {
            self.dial(at, orders);
        }
        if let Some(at) = self.routes.current()
            && self.looked_at != Some(at)
        {
            self.looked_at = Some(at);
            self.look_at = self.now;
            self.bring_watches();
        }
    }

    fn keep_alive(&mut self) {
        let id = self.session.id();
        if let (Some(command), Some(id)) = (self.session.keep_alive(self.now), id) {
            let timeout = self.config.keep_alive_interval;
            let call = self.hold(Ask::Repeatable(command), Owner::KeepingAlive(id), None, timeout);
            self.enqueue(call);
        }
    }

    fn flush(&mut self, orders: &mut Vec<Order<T>>) {
        for at in self.routes.all() {
            if let Some(link) = &mut self.routes.get_mut(at).link
                && let Some(bytes) = link.take_output()
            {
                orders.push(Order::Send(link.connection, bytes));
            }
        }
    }
}
