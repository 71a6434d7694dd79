//! Hosts: where connections start and end.

use crate::disk::DeathMode;

/// A host, by its number: servers from 1, then clients.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct HostId(pub u16);

/// How a host goes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Down {
    /// The process is killed; its kernel lives, ends its connections and refuses new ones. What had
    /// left the process still arrives.
    Kill,
    /// The machine is dark: nothing answers. Others find out when they send something and get no
    /// acknowledgement, or, once the host is up again, a reset.
    PowerLoss,
}

impl From<DeathMode> for Down {
    fn from(mode: DeathMode) -> Self {
        match mode {
            DeathMode::Kill => Self::Kill,
            DeathMode::PowerLoss => Self::PowerLoss,
        }
    }
}

/// What the network knows of a host.
#[derive(Clone)]
pub(super) struct Host {
    pub(super) is_dark: bool,
    pub(super) is_listening: bool,
    /// Who answers in its place.
    pub(super) answers: HostId,
}

impl Host {
    pub(super) const fn new(id: HostId) -> Self {
        Self { is_dark: false, is_listening: false, answers: id }
    }
}
