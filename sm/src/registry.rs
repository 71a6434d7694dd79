//! Which machines are on a log, as the log itself says.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use quorate_core::Index;
use serde::{Deserialize, Serialize};

use crate::envelope::MachineId;
use crate::outcome::Rejection;
use crate::schema::{Schema, SchemaChange};

/// A machine as the log knows it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Registration {
    /// Its id.
    pub id: MachineId,
    /// Its name, for clients.
    pub name: String,
    /// The text of its [`Schema`]: what its commands may be. Empty if it was written by hand.
    pub schema: String,
}

/// Why a replica cannot go on: most likely the log, or a state, was made by other programs. Then nothing is
/// wrong with it: run the program of the other servers, or a newer one.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unfit {
    /// The log has a machine that this program lacks.
    #[error("the log has machine {} ({name:?}), and this program has not", .id.0)]
    NoMachine {
        /// Its id.
        id: MachineId,
        /// Its name on the log.
        name: String,
    },
    /// The machine has operations on the log that this program does not have.
    #[error("machine {name:?} is another one on the log: {change}")]
    OtherSchema {
        /// Its name.
        name: String,
        /// What is lacking.
        change: SchemaChange,
    },
    /// The machine cannot go on: see [`ByteMachine::failure`](crate::ByteMachine::failure).
    #[error("machine {name:?} has failed: {why}")]
    Failed {
        /// Its name.
        name: String,
        /// What it says.
        why: String,
    },
}

/// All machines that were registered. One that was not is not there, whoever's program has it: but for
/// [`MachineId::FIRST`], which is on a log that was never founded.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Registry {
    is_founded: bool,
    machines: BTreeMap<MachineId, Registered>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Registered {
    name: String,
    schema: String,
    /// The numbers of its commands, in order; derived from the schema.
    #[serde(skip)]
    commands: Vec<u32>,
}

/// A log is founded by what its first leader has, unless it has grown longer than this before: by then it
/// was made by a program that had nothing to register.
const FOUNDING_MAX: Index = Index(1024);

/// The longest name, and the longest schema, in bytes.
const NAME_MAX: usize = 256;
const SCHEMA_MAX: usize = 1 << 20;

impl Registry {
    /// May a leader found the log with the entry after this one?
    pub(crate) fn may_be_founded(&self, last_applied: Index) -> bool {
        !self.is_founded && self.machines.is_empty() && last_applied < FOUNDING_MAX
    }

    /// May these be registered? All of them, or none.
    pub(crate) fn check(
        &self,
        at: Index,
        founds: bool,
        machines: &[Registration],
    ) -> Result<(), Rejection> {
        if founds && !self.may_be_founded(at.prev()) {
            return Err(Rejection::AlreadyFounded);
        }
        for (place, machine) in machines.iter().enumerate() {
            if !self.takes(machine) || machines[..place].iter().any(|it| it.is_like(machine)) {
                return Err(Rejection::RegisteredOtherwise { machine: machine.id });
            }
        }
        Ok(())
    }

    /// Takes in what was checked: new machines, or more operations of those that are there.
    pub(crate) fn register(&mut self, founds: bool, machines: Vec<Registration>) {
        self.is_founded |= founds;
        for Registration { id, name, schema } in machines {
            self.machines.insert(id, Registered::new(name, schema));
        }
    }

    /// Is it new, or more of what is there?
    fn takes(&self, machine: &Registration) -> bool {
        let Registration { id, name, schema } = machine;
        let is_sound =
            *id != MachineId::REPLICA && name.len() <= NAME_MAX && schema.len() <= SCHEMA_MAX;
        let mut others = self.machines.iter().filter(|(other, _)| *other != id);
        let is_known = |line: &str| schema.lines().any(|new| new == line);
        let before = self.machines.get(id);
        is_sound
            && others.all(|(_, other)| other.name != *name)
            && before.is_none_or(|old| old.name == *name && old.schema.lines().all(is_known))
    }

    /// Is this one there?
    pub(crate) fn has(&self, id: MachineId) -> bool {
        self.is_unregistered_first(id) || self.machines.contains_key(&id)
    }

    /// Nobody said so, but it is there.
    pub(crate) fn is_unregistered_first(&self, id: MachineId) -> bool {
        id == MachineId::FIRST && !self.is_founded && !self.machines.contains_key(&id)
    }

    /// May this be a command of the machine? A replica whose program knows more must not know better.
    pub(crate) fn admits(&self, id: MachineId, command: &[u8]) -> Result<(), Rejection> {
        let Some(machine) = self.machines.get(&id) else {
            let is_there = self.is_unregistered_first(id);
            return is_there.then_some(()).ok_or(Rejection::NoSuchMachine { machine: id });
        };
        if machine.schema.is_empty() {
            return Ok(());
        }
        let number = postcard::take_from_bytes(command).map(|(number, _): (u32, _)| number);
        let is_known = number.is_ok_and(|number| machine.commands.binary_search(&number).is_ok());
        is_known.then_some(()).ok_or(Rejection::Undecodable)
    }

    /// The one of this name.
    pub(crate) fn named(&self, name: &str) -> Option<Registration> {
        self.iter().find(|machine| machine.name == name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Registration> {
        self.machines.iter().map(|(&id, machine)| Registration {
            id,
            name: machine.name.clone(),
            schema: machine.schema.clone(),
        })
    }

    /// As it was before it was written down.
    pub(crate) fn restored(mut self) -> Self {
        for machine in self.machines.values_mut() {
            machine.commands = Schema::commands(&machine.schema);
        }
        self
    }
}

impl Registered {
    fn new(name: String, schema: String) -> Self {
        let commands = Schema::commands(&schema);
        Self { name, schema, commands }
    }
}

impl Registration {
    /// Can there be only one of the two?
    fn is_like(&self, other: &Self) -> bool {
        self.id == other.id || self.name == other.name
    }

    /// Can a program go on that has this machine in its place, or none?
    pub(crate) fn fits(&self, has: Option<(&str, Schema)>) -> Result<(), Unfit> {
        let name = self.name.clone();
        match has {
            Some((has, schema)) if has == name => {
                schema.serves(&self.schema).map_err(|change| Unfit::OtherSchema { name, change })
            }
            _ => Err(Unfit::NoMachine { id: self.id, name }),
        }
    }

    pub(crate) fn of(id: MachineId, name: &str, schema: Schema) -> Self {
        Self { id, name: name.to_owned(), schema: schema.text() }
    }
}
