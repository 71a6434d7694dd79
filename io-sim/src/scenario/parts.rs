//! What an action mentions: servers and times.

use core::time::Duration;

use quorate_core::{Membership, NodeId, RoleKind};

use super::action::{Action, Limits, Role, Strike, Who};
use super::options::Options;

impl Strike {
    /// Whom it strikes, if that is said in one word.
    pub fn who(&self) -> Option<Who> {
        match self {
            Self::Isolate { who, .. }
            | Self::Deaf { who, .. }
            | Self::Mute { who, .. }
            | Self::Clog { who, .. }
            | Self::Filter { who, .. }
            | Self::Lag { who, .. }
            | Self::Shut { who, .. }
            | Self::Kill { who, .. }
            | Self::Stop { who, .. }
            | Self::Transfer { who, .. }
            | Self::Reconfigure { who, .. }
            | Self::Power { who, .. }
            | Self::Torn { who, .. }
            | Self::Pause { who, .. }
            | Self::Freeze { who, .. }
            | Self::Jump { who, .. }
            | Self::SlowCpu { who, .. }
            | Self::Stall { who, .. }
            | Self::SlowDisk { who, .. }
            | Self::DiskError { who, .. }
            | Self::Rot { who, .. }
            | Self::Full { who, .. } => Some(*who),
            Self::Split { .. }
            | Self::Bridge { .. }
            | Self::Ring { .. }
            | Self::Chain { .. }
            | Self::Star { .. }
            | Self::OneWay { .. }
            | Self::Flap { .. }
            | Self::SlowLink { .. }
            | Self::Reroute { .. } => None,
        }
    }

    /// Does it wait for somebody to strike, if there is nobody yet?
    pub fn waits(&self) -> bool {
        self.who() == Some(Who::Role(Role::Candidate))
    }

    /// The places, from 0, of the servers that it strikes where there are so many; `newest` finds
    /// whoever is in a role, in the newest term that has one.
    pub fn aim(&self, servers: usize, newest: impl Fn(RoleKind) -> Option<usize>) -> Vec<usize> {
        match self.who() {
            None | Some(Who::Server(_)) => {
                self.servers().into_iter().map(|server| usize::from(server) - 1).collect()
            }
            Some(Who::Role(Role::All)) => (0..servers).collect(),
            Some(Who::Role(Role::Leader)) => newest(RoleKind::Leader).into_iter().collect(),
            Some(Who::Role(Role::Candidate)) => newest(RoleKind::Candidate).into_iter().collect(),
        }
    }

    /// For how long, if it lasts.
    pub fn lasts(&self) -> Duration {
        let mut strike = self.clone();
        strike.lasting().map_or(Duration::ZERO, |lasts| *lasts)
    }

    /// The servers that it names, in no order.
    pub fn servers(&self) -> Vec<u16> {
        match self {
            Self::Split { sides, .. } => sides.concat(),
            Self::Bridge { hub, sides, .. } => [&sides.concat()[..], &[*hub]].concat(),
            Self::Ring { order, .. } | Self::Chain { order, .. } => order.clone(),
            Self::Star { hub, .. } => vec![*hub],
            Self::OneWay { from, to, .. } => [&from[..], to].concat(),
            Self::Flap { between, .. } => between.to_vec(),
            Self::SlowLink { from, to, .. } | Self::Reroute { from, to, .. } => vec![*from, *to],
            _ => self.named(),
        }
    }

    /// Whom it strikes, and to whom leadership shall go.
    fn named(&self) -> Vec<u16> {
        let who = match self.who() {
            Some(Who::Server(server)) => Some(server),
            Some(Who::Role(_)) | None => None,
        };
        let to = if let Self::Transfer { to, .. } = self { *to } else { None };
        who.into_iter().chain(to).collect()
    }

    /// The same where there are only so many servers; `None` if it has lost its aim.
    pub(super) fn among(&self, servers: u16) -> Option<Self> {
        let mut strike = self.clone();
        match &mut strike {
            Self::Split { sides, .. } | Self::Bridge { sides, .. } => {
                sides.iter_mut().for_each(|side| side.retain(|&server| server <= servers));
                sides.retain(|side| !side.is_empty());
            }
            Self::Ring { order, .. } | Self::Chain { order, .. } => {
                order.retain(|&server| server <= servers);
            }
            Self::OneWay { from, to, .. } => {
                from.retain(|&server| server <= servers);
                to.retain(|&server| server <= servers);
            }
            Self::Reconfigure { voters, learners, .. } => {
                voters.retain(|&server| server <= servers);
                learners.retain(|&server| server <= servers);
                if voters.is_empty() {
                    return None;
                }
            }
            _ => {}
        }
        strike.servers().iter().all(|&server| server <= servers).then_some(strike)
    }

    fn lasting(&mut self) -> Option<&mut Duration> {
        match self {
            Self::Isolate { lasts, .. }
            | Self::Deaf { lasts, .. }
            | Self::Mute { lasts, .. }
            | Self::Split { lasts, .. }
            | Self::Bridge { lasts, .. }
            | Self::Ring { lasts, .. }
            | Self::Chain { lasts, .. }
            | Self::Star { lasts, .. }
            | Self::OneWay { lasts, .. }
            | Self::Flap { lasts, .. }
            | Self::Lag { lasts, .. }
            | Self::SlowLink { lasts, .. }
            | Self::SlowCpu { lasts, .. }
            | Self::Clog { lasts, .. }
            | Self::Filter { lasts, .. }
            | Self::Shut { lasts, .. }
            | Self::Reroute { lasts, .. }
            | Self::Pause { lasts, .. }
            | Self::Freeze { lasts, .. }
            | Self::Stall { lasts, .. }
            | Self::SlowDisk { lasts, .. }
            | Self::Full { lasts, .. } => Some(lasts),
            Self::Kill { .. }
            | Self::Stop { .. }
            | Self::Transfer { .. }
            | Self::Reconfigure { .. }
            | Self::Power { .. }
            | Self::Torn { .. }
            | Self::Jump { .. }
            | Self::DiskError { .. }
            | Self::Rot { .. } => None,
        }
    }

