//! Hosts lanes: each on a thread of its own, except for what is too brief to be worth waking it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use quorate_core::node::{Idle, Lane};

use crate::lane::LaneSender;

/// How long a lane waits for more work before it uses the moment for what can wait.
const IDLE_AFTER: Duration = Duration::from_millis(5);

/// Starts a thread that does what is sent to `lane`, until all senders are gone. It stays awake for
/// `busy_poll` after its last work.
pub(super) fn start<L: Lane<Work: Send + 'static, Done: Send + 'static> + Send + 'static>(
    name: &'static str,
    lane: L,
    busy_poll: Duration,
    deliver: impl Fn(Vec<L::Done>) + Send + Sync + 'static,
) -> LaneSender<L::Work> {
    let desk = Desk { lane: Some(Box::new(lane)), queue: Vec::new(), is_closed: false };
    let host = Arc::new(Host { desk: Mutex::new(desk), bell: Condvar::new(), busy_poll, deliver });
    let front = Front(Arc::clone(&host));
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || host.run());
    assert!(spawned.is_ok(), "a thread can be started: {spawned:?}");
    LaneSender::new(move |work| front.0.take_order(work))
}

/// What the thread of a lane shares with those who send to it.
struct Host<L: Lane, F> {
    desk: Mutex<Desk<L>>,
    /// Rings when something has changed on the desk.
    bell: Condvar,
    busy_poll: Duration,
    deliver: F,
}

struct Desk<L: Lane> {
    /// Away while the thread works with it.
    lane: Option<Box<L>>,
    /// Comes after everything that the lane is away for.
    queue: Vec<L::Work>,
    /// Nobody can send any more.
    is_closed: bool,
}

/// Held by the senders; closes the desk when the last of them is dropped.
struct Front<L: Lane, F: Fn(Vec<L::Done>)>(Arc<Host<L, F>>);

impl<L: Lane, F: Fn(Vec<L::Done>)> Drop for Front<L, F> {
    fn drop(&mut self) {
        self.0.desk().is_closed = true;
        self.0.bell.notify_one();
    }
}

impl<L: Lane, F: Fn(Vec<L::Done>)> Host<L, F> {
    /// Does it here and now if it is brief and nothing is before it; leaves it to the thread else.
    fn take_order(&self, work: L::Work) {
        let mut desk = self.desk();
        let Desk { lane, queue, .. } = &mut *desk;
        match lane {
            Some(lane) if queue.is_empty() && lane.is_brief(&work) => {
                let mut done = Vec::new();
                lane.step(&mut vec![work], &mut done);
                lane.after_step(&mut done);
                drop(desk);
                self.hand_over(&mut done);
            }
            _ => {
                queue.push(work);
                drop(desk);
                self.bell.notify_one();
            }
        }
    }

    fn run(&self) {
        let (mut work, mut done) = (Vec::new(), Vec::new());
        let mut idle = Idle::More;
        while let Some(mut lane) = self.wait(&mut work, idle) {
            idle = if work.is_empty() {
                lane.idle(&mut done)
            } else {
                while !work.is_empty() {
                    lane.step(&mut work, &mut done);
                    self.hand_over(&mut done);
                    lane.after_step(&mut done);
                }
                Idle::More
            };
            self.hand_over(&mut done);
            self.desk().lane = Some(lane);
        }
        if let Some(lane) = self.desk().lane.take() {
            lane.finish(&mut done);
            self.hand_over(&mut done);
        }
    }

    /// Takes the lane and all work away from the desk. Without work if there is some that can wait
    /// and nothing else has come for a while; not at all once the desk is closed and empty.
    fn wait(&self, work: &mut Vec<L::Work>, idle: Idle) -> Option<Box<L>> {
        let is_quiet = |desk: &mut Desk<L>| desk.queue.is_empty() && !desk.is_closed;
        let mut desk = self.desk();
        let began = Instant::now();
        while is_quiet(&mut desk) && began.elapsed() < self.busy_poll {
            drop(desk);
            std::thread::yield_now();
            desk = self.desk();
        }
        if idle == Idle::More {
            (desk, _) =
                self.bell.wait_timeout_while(desk, IDLE_AFTER, is_quiet).expect("no lane panics");
        } else {
            desk = self.bell.wait_while(desk, is_quiet).expect("no lane panics");
        }
        if desk.is_closed && desk.queue.is_empty() {
            return None;
        }
        std::mem::swap(&mut desk.queue, work);
        desk.lane.take()
    }

