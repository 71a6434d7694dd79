//! Functions that servers offer beside the log: typed, asynchronous, of one's own. Nothing of them is
//! replicated: a call is carried out by the server that it goes to, at most once.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::pin::Pin;

use bytes::Bytes;
use quorate_core::wire::{FunctionId, ServiceId};

use crate::courier::CallError;

/// A function that is being carried out: what it gives, encoded.
pub type Calling = Pin<Box<dyn Future<Output = Bytes> + Send>>;

/// Why a function is not carried out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    /// There is none that is declared so.
    #[error("there is no such function")]
    NotOffered,
    /// The arguments are not what it takes.
    #[error("the arguments do not decode")]
    Unreadable,
}

/// Functions by their numbers, and bytes: what [`service`](macro@crate::service) makes of a trait. Cloning it
/// clones a handle.
pub trait Service: Any + Send + Sync {
    /// Begins to carry out a function.
    ///
    /// # Errors
    /// See [`Refused`]; nothing was done then.
    fn call(&self, function: FunctionId, arguments: &Bytes) -> Result<Calling, Refused>;
}

/// The services of a server, by name.
///
/// ```
/// use quorate_sm::{Services, service};
///
/// #[service]
/// pub trait Echo {
///     /// Says it again.
///     async fn say(&self, words: String) -> String;
/// }
///
/// struct Parrot;
///
/// impl Echo for Parrot {
///     async fn say(&self, words: String) -> String {
///         format!("{words}!")
///     }
/// }
///
/// let services = Services::default().with("parrot", EchoService::new(Parrot));
/// assert!(services.get::<EchoService>("parrot").is_some());
/// assert!(services.get::<EchoService>("cuckoo").is_none());
/// ```
#[derive(Clone, Default)]
pub struct Services(BTreeMap<ServiceId, Named>);

#[derive(Clone)]
struct Named {
    name: String,
    service: Arc<dyn Service>,
}

impl Services {
    /// And this one.
    ///
    /// # Panics
    /// If there is one of that name already.
    #[must_use]
    pub fn with(mut self, name: &str, service: impl Service) -> Self {
        let named = Named { name: name.into(), service: Arc::new(service) };
        let before = self.0.insert(ServiceId::named(name), named);
        assert!(before.is_none(), "a service has a name of its own, and there is a {name:?}");
        self
    }

    /// The service of a name, if it is of this type.
    pub fn get<S: Service + Clone>(&self, name: &str) -> Option<S> {
        let named = self.0.get(&ServiceId::named(name))?;
        let service: &dyn Any = &*named.service;
        service.downcast_ref::<S>().cloned()
    }

    /// Begins to carry out a function of a service.
    ///
    /// # Errors
    /// See [`Refused`]; nothing was done then.
    pub fn call(
        &self,
        service: ServiceId,
        function: FunctionId,
        arguments: &Bytes,
    ) -> Result<Calling, Refused> {
        let named = self.0.get(&service).ok_or(Refused::NotOffered)?;
        named.service.call(function, arguments)
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.values().map(|named| &named.name)).finish()
    }
}

/// Takes calls to a service somewhere else.
pub trait Carrier: Send + Sync {
    /// Has a function carried out there: what it gives, encoded. At most once.
    fn carry(
        &self,
        function: FunctionId,
        arguments: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send + '_>>;
}

/// How a client gets at a service.
#[derive(Clone)]
pub enum Reach<S> {
    /// It is in this process: nothing is encoded, copied or sent.
    Here(S),
    /// It is somewhere else.
    There(Arc<dyn Carrier>),
}

impl<S> fmt::Debug for Reach<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::There(_) => "There",
        })
    }
}

/// A client that knows the functions of its service.
pub trait ServiceClient: Sized {
    /// What it is a client of.
    type Service: Service + Clone;

    /// Of the service that is reached so.
    fn new(reach: Reach<Self::Service>) -> Self;
}
