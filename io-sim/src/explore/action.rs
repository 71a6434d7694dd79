//! What may happen next in a world.

use core::fmt;

use quorate_core::Message;

use super::options::{Options, Scarce};
use super::table::{Cue, Table, membership_of};
use super::world::World;
use crate::judge::Witness as _;

/// One thing that happens: an edge between two states.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Action {
    /// To the server in this place.
    Happens(usize, Cue),
    /// The server in this place gets the snapshot that it wants.
    Fetch(usize),
    /// The message arrives, and is no longer under way.
    Deliver(u32),
    /// The message arrives, and a copy of it is still under way.
    Duplicate(u32),
}

impl Action {
    /// All that may happen in a world, in an order that depends on that world alone. What is to be
    /// explored besides is added here, to [`Cue`] or to [`Action`], and in `World::after`.
    pub(crate) fn all(world: &World, table: &Table, options: &Options, all: &mut Vec<Self>) {
        all.clear();
        for (at, &node) in world.nodes.iter().enumerate() {
            let seat = table.seat(node);
            let (term, last) = (seat.glance.term().0, seat.glance.last.index.0);
            let leads = seat.glance.leads();
            let may = |what: Scarce| options.allows(what, &world.spent);
            let stands = term < u64::from(options.terms) && may(Scarce::Timeouts);
            let is_open = leads && last < u64::from(options.entries);
            let mut add = |is_possible: bool, cue| {
                if is_possible {
                    all.push(Self::Happens(at, cue));
                }
            };
            add(if leads { may(Scarce::Heartbeats) } else { stands }, Cue::Timeout);
            add(is_open && may(Scarce::Proposals), Cue::Propose);
            add(leads && may(Scarce::Reads), Cue::Read);
            add(options.check_quorum && may(Scarce::Lapses), Cue::Lapse);
            if leads && may(Scarce::Changes) && last < u64::from(options.entries) {
                let now = seat.node.raft().status().membership;
                let others = (1..1_u8 << options.servers).filter(|&it| membership_of(it) != *now);
                others.for_each(|it| add(true, Cue::Change(it)));
            }
            if leads && may(Scarce::Transfers) {
                (1..=options.servers).for_each(|it| add(true, Cue::Transfer(it)));
            }
            add(seat.node.has_news() && may(Scarce::Snapshots), Cue::TakeSnapshot);
            add(seat.node.wanted().is_some(), Cue::LoseSnapshot);
            (1..=seat.pending).for_each(|count| add(true, Cue::Persist(count)));
            (0..=seat.pending).for_each(|kept| add(may(Scarce::Crashes), Cue::Crash(kept)));
            if seat.node.wanted().is_some() {
                all.push(Self::Fetch(at));
            }
        }
        for (place, &message) in world.net.iter().enumerate() {
            if place > 0 && world.net[place - 1] == message {
                continue;
            }
            all.push(Self::Deliver(message));
            if options.allows(Scarce::Duplicates, &world.spent) {
                all.push(Self::Duplicate(message));
            }
        }
    }

    /// What this uses up.
    pub(crate) fn uses(self, world: &World, table: &Table) -> Option<Scarce> {
        match self {
            Self::Happens(at, Cue::Timeout) if table.seat(world.nodes[at]).glance.leads() => {
                Some(Scarce::Heartbeats)
            }
            Self::Happens(_, cue) => match cue {
                Cue::Timeout => Some(Scarce::Timeouts),
                Cue::Lapse => Some(Scarce::Lapses),
                Cue::Propose => Some(Scarce::Proposals),
                Cue::Read => Some(Scarce::Reads),
                Cue::Crash(_) => Some(Scarce::Crashes),
                Cue::Change(_) => Some(Scarce::Changes),
                Cue::Transfer(_) => Some(Scarce::Transfers),
                Cue::TakeSnapshot => Some(Scarce::Snapshots),
                Cue::Persist(_) | Cue::Receive(_) | Cue::GetSnapshot(_) | Cue::LoseSnapshot => None,
            },
            Self::Deliver(_) | Self::Fetch(_) => None,
            Self::Duplicate(_) => Some(Scarce::Duplicates),
        }
    }

    /// In words.
    pub(crate) fn tell(self, world: &World, table: &Table) -> String {
        match self {
            Self::Happens(at, cue) => {
                let seat = table.seat(world.nodes[at]);
                let (id, pending) = (seat.node.id(), seat.pending);
                let leads = seat.glance.leads();
                match cue {
                    Cue::Timeout if leads => format!("{id:?} heartbeat"),
                    Cue::Timeout => format!("{id:?} loses patience"),
                    Cue::Lapse => format!("{id:?} hears nothing for an election timeout"),
                    Cue::Propose => format!("{id:?} is given a command"),
                    Cue::Read => format!("{id:?} is asked for a read"),
                    Cue::Change(voters) => {
                        format!(
                            "{id:?} is to see to it that {:?} vote",
                            membership_of(voters).voters()
                        )
                    }
                    Cue::Transfer(to) => format!("{id:?} is to hand over to n{to}"),
                    Cue::Persist(count) => {
                        format!("{id:?} has {count} of {pending} writes durable")
                    }
                    Cue::Crash(kept) => format!(
                        "{id:?} crashes, {kept} of {pending} writes are kept, and starts again"
                    ),
                    Cue::TakeSnapshot => format!("{id:?} has taken a snapshot"),
                    Cue::GetSnapshot(_) => format!("{id:?} has got a snapshot"),
                    Cue::LoseSnapshot => format!("{id:?} cannot get the snapshot that it wants"),
                    Cue::Receive(message) => {
                        format!("{id:?} receives {}", Told(table.message(message)))
                    }
                }
            }
            Self::Fetch(at) => {
                format!("{:?} has got a snapshot", table.seat(world.nodes[at]).node.id())
            }
            Self::Deliver(message) => format!("arrives {}", Told(table.message(message))),
            Self::Duplicate(message) => {
                format!("arrives, and will again {}", Told(table.message(message)))
            }
        }
    }
}

/// A message in a few words.
pub(crate) struct Told<'a>(pub(crate) &'a Message);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Message { from, to, term, rpc } = self.0;
        write!(f, "{from:?}>{to:?} in term {}: {rpc:?}", term.0)
    }
}
