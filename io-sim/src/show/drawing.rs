//! What a page draws: lines, bars and arrows, with their times. Times are in microseconds.

use std::collections::BTreeMap;

use serde::Serialize;

use super::chronicle::{Arrival, Chronicle, Ending, Kind, Standing, What};
use super::{loss, sides};

/// Everything from some time on.
#[derive(Serialize)]
pub(super) struct Drawing {
    pub(super) servers: u16,
    pub(super) clients: u16,
    /// The first moment that is drawn.
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) phases: Vec<Phase>,
    pub(super) standings: Vec<Stand>,
    pub(super) spells: Vec<Spell>,
    pub(super) marks: Vec<Mark>,
    pub(super) cuts: Vec<Cut>,
    pub(super) messages: Vec<Arrow>,
    pub(super) calls: Vec<Bar>,
}

/// What a server is for a while.
#[derive(Clone, Serialize)]
pub(super) struct Phase {
    n: u16,
    from: u64,
    to: u64,
    is: &'static str,
    term: u64,
    text: String,
}

/// How a server stands from some time on.
#[derive(Serialize)]
pub(super) struct Stand {
    n: u16,
    at: u64,
    #[serde(flatten)]
    is: Standing,
}

/// Something that lasts: the work of a disk, a disk that hangs, a pause.
#[derive(Serialize)]
pub(super) struct Spell {
    n: u16,
    from: u64,
    to: u64,
    is: &'static str,
    text: String,
}

/// A moment of a server, or of all (0).
#[derive(Serialize)]
pub(super) struct Mark {
    n: u16,
    at: u64,
    is: &'static str,
    text: String,
}

/// A partition.
#[derive(Serialize)]
pub(super) struct Cut {
    from: u64,
    to: u64,
    text: String,
    pub(super) blocked: Vec<(u16, u16)>,
    /// The side of each server, if it has one.
    sides: Vec<Option<usize>>,
}

/// A message.
#[derive(Serialize)]
pub(super) struct Arrow {
    pub(super) from: u16,
    pub(super) to: u16,
    pub(super) kind: Kind,
    pub(super) at: u64,
    pub(super) text: String,
    pub(super) arrivals: Vec<(u64, Arrival)>,
    /// If it did not arrive: when it died, as far as one can tell, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lost: Option<(u64, String)>,
}

/// What a client waits for.
#[derive(Serialize)]
pub(super) struct Bar {
    n: u16,
    from: u64,
    to: u64,
    /// `None` if it never ended.
    how: Option<Ending>,
    text: String,
    answer: String,
    /// Its position among all calls.
    number: usize,
}

/// What is under way while a chronicle is read.
#[derive(Default)]
struct Open {
    phases: BTreeMap<u16, Phase>,
    /// Where the arrow of a message is.
    sent: BTreeMap<u64, usize>,
    /// Where the bar of a client's call is.
    calls: BTreeMap<u16, usize>,
}

impl Drawing {
    /// All that is drawn from `start` on, in nanoseconds.
    pub(super) fn new(chronicle: &Chronicle, start: u64) -> Self {
        let mut drawing = Self {
            servers: chronicle.servers,
            clients: chronicle.clients,
            from: start / 1000,
            to: chronicle.end().div_ceil(1000).max(start / 1000 + 1),
            phases: Vec::new(),
            standings: Vec::new(),
            spells: Vec::new(),
            marks: Vec::new(),
            cuts: Vec::new(),
            messages: Vec::new(),
            calls: Vec::new(),
        };
        let mut open = Open::default();
        for moment in &chronicle.moments {
            drawing.take(moment.at / 1000, &moment.what, &mut open);
        }
        drawing.phases.extend(open.phases.into_values());
        loss::find(&mut drawing);
        drawing.forget_before_start();
        drawing
    }

