//! Bells that ring now and again later: what there is to say of time, events and sequential reads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use quorate_core::Index;
use quorate_core::wire::Consistency;
use quorate_sm::{Context, EventLimits, SessionId, StateMachine, Time, TimerId};
use serde::{Deserialize, Serialize};

use super::listening::Listening;
use super::{Broken, End, Judgement, Look, Request, Workload};
use crate::rng::Rng;

/// Clients ring bells, silence them, look, and listen. It must hold that
///
/// * a bell rings again once, never early in replicated time, never after it was silenced, and not later
///   than with the first entry whose time has come;
/// * whoever listens hears the same rings in the same order, without a gap or a repetition that is not
///   said to be one;
/// * whoever has rung a bell sees and hears of it at every server.
#[derive(Debug, Default)]
pub struct BellWorkload {
    asked: BTreeMap<u16, Asked>,
    /// The newest entry that a client knows of, by its own commands and sequential reads.
    seen: BTreeMap<u16, Index>,
    listening: Listening,
    tags: u64,
}

/// What a client has asked last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Change,
    Look,
    OldLook,
    SequentialLook,
    Listen { until: Index },
}

/// A tower of bells.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Tower {
    /// Those that ring again: their timers, and whose they are.
    pending: BTreeMap<u64, (TimerId, Option<SessionId>)>,
    /// Those that have rung again, or will not.
    over: BTreeSet<u64>,
    /// The last entry that was applied here.
    as_of: Index,
    /// The time of the last command or timer.
    now: Time,
    rings: u64,
    wrong: Option<String>,
}

/// What changes a tower.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Act {
    /// Rings a bell now and again after so many milliseconds.
    Ring {
        /// The bell, which nobody else rings.
        tag: u64,
        /// How much later.
        again_ms: u64,
    },
    /// A bell shall not ring again.
    Silence {
        /// Which one.
        tag: u64,
    },
}

/// A tower at a glance.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Glance {
    /// The last entry that it reflects.
    pub as_of: Index,
    /// How often bells rang.
    pub rings: u64,
}

impl Tower {
    fn enter(&mut self, cx: &Context) {
        if cx.now() < self.now {
            self.wrong = Some(format!("time runs from {:?} back to {:?}", self.now, cx.now()));
        }
        (self.as_of, self.now) = (cx.index(), cx.now());
        let overdue = self.pending.iter().find(|(_, (timer, _))| timer.due() <= cx.now());
        if let Some((tag, (timer, _))) = overdue {
            self.wrong = Some(format!(
                "bell {tag} did not ring at {:?}, nor at {:?}",
                timer.due(),
                cx.now()
            ));
        }
    }

    fn ring(&mut self, cx: &mut Context, tag: u64) {
        self.rings += 1;
        cx.publish(Bytes::new(), Bytes::copy_from_slice(&tag.to_le_bytes()));
    }
}

impl StateMachine for Tower {
    type Command = Act;
    type Answer = Index;
    type Query = ();
    type QueryAnswer = Glance;

    const BRIEF: bool = true;
    const NEEDS_TIME: bool = true;

    fn apply(&mut self, cx: &mut Context, act: Act) -> Index {
        self.enter(cx);
        match act {
            Act::Ring { tag, again_ms } => {
                self.ring(cx, tag);
                let what = Bytes::copy_from_slice(&tag.to_le_bytes());
                let timer = cx.arm(Duration::from_millis(again_ms), what);
                self.pending.insert(tag, (timer, cx.session()));
            }
            Act::Silence { tag } => {
                if let Some((timer, _)) = self.pending.remove(&tag) {
                    self.over.insert(tag);
                    if !cx.disarm(timer) {
                        self.wrong = Some(format!("bell {tag} is pending, and its timer is not"));
                    }
                }
            }
        }
        cx.index()
    }

    fn query(&self, (): ()) -> Glance {
        Glance { as_of: self.as_of, rings: self.rings }
    }

