//! Clients of what servers offer beside the log.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use quorate_core::wire::{FunctionId, ServiceId};
use quorate_sm::courier::{Ask, CallError};
use quorate_sm::{Carrier, Reach, ServiceClient, Services};

use super::Client;

/// What is offered within this process.
#[derive(Clone, Debug)]
pub(crate) struct Here {
    /// Where others reach it.
    pub(crate) address: String,
    pub(crate) services: Services,
}

impl Client {
    /// A client of the [service](macro@quorate_sm::service) that the server at an address, `host:port`,
    /// offers under this name. Whether it does, the first call tells.
    ///
    /// A call is made once: [`CallError::NotApplied`] tells that it was not carried out,
    /// [`CallError::Unknown`] that it may have been. It may take as long as this client's
    /// [calls may](Self::with_timeout). If the address is that of the [server](crate::Server) that made this
    /// client, the service itself is called, and there is neither an error nor a time limit.
    pub fn service_at<T: ServiceClient>(&self, address: &str, name: &str) -> T {
        let here = self.here.as_ref().filter(|here| here.address == address);
        if let Some(service) = here.and_then(|here| here.services.get::<T::Service>(name)) {
            return T::new(Reach::Here(service));
        }
        let to = Some(address.to_owned());
        T::new(Reach::There(Arc::new(Line {
            client: self.clone(),
            to,
            name: ServiceId::named(name),
        })))
    }

    /// The same of any server, the nearest there is: the one that made this client, if it offers the
    /// service, or whichever the client happens to use.
    pub fn service<T: ServiceClient>(&self, name: &str) -> T {
        let here = self.here.as_ref();
        if let Some(service) = here.and_then(|here| here.services.get::<T::Service>(name)) {
            return T::new(Reach::Here(service));
        }
        let line = Line { client: self.clone(), to: None, name: ServiceId::named(name) };
        T::new(Reach::There(Arc::new(line)))
    }
}

/// The way to a service of another process.
struct Line {
    client: Client,
    to: Option<String>,
    name: ServiceId,
}

impl Carrier for Line {
    fn carry(
        &self,
        function: FunctionId,
        arguments: Bytes,
    ) -> Pin<Box<dyn Future<Output = Result<Bytes, CallError>> + Send + '_>> {
        let ask = Ask::Call { service: self.name, function, arguments };
        Box::pin(async move {
            let answered = self.client.call(ask, self.to.clone()).await?;
            Ok(answered.answer)
        })
    }
}
