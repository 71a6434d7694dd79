//! Hosts lanes: each is a task, and what it does takes time.

use std::any::Any;
use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use quorate_core::node::{Idle, Input, Lane, LogLane};
use quorate_io_sim::disk::{Drive, SimDisk};
use quorate_io_sim::engine::Point;
use quorate_io_tokio::LaneSender;
use quorate_sm::{Applier, ApplyLane};

use crate::env::SimEnv;
use crate::witness::Portion;

/// How long a lane waits for more work before it uses the moment for what can wait: as long as in
/// production.
const IDLE_AFTER_NS: u64 = 5_000_000;

/// How often what is brief is done on the spot, in thousandths; production does so whenever its
/// lane is not at work.
const ON_THE_SPOT_PERMILLE: u64 = 700;

/// Starts a task that does what is sent to `lane`, until all senders are gone.
pub(crate) fn start<L: Lane<Work: Send + 'static, Done: Send + 'static> + Send + 'static>(
    env: &SimEnv,
    lane: L,
    deliver: impl Fn(Vec<L::Done>) + Send + Sync + 'static,
) -> LaneSender<L::Work> {
    let at = usize::from(env.host.0) - 1;
    let is_log = (&lane as &dyn Any).is::<LogLane<SimDisk>>();
    let drive = is_log.then(|| env.world.with(|sim| sim.servers[at].drive.clone()));
    let desk =
        Desk { lane: Some(lane), queue: Vec::new(), is_busy: false, is_closed: false, bell: None };
    let host = Arc::new(Host {
        desk: Mutex::new(desk),
        deliver: Box::new(deliver),
        env: env.clone(),
        at,
        drive,
    });
    let seen = Arc::downgrade(&host);
    if !is_log {
        let look = move |show: &mut dyn FnMut(&Applier)| {
            if let Some(host) = seen.upgrade() {
                host.look(show);
            }
        };
        env.world.with(|sim| sim.servers[at].look = Some(Box::new(look)));
    }
    let front = Front(Arc::clone(&host));
    drop(madsim::task::spawn(async move { host.run().await }));
    LaneSender::new(move |work| front.0.take_order(work))
}

/// What the task of a lane shares with those who send to it.
struct Host<L: Lane> {
    desk: Mutex<Desk<L>>,
    deliver: Box<dyn Fn(Vec<L::Done>) + Send + Sync>,
    env: SimEnv,
    /// The server.
    at: usize,
    /// The disk, if this is the lane of the log.
    drive: Option<Drive>,
}

struct Desk<L: Lane> {
    /// Gone once it has finished.
    lane: Option<L>,
    queue: Vec<L::Work>,
    /// What it did last takes time, and nobody has heard of it.
    is_busy: bool,
    /// Nobody can send any more.
    is_closed: bool,
    bell: Option<Waker>,
}

/// Held by the senders; closes the desk when the last of them is dropped.
struct Front<L: Lane>(Arc<Host<L>>);

impl<L: Lane> Drop for Front<L> {
    fn drop(&mut self) {
        let mut desk = self.0.desk();
        desk.is_closed = true;
        desk.bell.take().into_iter().for_each(Waker::wake);
    }
}

/// Why a lane begins.
enum Call {
    Work,
    Quiet,
    Closed,
}

