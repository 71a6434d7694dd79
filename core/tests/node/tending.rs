//! What the state machine is told of the time.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::world::{World, config};
use quorate_core::node::{Input, Reign};
use quorate_core::{Instant, Payload, System};

fn world() -> World {
    let configs = (1..=3).map(|id| {
        let mut config = config(id, 3);
        config.raft.time_resolution_ms = NonZeroU32::new(10);
        config
    });
    World::of(configs.collect())
}

fn told(world: &mut World, at: usize) -> Vec<(Instant, Option<Reign>)> {
    std::mem::take(&mut world.hosts[at].tended)
}

fn ask(world: &mut World, at: usize, input: Input) {
    world.hosts[at].inputs.push(input);
    world.settle();
}

#[test]
fn the_state_machine_is_told_when_its_server_comes_to_lead_and_when_it_leads_no_longer() {
    let mut world = world();
    let leader = world.elect();
    let [(_, Some(reign))] = told(&mut world, leader)[..] else { panic!("told once") };
    assert_eq!(reign.led, Some(Duration::ZERO));
    assert_eq!(reign.term, world.hosts[leader].node.raft().status().hard_state.term);
    for other in (0..3).filter(|&other| other != leader) {
        assert_eq!(told(&mut world, other), []);
        world.cut(leader, other);
    }
    world.pass(Duration::from_secs(2));
    let [(_, None)] = told(&mut world, leader)[..] else { panic!("deposed once") };
}

#[test]
fn it_is_told_the_time_when_it_asked_for_it_by_the_earliest_wish() {
    let mut world = world();
    let leader = world.elect();
    told(&mut world, leader);
    let since = world.now;
    for ms in [70, 40, 90] {
        ask(&mut world, leader, Input::TendIn(Duration::from_millis(ms)));
    }
    world.pass(Duration::from_millis(39));
    assert_eq!(told(&mut world, leader), []);
    world.pass(Duration::from_secs(1));
    let [(now, Some(reign))] = told(&mut world, leader)[..] else { panic!("told once") };
    assert_eq!(now, since.after(Duration::from_millis(40)));
    let led = reign.led.expect("a leader with a clock");
    assert!(led >= Duration::from_millis(40) && led < Duration::from_secs(1), "{led:?}");
}

#[test]
fn a_follower_tells_no_time_and_wakes_up_for_none() {
    let mut world = world();
    let follower = (world.elect() + 1) % 3;
    ask(&mut world, follower, Input::TendIn(Duration::from_millis(1)));
    ask(&mut world, follower, Input::WriteTime);
    world.pass(Duration::from_millis(200));
    assert_eq!(told(&mut world, follower), []);
}

#[test]
fn the_time_is_written_down_when_the_state_machine_waits_for_it() {
    let mut world = world();
    let leader = world.elect();
    world.pass(Duration::from_millis(100));
    ask(&mut world, leader, Input::WriteTime);
    for host in &world.hosts {
        let last = host.log.last().map(|entry| &entry.payload);
        let Some(Payload::System(System::Time(time))) = last else { panic!("{last:?}") };
        assert!(time.led() >= Duration::from_millis(100), "{:?}", time.led());
    }
}
