//! A state that comes back part by part: it is as if nothing had come until all of it is there.

use quorate_on_disk::OnDisk;
use quorate_sm::{Applied, ByteMachine as _, Digest, Load as _, RestoreError, Undecodable};

mod support;

use support::{Heap, Scratch, fill, last, on_disk, state_of};

#[test]
fn nothing_is_seen_of_a_state_before_all_of_it_is_there() {
    let scratch = Scratch::new("on-disk-parts");
    let mut ahead = on_disk(&scratch.path("ahead"), 30);
    fill(&mut ahead, 20);
    let state = state_of(&ahead);
    for part_bytes in [1, 2, 7, 64, state.len()] {
        let path = scratch.path(&part_bytes.to_string());
        let mut applier = on_disk(&path, 30);
        fill(&mut applier, 3);
        for part in state.chunks(part_bytes) {
            applier.load(part);
            assert_eq!(last(&applier), 3);
        }
        applier.restore_loaded(ahead.last_applied(), &mut Applied::default()).expect("a state");
        assert_eq!((last(&applier), applier.digest()), (20, ahead.digest()));
        fill(&mut applier, 21);
        drop(applier);
        let mut again = on_disk(&path, 30);
        again.restore(ahead.last_applied(), &state, &mut Applied::default()).expect("a state");
        assert_eq!(last(&again), 21, "the file is ahead of the snapshot");
        fill(&mut again, 22);
        assert_eq!(last(&again), 22);
    }
}

#[test]
fn what_is_not_loaded_to_its_end_leaves_nothing() {
    let scratch = Scratch::new("on-disk-abandoned");
    let mut ahead = on_disk(&scratch.path("ahead"), 30);
    fill(&mut ahead, 20);
    let state = state_of(&ahead);
    let at = ahead.last_applied();
    let half = &state[..state.len() / 2];
    let path = scratch.path("behind");
    let mut applier = on_disk(&path, 30);
    fill(&mut applier, 3);

    applier.load(half);
    fill(&mut applier, 4);
    assert_eq!(last(&applier), 4, "entries go on where they were");

    applier.load(half);
    applier.abandon_loading();
    let missing = applier.restore_loaded(at, &mut Applied::default());
    assert_eq!(missing, Err(RestoreError::Undecodable(Undecodable)));
    fill(&mut applier, 5);

    applier.load(half);
    let cut = applier.restore_loaded(at, &mut Applied::default());
    assert_eq!(cut, Err(RestoreError::Undecodable(Undecodable)));
    fill(&mut applier, 6);

    applier.load(half);
    drop(applier);
    let mut applier = on_disk(&path, 30);
    fill(&mut applier, 7);
    assert_eq!(last(&applier), 7);

    // Another one begins in its place.
    applier.load(half);
    applier.restore(at, &state, &mut Applied::default()).expect("a state");
    assert_eq!(applier.digest(), ahead.digest());
}

/// Without a replica around it.
#[test]
fn a_machine_begins_with_rows_that_are_all_there() {
    let scratch = Scratch::new("on-disk-machine");
    let mut ahead = on_disk(&scratch.path("ahead"), 30);
    fill(&mut ahead, 20);
    drop(ahead);
    let ahead = OnDisk::open(scratch.path("ahead"), Heap(30)).expect("a file");
    let (mut capture, mut state) = (ahead.capture(), Vec::new());
    while !capture.write(&mut state, 100) {}
    let mut behind = OnDisk::open(scratch.path("behind"), Heap(30)).expect("a file");
    let same = |behind: &OnDisk<Heap>| {
        let (mut one, mut other) = (Digest::default(), Digest::default());
        ahead.digest_into(&mut one);
        behind.digest_into(&mut other);
        one.value() == other.value()
    };

    behind.load(&state[..state.len() - 1]).expect("the beginning of it");
    assert_eq!(behind.finish(), Err(Undecodable), "the end is missing");
    behind.load(&state[..state.len() - 4]).expect("all rows");
    assert_eq!(behind.finish(), Err(Undecodable), "nobody says that this is the end");
    assert_eq!(behind.load(&[&state[..], &[0]].concat()), Err(Undecodable), "there is more");
    behind.load(&state).expect("all of it");
    assert_eq!(behind.load(&[0]), Err(Undecodable), "there is more");
    assert_eq!(behind.finish(), Err(Undecodable), "it was forgotten");
    assert!(!same(&behind));
    assert_eq!(behind.failure(), None);

    behind.load(&state[..state.len() / 2]).expect("the beginning of it");
    behind.restore(&state).expect("a state");
    assert!(same(&behind));
}
