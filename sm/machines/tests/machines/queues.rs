use std::time::Duration;

use bytes::Bytes;
use quorate_machines::queues::{
    LENGTH_MAX, Lines, NotPushed, Queues, QueuesCx, QueuesMachine, Taken,
};
use quorate_sm::{SessionId, TimerId};
use serde::{Deserialize, Serialize};

use crate::support;

/// All items that are not done.
#[derive(Default, Serialize, Deserialize)]
struct Pile {
    items: Vec<Item>,
    numbers: u64,
    attempts: u64,
}

#[derive(Clone, Serialize, Deserialize)]
struct Item {
    queue: String,
    number: u64,
    bytes: Bytes,
    retries: u32,
    had: Option<(u64, Option<SessionId>, TimerId)>,
}

impl Pile {
    fn find(&mut self, queue: &str, number: u64, attempt: u64) -> Option<usize> {
        self.items.iter().position(|it| {
            it.queue == queue && it.number == number && it.had.is_some_and(|had| had.0 == attempt)
        })
    }

    fn free(&mut self, cx: &mut QueuesCx, at: usize) {
        let item = &mut self.items[at];
        let had = item.had.take().expect("somebody has it");
        item.retries += 1;
        cx.cancel(had.2);
        cx.emit_ready(item.queue.clone(), item.number);
    }
}

impl Queues for Pile {
    fn push(&mut self, cx: &mut QueuesCx, queue: String, bytes: Bytes) -> Result<u64, NotPushed> {
        self.numbers += 1;
        let number = self.numbers;
        cx.emit_ready(&queue, number);
        self.items.push(Item { queue, number, bytes, retries: 0, had: None });
        Ok(number)
    }

    fn take(&mut self, cx: &mut QueuesCx, queue: String, lease: Duration) -> Option<Taken> {
        let session = cx.session();
        let item = self.items.iter_mut().find(|it| it.queue == queue && it.had.is_none())?;
        self.attempts += 1;
        let attempt = self.attempts;
        let timer = cx.overdue_after(lease, queue, item.number);
        item.had = Some((attempt, session, timer));
        let (number, retries) = (item.number, item.retries);
        Some(Taken { number, item: item.bytes.clone(), attempt, retries })
    }

    fn done(&mut self, cx: &mut QueuesCx, queue: String, number: u64, attempt: u64) -> bool {
        let Some(at) = self.find(&queue, number, attempt) else { return false };
        let item = self.items.remove(at);
        item.had.is_some_and(|had| cx.cancel(had.2))
    }

    fn give_back(&mut self, cx: &mut QueuesCx, queue: String, number: u64, attempt: u64) -> bool {
        let at = self.find(&queue, number, attempt);
        at.map(|at| self.free(cx, at)).is_some()
    }

    fn overdue(&mut self, cx: &mut QueuesCx, _: String, number: u64) {
        let at = self.items.iter().position(|it| it.number == number).expect("not done");
        self.free(cx, at);
    }

    fn gone(&mut self, cx: &mut QueuesCx, session: SessionId) {
        for at in 0..self.items.len() {
            if self.items[at].had.is_some_and(|had| had.1 == Some(session)) {
                self.free(cx, at);
            }
        }
    }

    fn length(&self, queue: String) -> u64 {
        self.items.iter().filter(|it| it.queue == queue).count() as u64
    }

    fn taken(&self, queue: String) -> u64 {
        self.items.iter().filter(|it| it.queue == queue && it.had.is_some()).count() as u64
    }
}

#[test]
fn queues_agree_with_a_pile() {
    support::agree::<QueuesMachine<Lines>, QueuesMachine<Pile>>(200);
}

#[test]
fn only_who_has_an_item_can_say_that_it_is_done() {
    let mut lines = Lines::default();
    let cx = &mut QueuesCx::new(quorate_sm::Context::default());
    let number = lines.push(cx, "q".into(), "work".into()).expect("room");
    let first = lines.take(cx, "q".into(), Duration::from_secs(1)).expect("an item");
    assert_eq!(lines.take(cx, "q".into(), Duration::from_secs(1)), None, "it is taken");
    lines.overdue(cx, "q".into(), number);
    let second = lines.take(cx, "q".into(), Duration::from_secs(1)).expect("an item");
    assert_eq!((second.number, second.retries, &second.item[..]), (number, 1, &b"work"[..]));
    assert!(!lines.done(cx, "q".into(), number, first.attempt), "another has it by now");
    assert!(!lines.give_back(cx, "q".into(), number, first.attempt));
    assert!(lines.give_back(cx, "q".into(), number, second.attempt));
    let third = lines.take(cx, "q".into(), Duration::from_secs(1)).expect("an item");
    assert!(lines.done(cx, "q".into(), number, third.attempt));
    assert!(!lines.done(cx, "q".into(), number, third.attempt), "it is gone");
    assert_eq!(lines.length("q".into()), 0);
}

#[test]
fn a_queue_has_an_end() {
    let mut lines = Lines::default();
    let cx = &mut QueuesCx::new(quorate_sm::Context::default());
    for _ in 0..LENGTH_MAX {
        lines.push(cx, "q".into(), Bytes::new()).expect("room");
    }
    let full = Err(NotPushed::Full { length: LENGTH_MAX });
    assert_eq!(lines.push(cx, "q".into(), Bytes::new()), full);
    let taken = lines.take(cx, "q".into(), Duration::ZERO).expect("an item");
    assert_eq!(lines.push(cx, "q".into(), Bytes::new()), full, "it may come back");
    assert!(lines.done(cx, "q".into(), taken.number, taken.attempt));
    assert!(lines.push(cx, "q".into(), Bytes::new()).is_ok());
}

#[test]
fn queues_hold_in_a_world_of_faults() {
    quorate_io_sim::check!(
        QueuesMachine<Lines>,
        seeds = 4,
        holds = |queues| {
            for name in ["", "a", "b", "c"] {
                let (taken, length) =
                    (queues.0.taken(name.to_owned()), queues.0.length(name.to_owned()));
                if taken > length {
                    return Err(format!("{taken} of {length} are taken"));
                }
            }
            Ok(())
        }
    );
}
