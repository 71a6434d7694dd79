//! What clients asked for, and what they were told.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use quorate_core::{Entry, Event, Index, LogId, Membership, NodeId, Payload, Refusal, RequestId};

use crate::judge::{Checked, Property, hold};
use crate::rng::{Rng, Stream};

/// Invariant: an identifier is asked for once, and is open until it is answered or its server
/// crashes.
pub(crate) struct Requests {
    rng: Rng,
    command_bytes_max: u64,
    newest: u64,
    open: BTreeMap<RequestId, Asked>,
    accepted: BTreeMap<RequestId, LogId>,
    pub(crate) reads: u64,
    pub(crate) transfers: u64,
    pub(crate) changes: u64,
    /// What the membership shall be.
    targets: BTreeMap<RequestId, Membership>,
    pub(crate) refused: u64,
}

#[derive(Clone, Copy)]
struct Asked {
    server: NodeId,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Proposal {
        bytes: u64,
    },
    Read {
        /// What was committed anywhere when it was asked for.
        committed: Index,
    },
    Transfer,
    Change,
}

impl Requests {
    pub(crate) fn new(seed: u64, command_bytes_max: u64) -> Self {
        Self {
            rng: Rng::new(seed, Stream::Commands),
            command_bytes_max,
            newest: 0,
            open: BTreeMap::new(),
            accepted: BTreeMap::new(),
            reads: 0,
            transfers: 0,
            changes: 0,
            targets: BTreeMap::new(),
            refused: 0,
        }
    }

    /// A proposal of random length; its command begins with its name.
    pub(crate) fn propose(&mut self, server: NodeId) -> Event {
        let bytes = self.rng.within(8, self.command_bytes_max);
        self.propose_bytes(server, bytes)
    }

    /// A proposal of this length, which is at least 8.
    pub(crate) fn propose_bytes(&mut self, server: NodeId, bytes: u64) -> Event {
        let id = self.ask(server, What::Proposal { bytes });
        let mut command = id.0.to_le_bytes().to_vec();
        command.resize(usize::try_from(bytes).expect("commands are short"), 0);
        Event::Propose { id, command: Bytes::from(command) }
    }

    pub(crate) fn read(&mut self, server: NodeId, committed: Index) -> Event {
        let id = self.ask(server, What::Read { committed });
        // Where leaders have no leases, the two are the same.
        if id.0.is_multiple_of(2) { Event::LeaseRead { id } } else { Event::Read { id } }
    }

    /// Leadership shall be handed over, within this time.
    pub(crate) fn transfer(
        &mut self,
        server: NodeId,
        to: Option<NodeId>,
        within: Duration,
    ) -> Event {
        Event::TransferLeadership { id: self.ask(server, What::Transfer), to, within }
    }

    pub(crate) fn transferred(&mut self, server: NodeId, id: RequestId) -> Checked {
        let asked = self.answered(server, id, "done")?;
        self.transfers += 1;
        hold(asked.what == What::Transfer, PROPERTY, || {
            format!("{server:?} has handed over, says {id:?}, which is no transfer")
        })
    }

    /// The membership shall change.
    pub(crate) fn reconfigure(
        &mut self,
        server: NodeId,
        target: Membership,
        expected: Option<Index>,
        force: bool,
    ) -> Event {
        let id = self.ask(server, What::Change);
        self.targets.insert(id, target.clone());
        Event::Reconfigure { id, target, expected, force }
    }

    /// The membership is this, as it shall be.
    pub(crate) fn reconfigured(
        &mut self,
        server: NodeId,
        id: RequestId,
        membership: Option<&Membership>,
    ) -> Checked {
        self.answered(server, id, "done")?;
        self.changes += 1;
        let target = self.targets.remove(&id);
        hold(target.is_some() && target.as_ref() == membership, PROPERTY, || {
            format!("{server:?} says that {id:?} is done: {target:?}; its log says {membership:?}")
        })
    }

    /// A change goes no further.
    pub(crate) fn change_stopped(&mut self, server: NodeId, id: RequestId) -> Checked {
        self.answered(server, id, "stopped")?;
        hold(self.targets.remove(&id).is_some(), PROPERTY, || {
            format!("{server:?} has stopped {id:?}, which is no change")
        })
    }

    /// Is a change of the membership under way?
    pub(crate) fn is_changing(&self) -> bool {
        self.open.values().any(|asked| asked.what == What::Change)
    }

    /// The server crashed: nobody will ever answer.
    pub(crate) fn crashed(&mut self, server: NodeId) {
        self.open.retain(|_, asked| asked.server != server);
    }

    pub(crate) fn accepted(&mut self, server: NodeId, id: RequestId, at: LogId) -> Checked {
        let asked = self.answered(server, id, "accepted")?;
        hold(matches!(asked.what, What::Proposal { .. }), PROPERTY, || {
            format!("{server:?} accepted {id:?}, which is no proposal")
        })?;
        self.accepted.insert(id, at);
        Ok(())
    }

    pub(crate) fn read_ready(&mut self, server: NodeId, id: RequestId, index: Index) -> Checked {
        let asked = self.answered(server, id, "ready")?;
        let What::Read { committed } = asked.what else {
            return hold(false, PROPERTY, || format!("{id:?} is ready to read, and is no read"));
        };
        self.reads += 1;
        hold(index >= committed, Property::ReadsAreLinearizable, || {
            format!("{server:?} reads at {index:?}; {committed:?} was committed before {id:?}")
        })
    }

    pub(crate) fn refused(
        &mut self,
        server: NodeId,
        id: RequestId,
        why: Refusal,
        bytes_max: u64,
    ) -> Checked {
        let asked = self.answered(server, id, "refused")?;
        self.refused += 1;
        let too_large = matches!(why, Refusal::TooLarge { .. });
        match asked.what {
            What::Proposal { bytes } => hold(!too_large || bytes > bytes_max, PROPERTY, || {
                format!("{id:?} of {bytes} bytes is within the limit, and was refused: {why}")
            }),
            What::Read { .. } | What::Transfer | What::Change => {
                hold(!too_large, PROPERTY, || format!("{id:?} has no length: {why}"))
            }
        }
    }

    /// An entry was seen for the first time: if it is a command, somebody asked for it, and was
    /// told where it is.
    pub(crate) fn appended(&self, entry: &Entry) -> Checked {
        let Payload::Command(command) = &entry.payload else { return Ok(()) };
        let name = command.first_chunk().map(|&name| RequestId(u64::from_le_bytes(name)));
        let told = name.and_then(|name| self.accepted.get(&name));
        hold(told == Some(&entry.id), PROPERTY, || {
            format!("{name:?} is at {:?}; its client was told {told:?}", entry.id)
        })
    }

    pub(crate) fn is_accepted(&self) -> usize {
        self.accepted.len()
    }

    /// One that has not been answered.
    pub(crate) fn open(&self) -> Option<(RequestId, NodeId)> {
        self.open.iter().map(|(&id, asked)| (id, asked.server)).next()
    }

    fn ask(&mut self, server: NodeId, what: What) -> RequestId {
        self.newest += 1;
        let id = RequestId(self.newest);
        self.open.insert(id, Asked { server, what });
        id
    }

    fn answered(&mut self, server: NodeId, id: RequestId, how: &str) -> Checked<Asked> {
        let asked = self.open.remove(&id);
        hold(asked.is_some_and(|asked| asked.server == server), PROPERTY, || {
            format!("{server:?} says that {id:?} is {how}: answered before, or never asked there")
        })?;
        Ok(asked.expect("held"))
    }
}

const PROPERTY: Property = Property::OneTrueAnswer;
