//! `check!`: what it finds in machines that are not as they should be, and that it finds nothing in one that is.
#![allow(clippy::disallowed_types, reason = "the order of a hash map is what leaks in here")]

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quorate_io_sim::workload::{Holds, trial};
use quorate_sm::{Context, SessionId, StateMachine, TimerId, machine};
use serde::{Deserialize, Serialize};

/// Who has which room.
#[machine(brief)]
pub trait Hotel {
    /// Takes a room for some nights; says whether it was free.
    fn book(&mut self, cx: &mut HotelCx, room: u8, guest: String, nights: Option<u8>) -> bool;
    /// Gives it back.
    fn leave(&mut self, cx: &mut HotelCx, room: u8) -> Option<String>;
    /// The nights are over.
    #[timer]
    fn checkout(&mut self, cx: &mut HotelCx, room: u8);
    /// Whoever has booked is gone.
    #[session_ended]
    fn gone(&mut self, cx: &mut HotelCx, session: SessionId);
    /// Who has it.
    fn guest(&self, room: u8) -> Option<String>;
    /// How many are taken.
    fn taken(&self) -> usize;
    /// Somebody has it, or nobody.
    fn changed(room: u8) -> Option<String>;
}

type Booking = (String, Option<TimerId>, Option<SessionId>);

/// Who has them, until when, and who booked.
#[derive(Default, Serialize, Deserialize)]
pub struct Rooms(BTreeMap<u8, Booking>);

impl Hotel for Rooms {
    fn book(&mut self, cx: &mut HotelCx, room: u8, guest: String, nights: Option<u8>) -> bool {
        if self.0.contains_key(&room) {
            return false;
        }
        let night = Duration::from_millis(300);
        let timer = nights.map(|nights| cx.checkout_after(night * u32::from(nights), room));
        cx.emit_changed(room, Some(guest.clone()));
        self.0.insert(room, (guest, timer, cx.session()));
        true
    }

    fn leave(&mut self, cx: &mut HotelCx, room: u8) -> Option<String> {
        let (guest, timer, _) = self.0.remove(&room)?;
        timer.map(|timer| cx.cancel(timer));
        cx.emit_changed(room, None);
        Some(guest)
    }

    fn checkout(&mut self, cx: &mut HotelCx, room: u8) {
        self.leave(cx, room).expect("a timer that was not canceled");
    }

    fn gone(&mut self, cx: &mut HotelCx, session: SessionId) {
        let theirs = self.0.iter().filter(|(_, booking)| booking.2 == Some(session));
        for room in theirs.map(|(room, _)| *room).collect::<Vec<_>>() {
            self.leave(cx, room);
        }
    }

    fn guest(&self, room: u8) -> Option<String> {
        self.0.get(&room).map(|booking| booking.0.clone())
    }

    fn taken(&self) -> usize {
        self.0.len()
    }
}

#[test]
fn a_machine_that_is_sound_holds() {
    quorate_io_sim::check!(HotelMachine<Rooms>, seeds = 8);
    quorate_io_sim::check!(
        HotelMachine<Rooms>,
        seeds = 2,
        holds = |hotel| {
            if hotel.0.taken() < 121 { Ok(()) } else { Err("more rooms than there are".to_owned()) }
        }
    );
}

#[test]
fn the_store_holds() {
    quorate_io_sim::check!(quorate_sm::Kv, seeds = 8);
}

/// Everything holds.
struct Anything;

impl<M> Holds<M> for Anything {
    fn holds(_: &M) -> Result<(), String> {
        Ok(())
    }
}

fn found<M: StateMachine + Default, H: Holds<M> + 'static>() -> String {
    let failure = trial::<M, H>(20).expect_err("it is not sound");
    failure.violation.to_string()
}

/// A machine that answers words with words.
macro_rules! words {
    ($name:ident, $($field:ident: $type:ty),*; $apply:expr) => {
        #[derive(Default, Serialize, Deserialize)]
        struct $name { $($field: $type),* }

        impl StateMachine for $name {
            type Command = String;
            type Answer = String;
            type Query = ();
            type QueryAnswer = ();

            fn apply(&mut self, cx: &mut Context, word: String) -> String {
                let apply: fn(&mut Self, &mut Context, String) -> String = $apply;
                apply(self, cx, word)
            }

            fn query(&self, (): ()) {}
        }
    };
}

words!(HashOrder, words: HashMap<String, u64>; |this, cx, word| {
    this.words.insert(word, cx.index().0);
    this.words.keys().cloned().collect()
});

static ELSEWHERE: AtomicU64 = AtomicU64::new(0);

words!(OutsideState, words: u64; |this, _, _| {
    this.words = ELSEWHERE.fetch_add(1, Ordering::Relaxed);
    this.words.to_string()
});

#[derive(Default, Serialize, Deserialize)]
struct HalfWritten {
    #[serde(skip)]
    calls: u64,
}

impl StateMachine for HalfWritten {
    type Command = ();
    type Answer = u64;
    type Query = ();
    type QueryAnswer = u64;

    fn apply(&mut self, _: &mut Context, (): ()) -> u64 {
        self.calls += 1;
        self.calls
    }

    fn query(&self, (): ()) -> u64 {
        self.calls
    }
}

#[derive(Default, Serialize, Deserialize)]
struct LooksAtAClock;

impl StateMachine for LooksAtAClock {
    type Command = ();
    type Answer = ();
    type Query = ();
    type QueryAnswer = u64;

    fn apply(&mut self, _: &mut Context, (): ()) {}

    fn query(&self, (): ()) -> u64 {
        ELSEWHERE.fetch_add(1, Ordering::Relaxed)
    }
}

#[test]
fn a_machine_that_depends_on_anything_but_its_state_is_found_out() {
    for (text, what) in [
        (found::<HashOrder, Anything>(), "states differ"),
        (found::<OutsideState, Anything>(), "states differ"),
        (found::<LooksAtAClock, Anything>(), "a query as of"),
    ] {
        // What depends on more than the seed is not the same the second time.
        assert!(text.contains("it went otherwise") && text.contains(what), "{text}");
    }
}

#[test]
fn a_machine_of_which_not_all_is_written_down_is_found_out() {
    let text = found::<HalfWritten, Anything>();
    assert!(text.starts_with("StatesAgree"), "{text}");
}

/// No room is ever taken.
struct Empty;

impl Holds<HotelMachine<Rooms>> for Empty {
    fn holds(hotel: &HotelMachine<Rooms>) -> Result<(), String> {
        if hotel.0.taken() == 0 { Ok(()) } else { Err("a room is taken".to_owned()) }
    }
}

#[test]
fn what_is_demanded_is_looked_at() {
    let text = found::<HotelMachine<Rooms>, Empty>();
    assert!(text.contains("a room is taken"), "{text}");
}
