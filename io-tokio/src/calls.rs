//! Functions of the program that are being carried out for callers.

use std::collections::BTreeMap;
use std::convert::Infallible;

use bytes::Bytes;
use quorate_core::RequestId;
use quorate_core::node::{Called, Input};
use quorate_core::wire::{FunctionId, ServiceId};
use quorate_sm::{Calling, Refused, Services};
use tokio::sync::{mpsc, oneshot};

use crate::env::Env;

/// See the [module](self).
pub(crate) struct Calls {
    services: Services,
    /// Dropped to drop the function where it waits.
    under_way: BTreeMap<RequestId, oneshot::Sender<Infallible>>,
    done: mpsc::UnboundedSender<Vec<Input>>,
}

impl Calls {
    /// What comes of them goes to `done`.
    pub(crate) fn new(services: Services, done: mpsc::UnboundedSender<Vec<Input>>) -> Self {
        Self { services, under_way: BTreeMap::new(), done }
    }

    pub(crate) fn begin<E: Env>(
        &mut self,
        env: &E,
        id: RequestId,
        (service, function): (ServiceId, FunctionId),
        arguments: &Bytes,
    ) {
        let mut report = Report { id, called: Some(Called::Failed), done: self.done.clone() };
        match self.services.call(service, function, arguments) {
            Ok(calling) => {
                let (wanted, unwanted) = oneshot::channel();
                self.under_way.insert(id, wanted);
                env.spawn(carry_out(calling, unwanted, report));
            }
            Err(Refused::NotOffered) => report.called = Some(Called::NotOffered),
            Err(Refused::Unreadable) => report.called = Some(Called::Unreadable),
        }
    }

    /// Nobody waits for it any more, or it is over. False if there is no such call.
    pub(crate) fn end(&mut self, id: RequestId) -> bool {
        self.under_way.remove(&id).is_some()
    }
}

async fn carry_out(calling: Calling, unwanted: oneshot::Receiver<Infallible>, mut report: Report) {
    tokio::select! {
        biased;
        _ = unwanted => report.called = None,
        answer = calling => report.called = Some(Called::Answered(answer)),
    }
}

/// Says what came of a call when it goes out of scope: also of one that panics.
struct Report {
    id: RequestId,
    called: Option<Called>,
    done: mpsc::UnboundedSender<Vec<Input>>,
}

impl Drop for Report {
    fn drop(&mut self) {
        if let Some(called) = self.called.take() {
            // The pump is gone: nobody wants to know.
            let _ = self.done.send(vec![Input::Called { id: self.id, called }]);
        }
    }
}
