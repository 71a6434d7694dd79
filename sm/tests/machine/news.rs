//! Subscriptions to one thing, to all of a kind, and from anywhere on.

use quorate_sm::{Applier, Lost, MachineId, SessionLimits, Since, TypedClient as _, machine};
use serde::{Deserialize, Serialize};

use crate::board::{Board, done, now};

#[machine(events = 8)]
pub trait Town {
    fn moves(&mut self, cx: &mut TownCx, who: String, house: u32);
    fn rains(&mut self, cx: &mut TownCx, where_to: String);
    fn rings(&mut self, cx: &mut TownCx);
    /// Who moved from one house to another.
    fn moved(who: String, house: u32) -> String;
    fn rained(place: String) -> u8;
    fn rung() -> u8;
}

#[derive(Default, Serialize, Deserialize)]
pub struct Streets;

impl Town for Streets {
    fn moves(&mut self, cx: &mut TownCx, who: String, house: u32) {
        cx.emit_moved(&who, house, format!("{who} to {house}"));
    }

    fn rains(&mut self, cx: &mut TownCx, where_to: String) {
        cx.emit_rained(where_to, 1);
    }

    fn rings(&mut self, cx: &mut TownCx) {
        cx.emit_rung(12);
    }
}

fn town() -> (Board, TownClient<Board>) {
    let fresh = || Applier::new(TownMachine(Streets), SessionLimits::default());
    let board = Board::of(fresh);
    (board.clone(), TownClient::new(board, MachineId::FIRST))
}

#[test]
fn whoever_listens_to_all_of_a_kind_is_told_what_each_is_about() {
    let (board, town) = town();
    done(town.moves("Ada", 7));
    let events = done(town.from_now());
    let (mut anybody, mut ada) = (events.any_moved(), events.moved("Ada", 7));
    let (mut anywhere, mut bells) = (events.any_rained(), events.rung());
    done(town.moves("Ada", 7));
    done(town.rains("the hill"));
    done(town.moves("Bob", 300));
    board.restore();
    done(town.rings());
    let told = [(); 2].map(|()| now(anybody.next()).expect("at once").expect("an event"));
    let told = told.map(|notice| (notice.about, notice.event, notice.index.0));
    assert_eq!(told[0], (("Ada".to_owned(), 7), "Ada to 7".to_owned(), 3));
    assert_eq!(told[1], (("Bob".to_owned(), 300), "Bob to 300".to_owned(), 5));
    let rain = now(anywhere.next()).expect("at once").expect("an event");
    assert_eq!((rain.about.as_str(), rain.event), ("the hill", 1));
    let bell = now(bells.next()).expect("at once").expect("an event");
    assert_eq!((bell.about, bell.event), ((), 12));
    assert_eq!(now(ada.next()).expect("at once").expect("an event").index.0, 3);
    let nothing = [now(anybody.next()).is_none(), now(ada.next()).is_none()];
    assert_eq!((nothing, now(anywhere.next()).is_none()), ([true; 2], true));
}

#[test]
fn a_subscription_goes_on_where_an_earlier_one_was() {
    let (_, town) = town();
    let mut first = done(town.from_now()).any_moved();
    for who in ["Ada", "Bob", "Cid"] {
        done(town.moves(who, 1));
    }
    let ada = now(first.next()).expect("at once").expect("an event");
    assert_eq!(ada.about.0, "Ada");
    let mut second = town.since(ada.resume).any_moved();
    let mut third = town.since(ada.index).any_moved();
    let mut bob = town.since(ada.resume).moved("Bob", 1);
    for who in ["Bob", "Cid"] {
        for moved in [&mut second, &mut third] {
            assert_eq!(now(moved.next()).expect("at once").expect("an event").about.0, who);
        }
    }
    assert_eq!(now(bob.next()).expect("at once").expect("an event").event, "Bob to 1");
    // What is forgotten is said.
    (0..8).for_each(|_| done(town.rings()));
    let mut late = town.since(ada.resume).any_moved();
    let Some(Err(Lost::Gap(gap))) = now(late.next()) else { panic!("a gap") };
    assert_eq!(now(late.next()), None, "and the next call goes on");
    assert_eq!(now(town.since(gap.resume).any_moved().next()), None);
    assert_eq!(now(town.since(Since::Now).rung().next()), None);
}
