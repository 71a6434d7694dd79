//! What a power loss leaves.

use std::ops::Range;

use super::bytes::Bytes;
use super::change::{Pending, Stamp};
use super::file::{Change, Course, File, SECTOR, Stray, Write};
use super::names::Names;
use super::options::{DiskOptions, Fates};
use super::struck::{Class, Struck};
use crate::rng::Rng;

/// Decides about the changes that are not durable.
pub(super) struct Fate<'d> {
    options: &'d DiskOptions,
    chance: &'d mut Rng,
    struck: &'d mut Struck,
    plan: Plan,
    first_lost: u64,
    last_kept: u64,
}

enum Plan {
    Lost,
    /// All before this one are kept, those behind it are lost.
    Prefix {
        cut: u64,
    },
    Subset,
    Kept,
}

#[derive(PartialEq, Eq)]
enum Verdict {
    Kept,
    InPart,
    Lost,
}

impl<'d> Fate<'d> {
    /// One plan for all changes; `orders` are the numbers of the operations that made them.
    pub(super) fn draw(
        options: &'d DiskOptions,
        chance: &'d mut Rng,
        struck: &'d mut Struck,
        mut orders: Vec<u64>,
    ) -> Self {
        orders.sort_unstable();
        let Fates { lost, prefix, subset, kept } = options.fates;
        let draw = chance.below(lost + prefix + subset + kept);
        let plan = if draw < lost {
            Plan::Lost
        } else if draw < lost + prefix {
            let cut = chance.index(orders.len() + 1);
            Plan::Prefix { cut: orders.get(cut).copied().unwrap_or(u64::MAX) }
        } else if draw < lost + prefix + subset {
            Plan::Subset
        } else {
            Plan::Kept
        };
        Self { options, chance, struck, plan, first_lost: u64::MAX, last_kept: 0 }
    }

    /// Decides about a file. What lands elsewhere goes to `strays`.
    pub(super) fn file(&mut self, file: &mut File, strays: &mut Vec<Stray>) {
        let mut pending = std::mem::replace(&mut file.pending, Pending::new());
        for (stamp, change) in pending.drain() {
            let verdict = self.decide(stamp);
            match change {
                Change::Length(length) if verdict == Verdict::Kept => {
                    file.durable.resize(length);
                }
                Change::Length(_) => self.struck.note(Class::LostChange),
                Change::Write(write) => self.write(file, stamp, write, &verdict, strays),
            }
        }
    }

    /// Decides about the names.
    pub(super) fn names(&mut self, names: &mut Names) {
        let mut pending = std::mem::replace(&mut names.pending, Pending::new());
        for (stamp, change) in pending.drain() {
            if self.decide(stamp) == Verdict::Kept {
                change.apply(&mut names.durable);
            } else {
                self.struck.note(Class::LostName);
            }
        }
    }

    /// All is decided.
    pub(super) fn finish(self) {
        if self.first_lost < self.last_kept {
            self.struck.note(Class::Reordered);
        }
    }

    fn decide(&mut self, stamp: Stamp) -> Verdict {
        let verdict = match self.plan {
            Plan::Lost => Verdict::Lost,
            Plan::Kept => Verdict::Kept,
            Plan::Prefix { cut } if stamp.order < cut => Verdict::Kept,
            Plan::Prefix { cut } if stamp.order == cut => Verdict::InPart,
            Plan::Prefix { .. } => Verdict::Lost,
            Plan::Subset if self.chance.chance(500) => Verdict::Lost,
            Plan::Subset if self.chance.chance(self.options.torn_permille) => Verdict::InPart,
            Plan::Subset => Verdict::Kept,
        };
        match verdict {
            Verdict::Kept => self.last_kept = self.last_kept.max(stamp.order),
            Verdict::InPart => {}
            Verdict::Lost => self.first_lost = self.first_lost.min(stamp.order),
        }
        verdict
    }

    fn write(
        &mut self,
        file: &mut File,
        stamp: Stamp,
        write: Write,
        verdict: &Verdict,
        strays: &mut Vec<Stray>,
    ) {
        let mut parts = self.surviving(&write, verdict);
        if self.keeps_length(&write, verdict) {
            file.grow(&write);
            if write.extends && parts.iter().all(Range::is_empty) {
                self.struck.note(Class::BareLength);
            }
        }
        if file.durable.len() < write.length {
            // The sector in which the file ends is written whole, or not at all.
            let limit = (file.durable.len() / SECTOR * SECTOR).saturating_sub(write.start);
            parts.iter_mut().for_each(|part| part.end = part.end.min(limit));
            parts.retain(|part| part.start < part.end);
        }
        let kept: usize = parts.iter().map(Range::len).sum();
        if kept == 0 {
            self.struck.note(Class::LostChange);
            return;
        }
        if kept < write.sectors.len() {
            self.struck.note(Class::TornWrite);
        }
        match write.course {
            Course::Sunk => self.struck.note(Class::LostChange),
            Course::Astray { file, offset } => {
                strays.push(Stray { file, offset, bytes: write.sectors });
            }
            Course::Straight => {
                file.remember(stamp.order, &write);
                parts.into_iter().for_each(|part| write.put(part, &mut file.durable));
                self.garble(file, &write);
            }
        }
    }

    /// A length is written apart from the bytes that made it.
    fn keeps_length(&mut self, write: &Write, verdict: &Verdict) -> bool {
        match (verdict, &self.plan) {
            (Verdict::Kept, _) => true,
            (Verdict::InPart, _) | (Verdict::Lost, Plan::Subset) if write.extends => {
                self.chance.chance(500)
            }
            _ => false,
        }
    }

    /// The parts of a write that reached the medium, counted from its start.
    fn surviving(&mut self, write: &Write, verdict: &Verdict) -> Vec<Range<usize>> {
        let bytes = write.sectors.len();
        match (verdict, self.options.tearing.unit()) {
            (Verdict::Lost, _) | (Verdict::InPart, None) => Vec::new(),
            (Verdict::Kept, _) => Vec::from_iter(Some(0..bytes)),
            (Verdict::InPart, Some(unit)) => {
                // A byte can be a boundary, but no disk writes every second byte.
                let shapes = if unit < SECTOR { 2 } else { 3 };
                let cut = |chance: &mut Rng| {
                    let place = write.start + chance.index(bytes + 1);
                    (place / unit * unit).saturating_sub(write.start)
                };
                match self.chance.below(shapes) {
                    0 => Vec::from_iter(Some(0..cut(self.chance))),
                    1 => Vec::from_iter(Some(cut(self.chance)..bytes)),
                    _ => self.some_units(write, unit),
                }
            }
        }
    }

    fn some_units(&mut self, write: &Write, unit: usize) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut from = 0;
        while from < write.sectors.len() {
            let boundary = (write.start + from) / unit * unit + unit;
            let to = (boundary - write.start).min(write.sectors.len());
            if self.chance.chance(500) {
                parts.push(from..to);
            }
            from = to;
        }
        parts
    }

    fn garble(&mut self, file: &mut File, write: &Write) {
        if !self.chance.chance(self.options.garbled_permille) {
            return;
        }
        let at = write.start + SECTOR * self.chance.index(write.sectors.len() / SECTOR);
        file.smash(at, &Bytes::from(&noise(self.chance)[..]));
        self.struck.note(Class::GarbledSector);
    }
}

/// A sector that says nothing.
pub(super) fn noise(chance: &mut Rng) -> [u8; SECTOR] {
    std::array::from_fn(|_| chance.next().to_le_bytes()[0])
}