    fn hand_over(&self, done: &mut Vec<L::Done>) {
        if !done.is_empty() {
            (self.deliver)(std::mem::take(done));
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk<L>> {
        self.desk.lock().expect("no lane panics")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::{self, ThreadId};

    use super::*;

    /// Says which thread did what; work that is not brief waits for a word.
    struct Scribe {
        word: Receiver<()>,
        ended: Sender<()>,
    }

    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Work {
        Brief(u32),
        Long(u32),
    }

    impl Lane for Scribe {
        type Work = Work;
        type Done = (Work, ThreadId);

        fn is_brief(&self, work: &Work) -> bool {
            matches!(work, Work::Brief(_))
        }

        fn step(&mut self, work: &mut Vec<Work>, done: &mut Vec<Self::Done>) {
            for work in work.drain(..) {
                if let Work::Long(_) = work {
                    self.word.recv().expect("the test gives a word for each");
                }
                done.push((work, thread::current().id()));
            }
        }

        fn finish(self, _: &mut Vec<Self::Done>) {
            self.ended.send(()).expect("the test waits for the end");
        }
    }

    struct Test {
        lane: LaneSender<Work>,
        word: Sender<()>,
        done: Receiver<Vec<(Work, ThreadId)>>,
        ended: Receiver<()>,
    }

    /// Asleep between orders, and wide awake.
    const BUSY_POLLS: [Duration; 2] = [Duration::ZERO, Duration::from_secs(1)];

    fn scribe(busy_poll: Duration) -> Test {
        let ((word, words), (ended, end)) = (channel(), channel());
        let (deliver, done) = channel();
        let scribe = Scribe { word: words, ended };
        let lane = start("scribe", scribe, busy_poll, move |portion| {
            deliver.send(portion).expect("the test listens");
        });
        Test { lane, word, done, ended: end }
    }

    #[test]
    fn what_is_brief_is_done_before_the_order_returns() {
        for busy_poll in BUSY_POLLS {
            let test = scribe(busy_poll);
            test.lane.send(Work::Brief(1));
            let here = thread::current().id();
            assert_eq!(test.done.try_recv(), Ok(vec![(Work::Brief(1), here)]));
        }
    }

    #[test]
    fn what_takes_long_is_done_elsewhere_and_nothing_overtakes_it() {
        for busy_poll in BUSY_POLLS {
            let test = scribe(busy_poll);
            let orders = [Work::Long(1), Work::Brief(2), Work::Long(3), Work::Brief(4)];
            for order in orders {
                test.lane.send(order);
            }
            assert!(test.done.try_recv().is_err(), "nothing is done without a word");
            for _ in 0..2 {
                test.word.send(()).expect("the lane waits");
            }
            let mut done = Vec::new();
            while done.len() < orders.len() {
                done.extend(test.done.recv().expect("the lane goes on"));
            }
            assert_eq!(done.iter().map(|done| done.0).collect::<Vec<_>>(), orders);
            assert!(done.iter().all(|done| done.1 != thread::current().id()));
        }
    }

    /// Does one piece a step, and does not get on after a step without a word.
    struct Tidy {
        word: Receiver<()>,
    }

    impl Lane for Tidy {
        type Work = u32;
        type Done = u32;

        fn step(&mut self, work: &mut Vec<u32>, done: &mut Vec<u32>) {
            done.push(work.remove(0));
        }

        fn after_step(&mut self, _: &mut Vec<u32>) {
            self.word.recv().expect("the test gives a word for each step");
        }
    }

    /// Only waited for if something is wrong.
    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn what_came_of_a_step_is_handed_over_before_what_can_wait_is_done() {
        for busy_poll in BUSY_POLLS {
            let ((word, words), (deliver, done)) = (channel(), channel());
            let lane = start("tidy", Tidy { word: words }, busy_poll, move |portion| {
                deliver.send(portion).expect("the test listens");
            });
            lane.send(1);
            for (work, more) in [(1, &[2, 3][..]), (2, &[4]), (3, &[]), (4, &[])] {
                assert_eq!(done.recv_timeout(PATIENCE), Ok(vec![work]));
                // Queues up behind what the last step left.
                more.iter().for_each(|&work| lane.send(work));
                word.send(()).expect("the lane waits");
            }
        }
    }

    #[test]
    fn a_lane_ends_when_all_senders_are_gone_and_everything_is_done() {
        for busy_poll in BUSY_POLLS {
            let Test { lane, word, done, ended } = scribe(busy_poll);
            let twin = lane.clone();
            lane.send(Work::Long(1));
            drop(lane);
            twin.send(Work::Long(2));
            drop(twin);
            assert!(ended.try_recv().is_err());
            word.send(()).and_then(|()| word.send(())).expect("the lane waits");
            assert_eq!(ended.recv(), Ok(()));
            assert_eq!(done.iter().flatten().count(), 2);
        }
    }
}