impl<L: Lane<Work: Send + 'static, Done: Send + 'static> + Send + 'static> Host<L> {
    fn take_order(&self, work: L::Work) {
        let mut desk = self.desk();
        let Desk { lane, queue, is_busy, .. } = &mut *desk;
        let is_idle = queue.is_empty() && !*is_busy;
        let lane = lane.as_mut().expect("who sends keeps it going");
        if is_idle && lane.is_brief(&work) && self.env.below(1000) < ON_THE_SPOT_PERMILLE {
            let mut done = Vec::new();
            lane.step(&mut vec![work], &mut done);
            lane.after_step(&mut done);
            drop(desk);
            if !done.is_empty() {
                self.reach(Point::DoneAtOnce);
            }
            self.hand_over(done);
        } else {
            queue.push(work);
            desk.bell.take().into_iter().for_each(Waker::wake);
        }
    }

    async fn run(&self) {
        let mut idle = Idle::More;
        loop {
            match self.wait(idle).await {
                Call::Work => {
                    self.turn(|lane, queue, done| lane_of(lane).step(queue, done)).await;
                    self.turn(|lane, _, done| lane_of(lane).after_step(done)).await;
                    idle = Idle::More;
                }
                Call::Quiet => {
                    self.reach(Point::IdleUsed);
                    idle = self.turn(|lane, _, done| lane_of(lane).idle(done)).await;
                }
                Call::Closed => {
                    let finish = |lane: &mut Option<L>, _: &mut _, done: &mut _| {
                        lane.take().expect("it finishes once").finish(done);
                    };
                    return self.turn(finish).await;
                }
            }
            self.desk().is_busy = false;
        }
    }

    /// Waits for work, or, if there is some that can wait, until no other has come for a while.
    async fn wait(&self, idle: Idle) -> Call {
        let work = poll_fn(|cx| self.poll_work(cx));
        if idle == Idle::Done {
            return work.await;
        }
        tokio::select! {
            biased;
            call = work => call,
            () = self.env.world.sleep(IDLE_AFTER_NS) => {
                self.desk().is_busy = true;
                Call::Quiet
            }
        }
    }

    fn poll_work(&self, cx: &Context<'_>) -> Poll<Call> {
        let mut desk = self.desk();
        if !desk.queue.is_empty() {
            desk.is_busy = true;
            return Poll::Ready(Call::Work);
        }
        if desk.is_closed {
            return Poll::Ready(Call::Closed);
        }
        desk.bell = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Does something, and says what came of it once the time has passed that it takes.
    async fn turn<R>(
        &self,
        act: impl FnOnce(&mut Option<L>, &mut Vec<L::Work>, &mut Vec<L::Done>) -> R,
    ) -> R {
        let mut done = Vec::new();
        let act = |done: &mut Vec<L::Done>| {
            let mut desk = self.desk();
            let Desk { lane, queue, .. } = &mut *desk;
            act(lane, queue, done)
        };
        let now = self.env.world.now();
        let Some(drive) = &self.drive else {
            let result = act(&mut done);
            let apply_max = self.env.world.with(|sim| sim.options.apply_max_ns);
            if !done.is_empty() {
                self.env.world.sleep(self.env.below(apply_max + 1)).await;
            }
            self.hand_over(done);
            return result;
        };
        drive.begin(now);
        let operations = drive.operations();
        let result = act(&mut done);
        let operations = drive.operations() - operations;
        if let Some(death) = drive.death() {
            self.env.world.sleep_until(death.at).await;
            self.env.world.with(|sim| sim.died(self.at));
            return pending().await;
        }
        if operations > 0 {
            let portion = Portion { operations, until: drive.end() };
            self.env.world.with(|sim| sim.happened(self.env.host.0.into(), &portion));
            self.env.world.sleep_until(portion.until).await;
        }
        self.hand_over(done);
        result
    }

    fn reach(&self, point: Point) {
        self.env.world.with(|sim| sim.report.reached.note(point));
    }

    fn hand_over(&self, done: Vec<L::Done>) {
        if !done.is_empty() {
            let inputs = (&done as &dyn Any).downcast_ref::<Vec<Input>>();
            let inputs = inputs.expect("all lanes speak to the node");
            self.env.world.with(|sim| sim.was_done(self.at, inputs));
            (self.deliver)(done);
        }
    }

    /// Shows the state machine.
    fn look(&self, show: &mut dyn FnMut(&Applier)) {
        let desk = self.desk();
        let lane = desk.lane.as_ref().and_then(|lane| (lane as &dyn Any).downcast_ref());
        if let Some(lane) = lane {
            show(ApplyLane::applier(lane));
        }
    }
}

fn lane_of<L>(lane: &mut Option<L>) -> &mut L {
    lane.as_mut().expect("it has not finished")
}

impl<L: Lane> Host<L> {
    fn desk(&self) -> MutexGuard<'_, Desk<L>> {
        self.desk.lock().expect("whoever panics ends the run")
    }
}
