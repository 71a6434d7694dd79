//! Every seed runs through its target, on any toolchain.
//!
//! `UPDATE=1 cargo test --manifest-path fuzz/Cargo.toml --test corpus` writes the seeds of `seeds.rs`
//! anew. What a fuzzer found is put beside them, under a name that says what it shows.

mod seeds;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use quorate_core::wal::Row;
use quorate_fuzz::{decode, recovery, round_trip, schedule, snapshot, step};

/// What the seeds of a target come to, by their names.
fn runs<T>(target: &str, run: impl Fn(&[u8]) -> T) -> Vec<(String, T)> {
    let folder = folder(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    let name = |path: &PathBuf| path.file_name().expect("a file").to_string_lossy().into_owned();
    let read = |path: &PathBuf| fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    paths.iter().map(|path| (name(path), run(&read(path)))).collect()
}

fn folder(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target)
}

#[test]
fn the_seeds_are_those_of_the_generator_and_what_was_found() {
    for (target, seeds) in seeds::all() {
        for (name, bytes) in seeds {
            let path = folder(target).join(name);
            if fs::read(&path).ok().as_ref() != Some(&bytes) && std::env::var_os("UPDATE").is_some()
            {
                fs::create_dir_all(folder(target)).expect("a folder");
                fs::write(&path, &bytes).expect("written");
            }
            assert_eq!(fs::read(&path).ok().as_ref(), Some(&bytes), "{path:?}; UPDATE=1 writes it");
        }
    }
}

#[test]
fn the_seeds_of_decode_are_frames_messages_and_refusals() {
    for (name, decoded) in runs("decode", decode::run) {
        let decode::Decoded { frames, messages, refused } = decoded;
        let is_opening = name.starts_with("opening");
        assert!(frames + refused > 0 || is_opening, "{name}: {decoded:?}");
        assert!(messages > 0 || is_opening || name.starts_with("a_"), "{name}: {decoded:?}");
    }
}

#[test]
fn the_seeds_of_round_trip_go_both_ways() {
    for (name, trips) in runs("round_trip", round_trip::run) {
        assert!(trips.from_messages > 0, "{name}: {trips:?}");
    }
}

#[test]
fn the_seeds_of_step_lead_commit_read_fetch_cut_and_halt() {
    let runs = runs("step", step::run);
    let some = |what: fn(&step::Steps) -> bool| runs.iter().any(|(_, steps)| what(steps));
    assert!(some(|steps| steps.led > 0), "{runs:?}");
    assert!(some(|steps| steps.commits > 1), "{runs:?}");
    assert!(some(|steps| steps.reads > 0), "{runs:?}");
    assert!(some(|steps| steps.fetches > 0), "{runs:?}");
    assert!(some(|steps| steps.cuts > 0), "{runs:?}");
    assert!(some(|steps| steps.compactions > 0), "{runs:?}");
    assert!(some(|steps| steps.restores > 0), "{runs:?}");
    assert!(some(|steps| steps.is_halted), "{runs:?}");
}

#[test]
fn the_seeds_of_schedule_elect_commit_lose_and_cut() {
    let runs = runs("schedule", schedule::run);
    let some = |what: fn(&schedule::History) -> bool| runs.iter().any(|(_, history)| what(history));
    assert!(some(|history| history.elections > 1), "{runs:?}");
    assert!(some(|history| history.committed > 2), "{runs:?}");
    assert!(some(|history| history.lost_writes > 0), "{runs:?}");
    assert!(some(|history| history.reads > 0), "{runs:?}");
    assert!(some(|history| history.fetches > 0), "{runs:?}");
    let figure_3_7 = runs.iter().find(|(name, _)| name == "figure_3_7").expect("that seed").1;
    assert_eq!((figure_3_7.elections, figure_3_7.cuts), (4, 3), "{figure_3_7:?}");
}

#[test]
fn the_seeds_of_schedule_change_members_hand_over_and_begin_from_snapshots() {
    let runs = runs("schedule", schedule::run);
    let run = |wanted: &str| runs.iter().find(|(name, _)| name == wanted).expect("that seed").1;
    assert_eq!(run("leadership_is_handed_over").transfers, 1);
    assert_eq!(run("leadership_is_handed_to_who_is_cut_off").transfers, 0);
    assert_eq!(run("the_leader_leaves").elections, 2);
    for name in ["a_third_server_joins", "a_server_leaves", "the_leader_leaves"] {
        let history = run(name);
        assert_eq!((history.changes, history.joint), (1, 0), "{name}: {history:?}");
    }
    for name in ["a_server_takes_the_place_of_another", "three_join_two_by_two_majorities"] {
        let history = run(name);
        assert!(history.changes > 0 && history.joint > 1, "{name}: {history:?}");
    }
    let two_leaders = run("a_leader_crashes_while_two_majorities_rule");
    assert!(two_leaders.joint > 1 && two_leaders.elections > 1, "{two_leaders:?}");
    let undone = run("a_change_that_only_a_minority_has_is_undone");
    assert_eq!((undone.memberships, undone.cuts, undone.changes), (2, 1, 0), "{undone:?}");
    for name in [
        "a_follower_gets_a_snapshot",
        "a_snapshot_is_gone_and_a_newer_one_is_offered",
        "a_follower_crashes_while_a_snapshot_takes_the_place_of_its_log",
        "a_third_server_learns_from_a_snapshot",
        "who_begins_from_a_snapshot_leads",
    ] {
        let history = run(name);
        assert!(history.compactions > 0 && history.restores > 0, "{name}: {history:?}");
    }
}

#[test]
fn the_seeds_of_recovery_end_in_many_ways() {
    let runs = runs("recovery", recovery::run);
    let rows: BTreeSet<Row> = runs.iter().flat_map(|(_, run)| run.opened.clone()).collect();
    for row in [Row::End, Row::HeaderMissing, Row::SectorsMissing] {
        assert!(rows.contains(&row), "{row:?} is not among {rows:?}");
    }
    let refused: Vec<_> = runs.iter().filter_map(|(_, run)| run.refused.as_deref()).collect();
    for why in ["Promised", "WrongRecords", "SegmentMissing", "IdentLost", "Exhausted", "Misplaced"]
    {
        assert!(refused.iter().any(|refused| refused.contains(why)), "{why}: {refused:?}");
    }
    let mended = runs.iter().filter(|(_, run)| run.mended > 0 && run.opened.len() > 1);
    assert!(mended.count() >= 3, "{runs:?}");
}

#[test]
fn the_seeds_of_snapshot_are_kept_refused_and_rot() {
    let runs = runs("snapshot", snapshot::run);
    let run = |wanted: &str| runs.iter().find(|(name, _)| name == wanted).expect("that seed").1;
    for name in ["a_snapshot", "a_snapshot_in_one_piece", "a_snapshot_up_to_the_last_index"] {
        let snapshots = run(name);
        // As it is and repaired, which is the same.
        assert_eq!((snapshots.complete, snapshots.stored, snapshots.rotten), (2, 2, 2), "{name}");
    }
    assert!(run("a_part_of_a_mebibyte").stored > 0, "{runs:?}");
    assert!(runs.iter().filter(|(_, snapshots)| snapshots.refused > 0).count() > 6, "{runs:?}");
    assert!(runs.iter().any(|(_, it)| it.refused > 0 && it.complete > 0), "{runs:?}");
}
