//! Races: whoever is late has a head start only, and is a spare.

use super::world::{applied, config, millis, query, world};
use crate::courier::*;

#[test]
fn a_server_that_does_not_answer_holds_a_call_up_for_its_head_start_only() {
    let mut world = world(&["a:1", "b:1", "c:1"]);
    let head_start = config().head_start;
    world.call(1, query(), millis(5000));
    assert_eq!(world.courier.deadline(), Instant(0).after(head_start));
    world.pass(head_start - millis(1));
    assert_eq!(world.dials.len(), 1);
    world.pass(millis(1));
    assert_eq!(world.dials.len(), 2);
    assert_ne!(world.dials[0].1, world.dials[1].1);

    let server = world.welcome(2);
    assert_eq!(world.heard(server, Some((2, "b:1"))).len(), 1, "whoever is first is used");
    world.pass(millis(900));
    assert_eq!((world.dials.len(), &world.closed[..]), (2, &[world.dials[0].0][..]));
}

#[test]
fn a_server_that_was_raced_and_stands_late_is_a_spare() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, query(), millis(5000));
    world.pass(config().head_start);
    let server = world.welcome(2);
    let asked = world.heard(server, Some((2, "b:1")));
    world.respond(server, asked[0].id, applied());
    let late = world.dials[0].clone();
    world.dials.push(late.clone());
    world.welcome(1);
    world.call(2, query(), millis(1000));
    assert!(world.heard(late.0, None).is_empty());
    assert_eq!(world.heard(server, Some((2, "b:1"))).len(), 1);
}

#[test]
fn a_spare_that_is_up_is_used_before_anybody_is_dialed_or_waited_for() {
    let mut world = world(&["a:1", "b:1", "c:1"]);
    world.call(1, query(), millis(5000));
    world.pass(config().head_start);
    let server = world.welcome(2);
    let (spare, address) = (world.dials[0].clone(), world.dials[1].1.clone());
    let asked = world.heard(server, Some((2, &address)));
    world.respond(server, asked[0].id, applied());
    world.dials.push(spare.clone());
    world.welcome(1);
    let dialed = world.dials.len();
    world.lose(server);
    // The third would be the next in turn.
    world.call(2, query(), millis(1000));
    assert_eq!(world.heard(spare.0, None).len(), 1);
    assert_eq!(world.dials.len(), dialed);
}

#[test]
fn a_server_that_refuses_has_no_head_start() {
    let mut world = world(&["a:1", "b:1"]);
    world.call(1, query(), millis(5000));
    let refused = world.dials[0].0;
    world.lose(refused);
    assert_eq!(world.dials.len(), 2, "at once");
}
