//! Cutting one direction of a connection between servers into frames, and what happens to them.

use bytes::{Bytes, BytesMut};
use quorate_core::wire::MAGIC;

use super::chance::{Chance, strikes};
use super::kinds::{FrameKind, Length};
use super::link::Link;
use super::options::{FrameOptions, Overtaking, Rule};
use super::pipe::Chunk;
use super::struck::Struck;
use crate::rng::Rng;

/// How many frames of one direction are aside at once.
const ASIDE_MAX: usize = 16;

/// How far a stream has been understood. A frame passes once it is whole; what is no stream of
/// frames passes untouched.
pub(super) struct Framing {
    at: At,
    /// The beginning of a frame.
    partial: BytesMut,
    aside: Vec<Aside>,
}

enum At {
    /// So many bytes of the magic have passed.
    Magic(usize),
    Frames,
    /// Not ours, or not looked at.
    Foreign,
}

/// A frame that others may overtake.
struct Aside {
    frame: Bytes,
    kind: FrameKind,
    /// Passes after so many others.
    after: u64,
    /// Or at this time.
    until: u64,
}

/// What is needed to decide on frames.
pub(super) struct Fate<'a> {
    pub(super) now: u64,
    pub(super) link: &'a mut Link,
    pub(super) chance: &'a mut Chance,
    pub(super) struck: &'a mut Struck,
}

impl Framing {
    pub(super) fn new(is_between_servers: bool) -> Self {
        let at = if is_between_servers { At::Magic(0) } else { At::Foreign };
        Self { at, partial: BytesMut::new(), aside: Vec::new() }
    }

    /// What of `bytes`, and of what came before, goes on now.
    pub(super) fn pass(&mut self, bytes: Bytes, fate: &mut Fate<'_>, out: &mut Vec<Chunk>) {
        let told = self.partial.len() as u64;
        match self.at {
            At::Foreign => out.push(Chunk::new(bytes)),
            At::Magic(seen) => self.pass_magic(seen, bytes, fate, out),
            At::Frames => self.pass_frames(bytes, fate, out),
        }
        // What was kept back has left its process already, as far as that can tell.
        let mut told = told.saturating_sub(self.partial.len() as u64);
        for chunk in out {
            let less = told.min(chunk.credit);
            chunk.credit -= less;
            told -= less;
        }
    }

    /// Everything that is kept back goes on.
    pub(super) fn flush(&mut self, out: &mut Vec<Chunk>) {
        let aside = self.aside.drain(..).map(|aside| Chunk::again(aside.frame));
        out.extend(aside);
        if !self.partial.is_empty() {
            out.push(Chunk::again(self.partial.split().freeze()));
        }
    }

    /// What has been aside for long enough goes on.
    pub(super) fn release(&mut self, now: u64, out: &mut Vec<Chunk>) {
        self.release_if(|aside| aside.until <= now, out);
    }

    /// When [`release`](Self::release) will find something.
    pub(super) fn release_at(&self) -> Option<u64> {
        self.aside.iter().map(|aside| aside.until).min()
    }

    fn pass_magic(
        &mut self,
        seen: usize,
        mut bytes: Bytes,
        fate: &mut Fate<'_>,
        out: &mut Vec<Chunk>,
    ) {
        let expected = &MAGIC[seen..];
        let compared = expected.len().min(bytes.len());
        if bytes[..compared] != expected[..compared] {
            self.at = At::Foreign;
            return out.push(Chunk::new(bytes));
        }
        out.push(Chunk::new(bytes.split_to(compared)));
        self.at = At::Magic(seen + compared);
        if seen + compared == MAGIC.len() {
            self.at = At::Frames;
            self.pass_frames(bytes, fate, out);
        }
    }

    fn pass_frames(&mut self, mut bytes: Bytes, fate: &mut Fate<'_>, out: &mut Vec<Chunk>) {
        if !self.partial.is_empty() {
            self.partial.extend_from_slice(&bytes);
            bytes = self.partial.split().freeze();
        }
        let (mut start, mut at) = (0, 0);
        while at < bytes.len() {
            let length = match Length::of(&bytes[at..]) {
                Length::Known(length) if at + length <= bytes.len() => length,
                Length::Foreign => {
                    self.at = At::Foreign;
                    return out.push(Chunk::new(bytes.slice(start..)));
                }
                _ => break,
            };
            if fate.link.options.frames.strikes() || !self.aside.is_empty() {
                let frame = bytes.slice(at..at + length);
                let decision = self.decide(&frame, fate);
                if !decision.is_plain() {
                    if start < at {
                        out.push(Chunk::new(bytes.slice(start..at)));
                    }
                    decision.carry_out(frame, out);
                    start = at + length;
                }
            }
            at += length;
        }
        if start < at {
            out.push(Chunk::new(bytes.slice(start..at)));
        }
        self.partial.extend_from_slice(&bytes[at..]);
    }

