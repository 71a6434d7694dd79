//! Waiting for a moment of the world, or of somebody's clock.
//!
//! madsim's own timers stay behind when whoever waits goes away, and are never shorter than a
//! millisecond. These are exact, cost nothing once they are dropped, and follow a clock that jumps.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use quorate_core::Instant;
use quorate_io_sim::net::HostId;

use crate::world::{Sim, World};

/// Done at a moment.
pub(crate) struct Alarm {
    world: World,
    moment: Moment,
    /// When it is planned, and under which number.
    planned: Option<(u64, u64)>,
}

#[derive(Clone, Copy)]
enum Moment {
    /// A time of the world, in nanoseconds.
    At(u64),
    /// The clock of a host shows this.
    Shown(HostId, Instant),
}

impl World {
    /// Waits until this time of the world, in nanoseconds.
    pub(crate) fn sleep_until(&self, at: u64) -> Alarm {
        Alarm { world: self.clone(), moment: Moment::At(at), planned: None }
    }

    /// Waits for so long, in nanoseconds.
    pub(crate) fn sleep(&self, nanos: u64) -> Alarm {
        self.sleep_until(self.now().saturating_add(nanos))
    }

    /// Waits until the clock of a host shows this.
    pub(crate) fn sleep_until_shown(&self, host: HostId, shown: Instant) -> Alarm {
        Alarm { world: self.clone(), moment: Moment::Shown(host, shown), planned: None }
    }
}

impl Sim {
    /// A clock was put forward or back: all look when they have waited long enough.
    pub(crate) fn clocks_have_changed(&mut self) {
        std::mem::take(&mut self.alarms).into_values().for_each(std::task::Waker::wake);
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { world, moment, planned } = self.get_mut();
        world.with(|sim| {
            let at = match *moment {
                Moment::At(at) => at,
                Moment::Shown(host, shown) => sim.clock(host).when(shown),
            };
            if sim.now >= at {
                return Poll::Ready(());
            }
            let number = planned.take().map_or_else(
                || {
                    sim.alarms_set += 1;
                    sim.alarms_set
                },
                |old| {
                    sim.alarms.remove(&old);
                    old.1
                },
            );
            *planned = Some((at, number));
            sim.alarms.insert((at, number), cx.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(planned) = self.planned {
            self.world.with(|sim| drop(sim.alarms.remove(&planned)));
        }
    }
}
