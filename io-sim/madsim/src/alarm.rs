//! Waiting for a moment of the world.
//!
//! madsim's own timers stay behind when whoever waits goes away, and are never shorter than a
//! millisecond. These are exact, and cost nothing once they are dropped.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::world::World;

/// Done at a moment.
pub(crate) struct Alarm {
    world: World,
    at: u64,
    /// Under which it is planned.
    number: Option<u64>,
}

impl World {
    /// Waits until this time of the world, in nanoseconds.
    pub(crate) fn sleep_until(&self, at: u64) -> Alarm {
        Alarm { world: self.clone(), at, number: None }
    }

    /// Waits for so long, in nanoseconds.
    pub(crate) fn sleep(&self, nanos: u64) -> Alarm {
        self.sleep_until(self.now().saturating_add(nanos))
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { world, at, number } = self.get_mut();
        world.with(|sim| {
            if sim.now >= *at {
                return Poll::Ready(());
            }
            let key = *number.get_or_insert_with(|| {
                sim.alarms_set += 1;
                sim.alarms_set
            });
            sim.alarms.insert((*at, key), cx.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.world.with(|sim| drop(sim.alarms.remove(&(self.at, number))));
        }
    }
}
