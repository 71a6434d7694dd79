//! What happens to servers and their disks.

use quorate_core::{Event, Index, NodeId, Ticket};
use quorate_io_sim::engine::Image;

use super::parse::{Parsed, Words};
use super::words;
use super::world::{World, check, judged};

/// A command to one server, or its disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Hold(NodeId),
    Release(NodeId),
    Persist(NodeId, Option<usize>),
    Report(NodeId, Ticket),
    Crash {
        id: NodeId,
        kept: usize,
    },
    Restart(NodeId),
    /// Its disk is lost, and a new one takes its place.
    Wipe(NodeId),
    /// A copy is made of its disk, or put back; it knows that.
    Copy(NodeId),
    Revert(NodeId),
    /// Its state machine's state is on the disk, as far as it has applied.
    Snapshot(NodeId),
    /// It gets the snapshot that it wants, or does not.
    Get(NodeId),
    Miss(NodeId),
}

impl Fate {
    pub(super) const VERBS: [&str; 12] = [
        "hold", "release", "persist", "report", "crash", "restart", "wipe", "copy", "revert",
        "snapshot", "get", "miss",
    ];

    pub(super) fn read(verb: &str, words: &mut Words<'_>) -> Parsed<Self> {
        let id = words.node()?;
        Ok(match verb {
            "hold" => Self::Hold(id),
            "release" => Self::Release(id),
            "persist" => {
                let is_all = words.is_empty();
                Self::Persist(id, if is_all { None } else { Some(writes(words)?) })
            }
            "report" => Self::Report(id, Ticket(words.number("a ticket")?)),
            "crash" => {
                let kept = if words.take("keeping") { writes(words)? } else { 0 };
                Self::Crash { id, kept }
            }
            "snapshot" => Self::Snapshot(id),
            "wipe" => Self::Wipe(id),
            "copy" => Self::Copy(id),
            "revert" => Self::Revert(id),
            "get" => Self::Get(id),
            "miss" => Self::Miss(id),
            _ => Self::Restart(id),
        })
    }
}

fn writes(words: &mut Words<'_>) -> Parsed<usize> {
    usize::try_from(words.number("how many writes")?).map_err(|_| "too many writes".to_owned())
}

impl World {
    pub(super) fn strike(&mut self, command: Fate) -> Parsed {
        match command {
            Fate::Hold(id) => {
                let at = self.place(id)?;
                self.servers[at].is_held = true;
                self.say(id, "has a disk that waits");
                Ok(())
            }
            Fate::Release(id) => {
                let at = self.up(id)?;
                self.servers[at].is_held = false;
                self.say(id, "has a disk that works");
                judged(self.give(at, Vec::new()))
            }
            Fate::Persist(id, count) => {
                let at = self.up(id)?;
                let pending = self.servers[at].disk.pending();
                check(pending > 0, || format!("{id:?} has nothing to write"))?;
                let count = count.unwrap_or(pending);
                check(count <= pending, || format!("{id:?} has {pending} writes under way"))?;
                judged(self.persist(at, count))
            }
            Fate::Report(id, ticket) => {
                let at = self.up(id)?;
                judged(self.give(at, vec![Event::Persisted(ticket)]))
            }
            Fate::Crash { id, kept } => self.crash(id, kept),
            Fate::Restart(id) => {
                let at = self.place(id)?;
                check(self.servers[at].life.is_none(), || format!("{id:?} is up"))?;
                let checks = self.checks.as_ref().expect("there are servers");
                self.servers[at].start(&self.founders, checks, self.now)?;
                self.servers[at].tell().into_iter().for_each(|line| self.note(line));
                Ok(())
            }
            Fate::Wipe(id) => self.lose(id, Image::default()),
            Fate::Copy(id) => {
                let at = self.place(id)?;
                let server = &mut self.servers[at];
                server.copy = Some(server.disk.durable().clone());
                Ok(())
            }
            Fate::Revert(id) => {
                let at = self.place(id)?;
                let copy = self.servers[at].copy.clone();
                self.lose(id, copy.ok_or_else(|| format!("there is no copy of {id:?}"))?)
            }
            Fate::Snapshot(id) => {
                let at = self.up(id)?;
                let applied = self.servers[at].life.as_ref().map_or(Index(0), |life| life.applied);
                judged(self.give(at, vec![Event::SnapshotTaken(applied)]))
            }
            Fate::Get(id) => {
                let at = self.up(id)?;
                let wanted = self.servers[at].wanted.take();
                let wanted = wanted.ok_or_else(|| format!("{id:?} wants no snapshot"))?;
                judged(self.give(at, vec![Event::SnapshotFetched(wanted)]))
            }
            Fate::Miss(id) => {
                let at = self.up(id)?;
                let wanted = self.servers[at].wanted.take();
                let wanted = wanted.ok_or_else(|| format!("{id:?} wants no snapshot"))?;
                judged(self.give(at, vec![Event::SnapshotUnavailable(wanted.last_included)]))
            }
        }
    }

    fn lose(&mut self, id: NodeId, left: Image) -> Parsed {
        let at = self.place(id)?;
        check(self.servers[at].life.is_none(), || format!("{id:?} is up"))?;
        let last = words::id(left.last());
        self.servers[at].disk.lose(left);
        self.checks.as_mut().expect("there are servers").forgets(id);
        self.say(id, &format!("is forgetful: log ends at {last}"));
        Ok(())
    }

    fn crash(&mut self, id: NodeId, kept: usize) -> Parsed {
        let at = self.up(id)?;
        let server = &mut self.servers[at];
        let pending = server.disk.pending();
        check(kept <= pending, || format!("{id:?} has {pending} writes under way"))?;
        server.disk.crash(kept);
        server.life = None;
        server.fetches.clear();
        server.wanted = None;
        self.requests.crashed(id);
        let (kept, lost) = (self.servers[at].disk.written().last(), pending - kept);
        self.say(id, &format!("is down: {lost} writes lost, log ends at {}", words::id(kept)));
        judged(self.checks.as_ref().expect("there are servers").still_durable(&self.servers))
    }
}
