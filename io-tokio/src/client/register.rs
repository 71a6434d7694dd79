//! Machines that come to a group that is there already.

use std::collections::BTreeMap;

use quorate_core::NodeId;
use quorate_core::wire::{Address, Consistency};
use quorate_sm::{About, Envelope, MachineId, Outcome, Registration, Rejection, client};

use super::{Ask, CallError, Client, Doubt, Reason, decode};

/// Why a machine is not on the log, or not with all its operations.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum NotRegistered {
    /// A server cannot be asked what it has. Start it, or remove it from the group.
    #[error("server {server} cannot be asked whether it has machine {name:?}: {why}")]
    CannotAsk {
        /// The server.
        server: NodeId,
        /// The machine's name.
        name: String,
        /// What came of asking it.
        why: CallError,
    },
    /// A server runs a program without it. Were it registered, that server would have to stop.
    #[error("server {server} runs a program without machine {name:?}: bring it up to date first")]
    Lacks {
        /// The server.
        server: NodeId,
        /// The machine's name.
        name: String,
    },
    /// Two servers run programs in which the machine has other operations.
    #[error("servers {} and {} run programs with different machines {name:?}", .servers.0, .servers.1)]
    Differs {
        /// Two that differ.
        servers: (NodeId, NodeId),
        /// The machine's name.
        name: String,
    },
    /// It does not go with what is on the log.
    #[error("the log refuses it: {0}")]
    Rejected(Rejection),
    /// The group could not be asked, or did not answer. Registering again does no harm.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// What servers say of a machine.
type Described = Option<(MachineId, String)>;

impl Client {
    /// Puts a machine of the servers' programs on the log of a group that is there already, or operations of
    /// it that are new. First bring the programs of all servers up to date, one at a time: whoever lacked
    /// what is on the log would have to stop, so this asks all members, and registers nothing unless all
    /// have it. What a new log begins with is registered by its first leader.
    ///
    /// May be called any number of times.
    ///
    /// # Errors
    /// See [`NotRegistered`].
    pub async fn register(&self, name: &str) -> Result<MachineId, NotRegistered> {
        let status = self.call(Ask::Status, None).await?;
        let status: quorate_core::node::NodeStatus =
            decode(&status.answer).ok_or(CallError::NotApplied(Reason::BadAnswer))?;
        let members: BTreeMap<NodeId, Address> = status.addresses.into_iter().collect();
        let mut first: Option<(NodeId, (MachineId, String))> = None;
        for (server, address) in members {
            let found = self.program_of(server, &address, name).await?;
            match &first {
                Some((other, has)) if *has != found => {
                    let (servers, name) = ((*other, server), name.to_owned());
                    return Err(NotRegistered::Differs { servers, name });
                }
                Some(_) => {}
                None => first = Some((server, found)),
            }
        }
        let (_, (id, schema)) = first.ok_or(CallError::NotApplied(Reason::BadAnswer))?;
        let machines = vec![Registration { id, name: name.to_owned(), schema }];
        let command = Envelope::Register { founds: false, machines }.encode();
        let answered = self.call(Ask::Repeatable(command), None).await?;
        match Outcome::decode(&answered.answer) {
            Ok(Outcome::Done) => Ok(id),
            Ok(Outcome::Rejected(why)) => Err(NotRegistered::Rejected(why)),
            Ok(_) | Err(_) => Err(CallError::Unknown(Doubt::BadAnswer).into()),
        }
    }

    async fn program_of(
        &self,
        server: NodeId,
        address: &Address,
        name: &str,
    ) -> Result<(MachineId, String), NotRegistered> {
        let query = client::about(&About::Program { name: name.to_owned() });
        let ask = Ask::Query(Consistency::Stale, query);
        let answered = self.call(ask, Some(address.to_string())).await;
        let found = answered.and_then(|answered| {
            decode::<Described>(&answered.answer).ok_or(CallError::NotApplied(Reason::BadAnswer))
        });
        let name = || name.to_owned();
        match found {
            Ok(found) => found.ok_or_else(|| NotRegistered::Lacks { server, name: name() }),
            Err(why) => Err(NotRegistered::CannotAsk { server, name: name(), why }),
        }
    }
}
