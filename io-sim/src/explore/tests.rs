//! The exploration itself: that states which it takes for one will do the same.

use super::action::Action;
use super::options::Options;
use super::table::{Table, history_print};
use super::world::World;
use crate::rng::{Rng, Stream};

fn everything() -> Options {
    Options {
        pre_vote: true,
        check_quorum: true,
        terms: 9,
        entries: 9,
        messages: 30,
        timeouts: 9,
        heartbeats: 5,
        proposals: 3,
        reads: 3,
        crashes: 2,
        duplicates: 2,
        lapses: 3,
        snapshots: 2,
        ..Options::default()
    }
}

/// What does not depend on numbers of parts.
fn look(world: &World, table: &Table) -> (Vec<String>, Vec<u128>, u128, usize) {
    let servers = world.nodes.iter().map(|&node| table.seat(node).node.projection());
    let net = world.net.iter().map(|&message| table.message_print(message));
    let history = history_print(table.history(world.history));
    (servers.collect(), net.collect(), history, world.waits())
}

/// One table remembers servers of many walks and takes one for another; the other world always has
/// the very servers that went this way. They look the same after every step.
#[test]
fn servers_that_are_taken_for_one_go_on_alike() {
    let mut merged = Table::new(true);
    let mut actions = Vec::new();
    let mut mergers = 0;
    for seed in 0..400 {
        let mut rng = Rng::new(seed, Stream::Options);
        let everything = everything();
        let options = Options { pre_vote: seed % 2 == 0, check_quorum: seed % 4 < 2, ..everything };
        let mut own = Table::new(false);
        let mut one = World::first(&mut merged, &options);
        let mut other = World::first(&mut own, &options);
        for _ in 0..60 {
            Action::all(&other, &own, &options, &mut actions);
            let Some(choice) = actions.len().checked_sub(1).map(|last| rng.index(last + 1)) else {
                break;
            };
            let theirs = other.after(actions[choice], &mut own, &options).expect("all holds");
            let count = actions.len();
            Action::all(&one, &merged, &options, &mut actions);
            assert_eq!(actions.len(), count);
            one = one.after(actions[choice], &mut merged, &options).expect("all holds");
            other = theirs;
            assert_eq!(look(&one, &merged), look(&other, &own));
        }
        mergers += own.sizes()[0];
    }
    assert!(merged.sizes()[0] * 2 < mergers, "walks meet: {} of {mergers}", merged.sizes()[0]);
}

#[test]
fn a_world_is_its_words() {
    let options = everything();
    let mut table = Table::new(true);
    let mut actions = Vec::new();
    let mut world = World::first(&mut table, &options);
    let mut words = Vec::new();
    for step in 0..50 {
        Action::all(&world, &table, &options, &mut actions);
        world = world.after(actions[step % actions.len()], &mut table, &options).expect("holds");
        words.clear();
        world.words(|word| words.push(word));
        words.push(7);
        let (same, rest) = World::from_words(&words, &options);
        assert_eq!((format!("{same:?}"), rest), (format!("{world:?}"), &[7][..]));
    }
}