    fn fire(&mut self, cx: &mut Context, what: &[u8]) {
        let tag = u64::from_le_bytes(what.try_into().expect("the number of a bell"));
        (self.as_of, self.now) = (cx.index(), cx.now());
        match self.pending.remove(&tag) {
            None => self.wrong = Some(format!("bell {tag} rings again, and should not")),
            Some((timer, _)) if timer.due() > cx.now() => {
                self.wrong = Some(format!("bell {tag} rings at {:?}: early", cx.now()));
            }
            Some(_) => {}
        }
        if !self.over.insert(tag) {
            self.wrong = Some(format!("bell {tag} rings again and again"));
        }
        self.ring(cx, tag);
    }

    fn session_ended(&mut self, cx: &mut Context, session: SessionId) {
        self.enter(cx);
        let gone = self.pending.extract_if(.., |_, (_, owner)| *owner == Some(session));
        for (tag, (timer, _)) in gone {
            self.over.insert(tag);
            cx.disarm(timer);
        }
    }

    fn event_limits(&self) -> EventLimits {
        EventLimits { events_max: 64, bytes_max: 1 << 20 }
    }
}

impl BellWorkload {
    /// How many events anybody has heard.
    pub fn heard(&self) -> usize {
        self.listening.count()
    }

    fn know(&mut self, client: u16, index: Index) {
        let seen = self.seen.entry(client).or_default();
        *seen = (*seen).max(index);
    }
}

impl Workload for BellWorkload {
    type Machine = Tower;

    fn machine(&self) -> Tower {
        Tower::default()
    }

    fn ask(&mut self, client: u16, rng: &mut Rng) -> Request<Tower> {
        let (asked, request) = match rng.below(10) {
            0..4 => {
                self.tags += 1;
                let again_ms = rng.log_within(1, 2000);
                (Asked::Change, Request::Command(Act::Ring { tag: self.tags, again_ms }))
            }
            4 => {
                let tag = self.tags.saturating_sub(rng.below(20));
                (Asked::Change, Request::Command(Act::Silence { tag }))
            }
            5 => {
                let age_max_ms = u32::try_from(rng.log_within(1, 2000)).expect("two seconds");
                let consistency = match rng.below(3) {
                    0 => Consistency::Linearizable,
                    _ => Consistency::Bounded { age_max_ms },
                };
                let asked = match consistency {
                    Consistency::Linearizable => Asked::Look,
                    _ => Asked::OldLook,
                };
                (asked, Request::Query((), consistency))
            }
            6 => (Asked::SequentialLook, Request::Sequential(())),
            _ => {
                let until = self.seen.get(&client).copied().unwrap_or_default();
                (Asked::Listen { until }, self.listening.ask(client, until))
            }
        };
        self.asked.insert(client, asked);
        request
    }

    fn ended(&mut self, client: u16, end: End<Tower>) -> Result<(), Broken> {
        let asked = self.asked.remove(&client);
        match (end, asked) {
            (End::Answered(index), _) => self.know(client, index),
            // How old it may be, the world knows.
            (End::Looked(_), Some(Asked::OldLook)) => {}
            (End::Looked(glance), _) => {
                let seen = self.seen.get(&client).copied().unwrap_or_default();
                if glance.as_of < seen {
                    let text = format!("as of {:?}, seen by one who knows {seen:?}", glance.as_of);
                    return Err(Broken::new(text));
                }
                self.know(client, glance.as_of);
            }
            (End::Watched(watched), Some(Asked::Listen { until })) => {
                self.listening.hear(client, until, watched)?;
            }
            (End::Watched(_), _) => return Err(Broken::new("events that nobody asked for")),
            (End::NotApplied | End::Unknown, _) => {}
        }
        Ok(())
    }

    fn renewed(&mut self, client: u16) {
        self.seen.remove(&client);
    }

    fn check(tower: &Tower) -> Result<(), Broken> {
        tower.wrong.as_ref().map_or(Ok(()), |wrong| Err(Broken::new(wrong.clone())))
    }

    fn judge(&mut self, look: Look<'_, Tower>) -> Result<Judgement, Broken> {
        let rings = look(&()).rings;
        match self.listening.last() {
            Some(last) if last.0 >= rings => {
                Err(Broken::new(format!("{last:?} was heard, and bells rang {rings} times")))
            }
            _ => Ok(Judgement::Sound),
        }
    }
}