    /// What becomes of a frame.
    fn decide(&mut self, frame: &Bytes, fate: &mut Fate<'_>) -> Decision {
        let (options, kind) = (fate.link.options.frames, FrameKind::of(frame));
        let mut decision = Decision { before: Vec::new(), passes: true, after: Vec::new() };
        replay(frame, kind, fate, &mut decision.before);
        if options.overtaking == Overtaking::Tame && kind.class().is_some() {
            self.release_if(|aside| aside.kind.class() == kind.class(), &mut decision.before);
        }
        if fate.hits(options.lose, kind, |chance| &mut chance.lose) {
            fate.struck.frames_lost += 1;
            decision.passes = false;
            return decision;
        }
        if fate.hits(options.duplicate, kind, |chance| &mut chance.duplicate) {
            fate.struck.frames_duplicated += 1;
            decision.before.push(Chunk::again(frame.clone()));
        }
        if self.aside.len() < ASIDE_MAX
            && fate.hits(options.reorder, kind, |chance| &mut chance.reorder)
        {
            fate.struck.frames_reordered += 1;
            decision.passes = false;
            self.put_aside(frame.clone(), kind, fate, options);
            return decision;
        }
        self.aside.iter_mut().for_each(|aside| aside.after -= 1);
        self.release_if(|aside| aside.after == 0, &mut decision.after);
        decision
    }

    fn put_aside(
        &mut self,
        frame: Bytes,
        kind: FrameKind,
        fate: &mut Fate<'_>,
        options: FrameOptions,
    ) {
        let window = u64::from(options.reorder_window.max(1));
        let after = fate.chance.reorder.within(1, window);
        let wait = fate.chance.reorder.within(0, options.reorder_wait_max_ns);
        self.aside.push(Aside { frame, kind, after, until: fate.now + wait });
    }

    fn release_if(&mut self, is_free: impl Fn(&Aside) -> bool, out: &mut Vec<Chunk>) {
        let mut at = 0;
        while at < self.aside.len() {
            if is_free(&self.aside[at]) {
                out.push(Chunk::again(self.aside.remove(at).frame));
            } else {
                at += 1;
            }
        }
    }
}

/// What becomes of a frame, and what else goes on because of it.
struct Decision {
    before: Vec<Chunk>,
    passes: bool,
    after: Vec<Chunk>,
}

impl Decision {
    const fn is_plain(&self) -> bool {
        self.passes && self.before.is_empty() && self.after.is_empty()
    }

    fn carry_out(self, frame: Bytes, out: &mut Vec<Chunk>) {
        out.extend(self.before);
        if self.passes {
            out.push(Chunk::new(frame));
        }
        out.extend(self.after);
    }
}

/// Now and then an old frame goes on before a new one, which is then remembered.
fn replay(frame: &[u8], kind: FrameKind, fate: &mut Fate<'_>, out: &mut Vec<Chunk>) {
    let options = fate.link.options.frames;
    if options.replay.ppm == 0 || !options.replay.kinds.contains(kind) {
        return;
    }
    if strikes(&mut fate.chance.replay, options.replay.ppm)
        && let Some(old) =
            fate.link.recall(fate.now, options.replay_age_min_ns, &mut fate.chance.replay)
    {
        fate.struck.frames_replayed += 1;
        out.push(Chunk::again(Bytes::copy_from_slice(old)));
    }
    fate.link.remember(fate.now, frame, &mut fate.chance.replay);
}

impl Fate<'_> {
    fn hits(
        &mut self,
        rule: Rule,
        kind: FrameKind,
        stream: impl Fn(&mut Chance) -> &mut Rng,
    ) -> bool {
        rule.ppm > 0 && rule.kinds.contains(kind) && strikes(stream(self.chance), rule.ppm)
    }
}
