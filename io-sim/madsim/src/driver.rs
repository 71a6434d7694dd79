//! Moves the world on: what the network delivers, who has waited long enough, what is planned.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use madsim::time::{self, Sleep};

use crate::world::World;

/// Runs for as long as the world does.
pub(crate) struct Driver {
    world: World,
    sleep: Pin<Box<Sleep>>,
}

impl Driver {
    pub(crate) fn new(world: World) -> Self {
        Self { world, sleep: Box::pin(time::sleep(Duration::ZERO)) }
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { world, sleep } = self.get_mut();
        loop {
            let Some((now, next)) = world.with(|sim| sim.go_on(cx.waker())) else {
                return Poll::Ready(());
            };
            if next <= now {
                continue;
            }
            sleep.as_mut().reset(world.instant() + Duration::from_nanos(next - now));
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}
