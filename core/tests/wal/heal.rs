//! What others make up for: a damaged log is set aside, and its server begins anew without a say.

use quorate_core::wal::{self, Damage, Disk, MemDisk, OpenError, Row, heal};
use quorate_core::{HardState, Index, Membership, Recovered, Write};

use crate::support::{
    append, entries, fill, five, forty, genesis, hard_state, identity, newest_segment, open,
    opened, refused, segments,
};

fn flip(disk: &MemDisk, file: &str, at: usize) {
    disk.corrupt(file, |bytes| bytes[at] ^= 0x40);
}

/// What a server without a say starts from that was once in this term, and voted so.
fn anew(before: HardState) -> Recovered {
    let hard_state = HardState { is_forgetful: true, ..before };
    Recovered { hard_state, ..Recovered::genesis(genesis()) }
}

fn aside(disk: &MemDisk) -> Vec<String> {
    let names = disk.list().expect("a list");
    names.into_iter().filter(|name| name.ends_with(".damaged")).collect()
}

/// FAULTS D06, D07, D08: a bit flips anywhere in the log.
#[test]
fn whatever_is_refused_for_damage_begins_anew_without_a_say() {
    let mut healed = 0;
    let sound = forty();
    for file in segments(&sound) {
        let bytes = sound.contents(&file).expect("there");
        for at in (0..bytes.len()).step_by(509) {
            let disk = sound.clone();
            flip(&disk, &file, at);
            let Err(why) = open(&disk) else { continue };
            healed += 1;
            let (before, names) = (disk.contents(&file), segments(&disk));
            let healed = heal(&disk, why.clone()).unwrap_or_else(|error| panic!("{at}: {error}"));
            let expected: Vec<_> =
                names.iter().map(|name| format!("{name}.00000001.damaged")).collect();
            assert_eq!(healed.aside, expected);
            assert_eq!(healed.hard_state, anew(hard_state(1, 1)).hard_state);
            assert_eq!(disk.contents(&format!("{file}.00000001.damaged")), before, "as it was");
            let (mut wal, opened) = opened(&disk);
            assert_eq!(opened.recovered, anew(hard_state(1, 1)), "{why}");
            assert_eq!((opened.commit, opened.ident.identity), (Index(0), identity()));
            fill(&mut wal, 3, 100);
            assert_eq!(entries(&mut wal).expect("readable").len(), 3, "it learns");
        }
    }
    assert!(healed > 50, "{healed}");
}

/// A crash while the log is set aside: there is never a server that has lost something and has a say.
#[test]
fn whoever_is_interrupted_is_refused_again_or_has_no_say() {
    let mut interrupted = [0, 0];
    for seed in 0..3 {
        for operations in 0.. {
            let disk = forty();
            flip(&disk, &segments(&disk)[0], 9000);
            let why = refused(&disk);
            disk.stop_after(operations);
            let done = heal(&disk, why);
            disk.revive();
            disk.lose_power(seed);
            match open(&disk) {
                Ok((_, opened)) => assert!(opened.recovered.hard_state.is_forgetful),
                Err(why) => {
                    interrupted[usize::from(done.is_ok())] += 1;
                    heal(&disk, why).expect("the same again");
                    let (_, opened) = opened(&disk);
                    assert_eq!(opened.recovered, anew(hard_state(1, 1)));
                }
            }
            if done.is_ok() {
                break;
            }
        }
    }
    assert!(interrupted[0] > 3 && interrupted[1] == 0, "{interrupted:?}");
}

/// The boots go on, and what a snapshot's file holds is kept like all the rest.
#[test]
fn a_healed_directory_is_that_of_the_same_server() {
    let disk = five();
    let before = opened(&disk).1.boot_epoch;
    let snapshot = "snap-00000000000000000005-0000000000000001.qrs";
    disk.put(snapshot, b"a state");
    let file = &segments(&disk)[0];
    flip(&disk, file, 9000);
    let moved = heal(&disk, refused(&disk)).expect("healed").aside;
    assert_eq!(moved.last(), Some(&format!("{snapshot}.00000002.damaged")));
    let (wal, opened) = opened(&disk);
    assert_eq!(opened.boot_epoch, before + 1);
    wal.snapshots(|_| ()).expect("none");
    drop(wal);
    assert_eq!(
        disk.contents(&format!("{snapshot}.00000002.damaged")).as_deref(),
        Some(&b"a state"[..])
    );
}

/// What was set aside before goes when there is something new, but not while the server has no say:
/// then it may be of the same damage.
#[test]
fn what_was_set_aside_is_kept_for_one_damage() {
    let disk = five();
    let spoil = |hard_state| {
        let (mut wal, _) = opened(&disk);
        for ticket in 1..=3 {
            let write = append(ticket, wal.last(), 1, &[b"anew"]);
            wal.write(&[Write { hard_state, ..write }]).expect("written");
        }
        drop(wal);
        // Where the first batch begins, which the others promise.
        flip(&disk, &newest_segment(&disk), 8200);
        heal(&disk, refused(&disk)).expect("healed").aside.len()
    };
    let first = spoil(None);
    let second = spoil(None);
    assert_eq!(aside(&disk).len(), first + second, "it has no say yet");
    let third = spoil(Some(hard_state(1, 1)));
    assert_eq!(aside(&disk).len(), third);
}

#[test]
fn what_others_cannot_make_up_for_stays_refused() {
    let untouched = |disk: &MemDisk, why: OpenError| {
        let before = disk.clone();
        assert_eq!(heal(disk, why.clone()), Err(why));
        for name in before.list().expect("a list") {
            assert_eq!(disk.contents(&name), before.contents(&name), "{name}");
        }
    };
    // A group of one: what is damaged is nowhere else.
    let alone = MemDisk::new();
    let myself = Membership::of_voters([identity().node]).expect("a membership");
    wal::format(&alone, &identity(), 77, &myself).expect("formatted");
    fill(&mut opened(&alone).0, 5, 1000);
    flip(&alone, &newest_segment(&alone), 9000);
    untouched(&alone, refused(&alone));
    // Without a hard state nobody knows how often it has started.
    let disk = five();
    disk.corrupt("state.qrs", |bytes| bytes.fill(7));
    assert_eq!(refused(&disk), OpenError::HardStateLost);
    untouched(&disk, OpenError::HardStateLost);
    // What cannot be read today can be read tomorrow.
    let disk = forty();
    disk.make_unreadable(&segments(&disk)[0], 18);
    let why = refused(&disk);
    assert!(matches!(why, OpenError::Damaged(Damage { row: Row::Unreadable, .. })), "{why}");
    untouched(&disk, why);
}
