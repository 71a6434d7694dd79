//! Links: when they are made again, and what goes over them.

use std::time::Duration;

use crate::world::World;

/// Is the link of the first host to the second up, on both lanes?
fn is_linked(world: &World) -> bool {
    world.hosts[0].node.status().peers[0].is_linked
}

/// Ends all connections between the first two hosts, which may connect again at once.
fn end_links(world: &mut World) {
    world.cut(0, 1);
    world.cuts.clear();
}

#[test]
fn a_link_that_ends_as_soon_as_it_is_up_is_dialed_again_ever_more_slowly() {
    let mut world = World::new(3);
    world.pass(Duration::from_secs(2));
    let before = world.hosts[0].dials;
    for _ in 0..1000 {
        world.pass(Duration::from_millis(10));
        if is_linked(&world) {
            end_links(&mut world);
        }
    }
    let attempts = world.hosts[0].dials - before;
    assert!((20..60).contains(&attempts), "two links, a second apart at most: {attempts}");
}

#[test]
fn a_link_that_was_up_for_long_is_dialed_again_soon() {
    let mut world = World::new(3);
    world.pass(Duration::from_secs(2));
    for _ in 0..10 {
        end_links(&mut world);
        world.pass(Duration::from_millis(1));
        while !is_linked(&world) {
            world.pass(Duration::from_millis(10));
        }
    }
    end_links(&mut world);
    world.pass(Duration::from_millis(400));
    assert!(!is_linked(&world), "it has failed again and again");
    world.pass(Duration::from_secs(3));
    assert!(is_linked(&world));
    end_links(&mut world);
    world.pass(Duration::from_millis(50));
    assert!(is_linked(&world), "it was up for seconds");
}
