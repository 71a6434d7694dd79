//! A state that is about to take the place of another, as it comes in.

use alloc::vec::Vec;
use core::mem;

use serde::{Deserialize, Serialize};

use crate::capture::{Cut, SectionReader};
use crate::clock::Clock;
use crate::codec;
use crate::context::Desk;
use crate::envelope::MachineId;
use crate::hosts::Hosts;
use crate::machine::Undecodable;
use crate::registry::{Registration, Registry, Unfit};
use crate::sessions::Sessions;

/// What a replica writes down before the states of its machines.
#[derive(Serialize)]
pub(crate) struct Head<'a> {
    pub(crate) clock: Clock,
    pub(crate) registry: &'a Registry,
    /// What [`MachineId::FIRST`] is, if nobody has registered it.
    pub(crate) first: Option<Registration>,
    pub(crate) sessions: &'a Sessions,
    pub(crate) machines: Vec<(MachineId, &'a Desk)>,
}

/// As it is read.
#[derive(Deserialize)]
pub(crate) struct OwnedHead {
    pub(crate) clock: Clock,
    pub(crate) registry: Registry,
    first: Option<Registration>,
    pub(crate) sessions: Sessions,
    pub(crate) machines: Vec<(MachineId, Desk)>,
}

/// Why a state is not this replica's.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RestoreError {
    /// The bytes are no state.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// It has something that this program lacks.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// See the [module](self).
#[derive(Default)]
pub(crate) struct Loading {
    reader: SectionReader,
    head: Option<OwnedHead>,
    /// Of the machines, as far as they have come whole; empty where a machine has taken it in itself.
    sections: Vec<Vec<u8>>,
    /// The one that has begun.
    section: Vec<u8>,
    /// What is wrong with it.
    error: Option<RestoreError>,
}

/// All of it.
pub(crate) struct Loaded {
    pub(crate) head: OwnedHead,
    /// One for each machine in the head.
    pub(crate) sections: Vec<Vec<u8>>,
}

impl Loading {
    pub(crate) fn take_in(&mut self, part: &[u8], hosts: &mut Hosts) {
        if self.error.is_none() {
            self.error = self.try_take_in(part, hosts).err();
        }
    }

    fn try_take_in(&mut self, mut part: &[u8], hosts: &mut Hosts) -> Result<(), RestoreError> {
        while let Some(cut) = self.reader.next(&mut part)? {
            let machine = match &self.head {
                Some(head) => {
                    let (id, _) = head.machines.get(self.sections.len()).ok_or(Undecodable)?;
                    Some(hosts.of_program_mut(*id).ok_or(Undecodable)?)
                }
                None => None,
            };
            let is_head = machine.is_none();
            let loader = machine.and_then(|host| host.machine.loader());
            match (cut, loader) {
                (Cut::Bytes(bytes), Some(loader)) => loader.load(bytes)?,
                (Cut::Bytes(bytes), None) => self.section.extend_from_slice(bytes),
                (Cut::End, _) => {
                    let section = mem::take(&mut self.section);
                    if is_head {
                        self.head = Some(read_head(&section, hosts)?);
                    } else {
                        self.sections.push(section);
                    }
                }
            }
        }
        Ok(())
    }

    /// # Errors
    /// If it is not all of a state, or none.
    pub(crate) fn finish(self) -> Result<Loaded, RestoreError> {
        let Self { reader, head, sections, error, .. } = self;
        error.map_or(Ok(()), Err)?;
        let is_whole =
            |head: &OwnedHead| reader.is_between() && head.machines.len() == sections.len();
        let head = head.filter(is_whole).ok_or(Undecodable)?;
        Ok(Loaded { head, sections })
    }
}

fn read_head(section: &[u8], hosts: &Hosts) -> Result<OwnedHead, RestoreError> {
    let head: OwnedHead = codec::decode(section).ok_or(Undecodable)?;
    let first = head.first.iter();
    head.registry.iter().chain(first.cloned()).try_for_each(|machine| hosts.fit(&machine))?;
    Ok(head)
}
