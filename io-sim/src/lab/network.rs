//! The links between servers: messages are late, lost, doubled, overtaken, and old ones come back.

use core::time::Duration;

use quorate_core::{Message, NodeId};

use super::options::NetworkOptions;
use crate::clock::nanos;
use crate::rng::{Rng, Stream};

/// At most 9 servers, numbered from 1.
const SERVERS: usize = 10;
/// How many old messages can come back.
const OLD_MAX: usize = 256;

pub(crate) struct Network {
    options: NetworkOptions,
    rng: Rng,
    /// By sender: to whom nothing gets through, one bit each.
    cut: [u64; SERVERS],
    /// By sender and receiver: what is sent before then waits until then.
    held_until: [[u64; SERVERS]; SERVERS],
    /// By sender and receiver: when the latest message arrives, unless they overtake.
    latest: [[u64; SERVERS]; SERVERS],
    old: Vec<Message>,
    sent: usize,
}

impl Network {
    pub(crate) fn new(seed: u64, options: NetworkOptions) -> Self {
        Self {
            options,
            rng: Rng::new(seed, Stream::Network),
            cut: [0; SERVERS],
            held_until: [[0; SERVERS]; SERVERS],
            latest: [[0; SERVERS]; SERVERS],
            old: Vec::new(),
            sent: 0,
        }
    }

    /// What arrives when, because this was sent.
    pub(crate) fn send(&mut self, now: u64, message: Message, arrivals: &mut Vec<(u64, Message)>) {
        if self.rng.chance(self.options.replay_permille) && !self.old.is_empty() {
            let again = self.old[self.rng.index(self.old.len())].clone();
            self.route(now, again, arrivals);
        }
        self.remember(&message);
        if self.rng.chance(self.options.duplicate_permille) {
            self.route(now, message.clone(), arrivals);
        }
        self.route(now, message, arrivals);
    }

    /// Nothing gets from `from` to `to` any more.
    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cut[place(from)] |= 1 << place(to);
    }

    /// What goes from `from` to `to` is held back until then.
    pub(crate) fn hold(&mut self, from: NodeId, to: NodeId, until: u64) {
        self.held_until[place(from)][place(to)] = until;
    }

    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cut[place(from)] & (1 << place(to)) != 0
    }

    /// All get through again.
    pub(crate) fn mend(&mut self) {
        self.cut = [0; SERVERS];
    }

    /// From now on messages arrive, once, soon, and in order.
    pub(crate) fn heal(&mut self, delay_max: Duration) {
        self.mend();
        self.latest = [[0; SERVERS]; SERVERS];
        self.held_until = [[0; SERVERS]; SERVERS];
        self.options = NetworkOptions {
            delay: (Duration::ZERO, delay_max),
            detour_permille: 0,
            detour_max: Duration::ZERO,
            loss_permille: 0,
            duplicate_permille: 0,
            replay_permille: 0,
            reorders: false,
        };
    }

    fn route(&mut self, now: u64, message: Message, arrivals: &mut Vec<(u64, Message)>) {
        let (from, to) = (place(message.from), place(message.to));
        let is_lost = self.rng.chance(self.options.loss_permille);
        let at = now.max(self.held_until[from][to]) + self.delay();
        if is_lost || self.is_cut(message.from, message.to) {
            return;
        }
        let latest = &mut self.latest[from][to];
        let at = if self.options.reorders { at } else { at.max(*latest) };
        *latest = at;
        arrivals.push((at, message));
    }

    fn delay(&mut self) -> u64 {
        let (lo, hi) = self.options.delay;
        let mut delay = self.rng.within(nanos(lo), nanos(hi));
        if self.rng.chance(self.options.detour_permille) {
            delay += self.rng.within(0, nanos(self.options.detour_max));
        }
        delay
    }

    fn remember(&mut self, message: &Message) {
        if self.old.len() < OLD_MAX {
            self.old.push(message.clone());
        } else {
            // Not the oldest: some shall be very old.
            let place = self.rng.index(OLD_MAX);
            if self.sent.is_multiple_of(4) {
                self.old[place] = message.clone();
            }
        }
        self.sent += 1;
    }
}

fn place(id: NodeId) -> usize {
    usize::try_from(id.get()).expect("servers are few")
}