    fn spans_mut(&mut self) -> Vec<&mut Duration> {
        match self {
            Self::Flap { stretch, lasts, .. } => vec![stretch, lasts],
            Self::SlowLink { by, lasts, .. }
            | Self::Lag { by, lasts, .. }
            | Self::SlowCpu { by, lasts, .. } => vec![by, lasts],
            Self::Kill { down, .. }
            | Self::Stop { down, .. }
            | Self::Power { down, .. }
            | Self::Torn { down, .. } => {
                vec![down]
            }
            Self::Jump { by, .. } => vec![by],
            _ => self.lasting().into_iter().collect(),
        }
    }
}

impl Action {
    /// When it strikes, how long it lasts, and whatever else is a time.
    pub(super) fn spans_mut(&mut self) -> Vec<&mut Duration> {
        let mut spans = self.what.spans_mut();
        spans.push(&mut self.at);
        spans
    }

    /// Can this be done where there are so many servers?
    ///
    /// # Errors
    /// See [`ActionError`].
    pub fn check(&self, servers: u16) -> Result<(), ActionError> {
        const SPAN_MAX: Duration = Duration::from_secs(3600);
        let named = self.what.servers();
        if let Some(&server) = named.iter().find(|&&server| server == 0 || server > servers) {
            return Err(ActionError::NoSuchServer { server, servers });
        }
        if let Some(span) = self.clone().spans_mut().into_iter().find(|span| **span > SPAN_MAX) {
            return Err(ActionError::TooLong { span: *span });
        }
        let all = u64::from(servers);
        let (what, value, min, max) = match &self.what {
            Strike::Reconfigure { voters, learners, .. } => {
                let named = voters.iter().chain(learners);
                if let Some(&server) = named.clone().find(|&&it| it == 0 || it > servers) {
                    return Err(ActionError::NoSuchServer { server, servers });
                }
                if voters.is_empty() {
                    return Err(ActionError::NoMembership);
                }
                let named: Vec<_> = named.collect();
                let is_twice = (1..named.len()).any(|at| named[..at].contains(&named[at]));
                ("the members, each once,", named.len() as u64 + u64::from(is_twice) * all, 1, all)
            }
            Strike::Torn { after, .. } => ("after", *after, 1, 1 << 40),
            Strike::SlowDisk { percent, .. } => ("percent", *percent, 0, 1_000_000),
            Strike::Flap { stretch, .. } => ("stretch", u64::from(!stretch.is_zero()), 1, 1),
            Strike::Kill { limits: Some(limits), .. }
            | Strike::Power { limits: Some(limits), .. } => {
                let least = limits.message_bytes_max.min(limits.inflight_messages_max.into());
                ("a limit", least, 1, 1 << 40)
            }
            _ => return Ok(()),
        };
        if value < min || value > max {
            return Err(ActionError::OutOfRange { what, value, min, max });
        }
        Ok(())
    }
}

impl Strike {
    /// Who shall belong to the cluster, and where all of them are; `None` of any other strike.
    pub fn target(&self, options: &Options) -> Option<Membership> {
        let Self::Reconfigure { voters, learners, .. } = self else { return None };
        let ids = |list: &[u16]| list.iter().filter_map(|&it| NodeId::new(it.into())).collect();
        let (voters, learners): (Vec<_>, Vec<_>) = (ids(voters), ids(learners));
        let members = Membership::new(voters, [], learners).ok()?;
        let others = (1..=options.servers()).filter_map(|id| NodeId::new(id.into()));
        let reserves = others.filter(|&id| options.staffing().is_some() && !members.is_member(id));
        let reserves: Vec<_> = reserves.collect();
        let known = [members.members(), reserves.clone()].concat();
        let addresses = known.into_iter().map(|id| (id, crate::boot::address(id)));
        members.with_reserves(reserves).ok()?.with_addresses(addresses).ok()
    }
}

impl Limits {
    /// Makes them those of a server.
    pub fn apply_to(self, options: &mut Options) {
        options.raft.message_bytes_max = self.message_bytes_max;
        options.raft.inflight_messages_max = self.inflight_messages_max;
        options.raft.cached_bytes_max = self.cached_bytes_max;
        options.wal.batch_bytes_max = self.batch_bytes_max;
    }
}

/// An action that cannot be carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ActionError {
    /// It names a server that is not there.
    #[error("there is no server {server}, only {servers} of them")]
    NoSuchServer {
        /// The one named.
        server: u16,
        /// How many there are.
        servers: u16,
    },
    /// A cluster of nobody.
    #[error("there must be a voter")]
    NoMembership,
    /// Beyond an hour.
    #[error("{span:?} is longer than an hour")]
    TooLong {
        /// How long.
        span: Duration,
    },
    /// A number that makes no sense.
    #[error("{what} is {value}, and must be {min} to {max}")]
    OutOfRange {
        /// Which.
        what: &'static str,
        /// What it is.
        value: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
}