    fn take(&mut self, at: u64, what: &What, open: &mut Open) {
        match what {
            What::Stands { .. } | What::Starting { .. } | What::Started { .. } => {
                self.take_life(at, what, open);
            }
            What::Down { n, text } => {
                self.take_life(at, what, open);
                self.mark(*n, at, "down", text);
                // Whatever its disk was doing.
                for spell in &mut self.spells {
                    let is_cut = spell.n == *n && spell.to > at && spell.is != "stalled";
                    spell.to = if is_cut { at.max(spell.from) } else { spell.to };
                }
            }
            What::Sent { id, from, to, kind, text } if at >= self.from => {
                open.sent.insert(*id, self.messages.len());
                self.messages.push(Arrow {
                    from: *from,
                    to: *to,
                    kind: *kind,
                    at,
                    text: text.clone(),
                    arrivals: Vec::new(),
                    lost: None,
                });
            }
            What::Arrived { id, how } => {
                if let Some(&place) = open.sent.get(id) {
                    self.messages[place].arrivals.push((at, *how));
                }
            }
            What::Garbled { to, .. } => self.mark(*to, at, "garbled", "garbled bytes arrive"),
            What::Disk { n, until, text } if *until / 1000 >= self.from => {
                let is = if text.starts_with("failed") { "failed" } else { "disk" };
                self.spell(*n, at, *until, is, text);
            }
            What::Paused { n, until } => {
                self.end_spells(*n, at, "paused");
                self.spell(*n, at, *until, "paused", "stands still");
            }
            What::Stalled { n, until } => {
                self.end_spells(*n, at, "stalled");
                self.spell(*n, at, *until, "stalled", "the disk hangs");
            }
            What::Cut { blocked, text } => {
                let (text, blocked) = (text.clone(), blocked.clone());
                let sides = sides::find(&blocked, self.servers).of;
                self.cuts.push(Cut { from: at, to: u64::MAX, text, blocked, sides });
            }
            What::Mended => self.end_cuts(at),
            What::Healed => {
                self.end_cuts(at);
                for n in 1..=self.servers {
                    self.end_spells(n, at, "paused");
                    self.end_spells(n, at, "stalled");
                }
                self.mark(0, at, "healed", "all faults end");
            }
            What::Noted { n, text } => self.mark(*n, at, "noted", text),
            What::Called { n, text, .. } => {
                open.calls.insert(*n, self.calls.len());
                self.calls.push(Bar {
                    n: *n,
                    from: at,
                    to: self.to,
                    how: None,
                    text: text.clone(),
                    answer: String::new(),
                    number: self.calls.len(),
                });
            }
            What::Ended { n, how, text, .. } => {
                if let Some(place) = open.calls.remove(n) {
                    let bar = &mut self.calls[place];
                    (bar.to, bar.how, bar.answer) = (at, Some(*how), text.clone());
                }
            }
            What::Sent { .. } | What::Disk { .. } | What::Violated { .. } => {}
        }
    }

    /// A server becomes something else.
    fn take_life(&mut self, at: u64, what: &What, open: &mut Open) {
        let (n, is, term, text) = match what {
            What::Stands { n, standing } => {
                self.standings.push(Stand { n: *n, at, is: *standing });
                (*n, standing.role.as_str(), standing.term, "")
            }
            What::Starting { n } => (*n, "starting", 0, "reads what its disk kept"),
            What::Down { n, text } => (*n, "down", 0, text.as_str()),
            _ => return,
        };
        if open.phases.get(&n).is_some_and(|phase| phase.is == is && phase.term == term) {
            return;
        }
        let phase = Phase { n, from: at, to: self.to, is, term, text: text.to_owned() };
        if let Some(before) = open.phases.insert(n, phase) {
            self.phases.push(Phase { to: at, ..before });
        }
    }

    fn spell(&mut self, n: u16, from: u64, until: u64, is: &'static str, text: &str) {
        self.spells.push(Spell { n, from, to: until / 1000, is, text: text.to_owned() });
    }

    fn end_spells(&mut self, n: u16, at: u64, is: &str) {
        let spells = self.spells.iter_mut().filter(|spell| spell.n == n && spell.is == is);
        spells.for_each(|spell| spell.to = spell.to.min(at));
    }

    fn end_cuts(&mut self, at: u64) {
        self.cuts.iter_mut().for_each(|cut| cut.to = cut.to.min(at));
    }

    fn mark(&mut self, n: u16, at: u64, is: &'static str, text: &str) {
        self.marks.push(Mark { n, at, is, text: text.to_owned() });
    }

    /// What is over before the drawing begins is not in it. How each server stands then is.
    fn forget_before_start(&mut self) {
        let (from, to) = (self.from, self.to);
        self.phases.retain(|phase| phase.to >= from && phase.to > phase.from);
        let mut latest = BTreeMap::new();
        for (place, stand) in self.standings.iter().enumerate() {
            if stand.at <= from {
                latest.insert(stand.n, place);
            }
        }
        let mut place = 0..;
        self.standings.retain(|stand| {
            let place = place.next();
            stand.at > from || latest.get(&stand.n).copied() == place
        });
        self.spells.retain(|spell| spell.to >= from);
        self.marks.retain(|mark| mark.at >= from);
        self.cuts.iter_mut().for_each(|cut| cut.to = cut.to.min(to));
        self.cuts.retain(|cut| cut.to >= from);
        self.calls.retain(|call| call.to >= from);
        self.spells.iter_mut().for_each(|spell| spell.to = spell.to.min(to));
    }

    /// Is anybody kept from this link at this time?
    pub(super) fn is_blocked(&self, from: u16, to: u16, at: u64) -> bool {
        let mut active = self.cuts.iter().filter(|cut| (cut.from..cut.to).contains(&at));
        active.any(|cut| cut.blocked.contains(&(from, to)))
    }

    /// Is a server without a process at this time?
    pub(super) fn is_down(&self, n: u16, at: u64) -> bool {
        self.phases.iter().any(|phase| {
            let is_gone = matches!(phase.is, "down" | "starting");
            phase.n == n && is_gone && (phase.from..phase.to).contains(&at)
        })
    }
}
