//! Acts of a cluster.

use quorate_fuzz::schedule::{self, link};

use super::Seed;

/// All of them.
pub(super) fn seeds() -> Vec<Seed> {
    use schedule::Act::{
        Calm, Crash, Deliver, Disconnect, Drop, Fetch, Overtake, Propose, Read, Repeat, Restart,
        Split, Sync, SyncOne, Tick, Wait,
    };
    let snapshots_and_members = [snapshots_of_clusters(), members_of_clusters()].concat();
    let three = |tuning: u8, acts: &[(schedule::Act, u8)]| script(0, tuning, acts);
    let five = |tuning: u8, acts: &[(schedule::Act, u8)]| script(2, tuning, acts);
    const CAREFUL: u8 = 3;
    const ONE_BY_ONE: u8 = 4;
    const ON_DISK: u8 = 8;
    let ordinary = vec![
        (
            "a_leader_commits_and_reads",
            three(CAREFUL, &[(Tick, 0), (Calm, 6), (Propose, 0), (Calm, 3), (Read, 0), (Calm, 3)]),
        ),
        (
            "a_leader_crashes_and_loses_its_writes",
            three(
                CAREFUL,
                &[
                    (Tick, 0),
                    (Calm, 6),
                    (Propose, 0),
                    (Propose, 3),
                    (SyncOne, 0),
                    (Crash, 0),
                    (Tick, 1),
                    (Tick, 2),
                    (Calm, 7),
                    (Restart, 0),
                    (Tick, 1),
                    (Calm, 5),
                ],
            ),
        ),
        (
            "a_voter_crashes_before_its_vote_is_durable",
            three(
                0,
                &[
                    (Tick, 0),
                    (Sync, 0),
                    (Deliver, link(3, 0, 1)),
                    (Crash, 1),
                    (Restart, 1),
                    (Tick, 2),
                    (Sync, 2),
                    (Deliver, link(3, 2, 1)),
                    (Sync, 1),
                    (Calm, 4),
                ],
            ),
        ),
        (
            "a_split_cluster_elects_on_the_larger_side",
            five(
                CAREFUL,
                &[
                    (Tick, 0),
                    (Calm, 6),
                    (Split, 0b00011),
                    (Propose, 0),
                    (Calm, 2),
                    (Wait, 2),
                    (Wait, 3),
                    (Wait, 4),
                    (Tick, 2),
                    (Calm, 7),
                    (Propose, 2),
                    (Calm, 3),
                    (Split, 0),
                    (Tick, 2),
                    (Calm, 6),
                ],
            ),
        ),
        (
            "a_peer_far_behind_is_sent_what_is_on_disk",
            three(
                ON_DISK,
                &[
                    (Split, 0b100),
                    (Tick, 0),
                    (Calm, 5),
                    (Propose, 0),
                    (Calm, 3),
                    (Propose, 0),
                    (Calm, 3),
                    (Propose, 0),
                    (Calm, 3),
                    (Split, 0),
                    (Disconnect, link(3, 0, 2)),
                    (Tick, 0),
                    (Calm, 5),
                    (Fetch, 0),
                    (Calm, 5),
                    (Tick, 0),
                    (Calm, 7),
                ],
            ),
        ),
        (
            "messages_are_lost_repeated_and_overtaken",
            three(
                ONE_BY_ONE,
                &[
                    (Tick, 0),
                    (Sync, 0),
                    (Repeat, 0),
                    (Repeat, 1),
                    (Calm, 4),
                    (Propose, 0),
                    (Propose, 3),
                    (Sync, 0),
                    (Overtake, 1),
                    (Drop, 0),
                    (Sync, 1),
                    (Sync, 2),
                    (Repeat, 0),
                    (Tick, 0),
                    (Calm, 7),
                ],
            ),
        ),
        ("figure_3_7", figure_3_7()),
    ];
    [ordinary, snapshots_and_members].concat()
}

fn snapshots_of_clusters() -> Vec<Seed> {
    use schedule::Act::{
        Calm, Crash, GetSnapshot, LoseSnapshot, Propose, Restart, Split, Sync, TakeSnapshot, Tick,
        Wait,
    };
    const CAREFUL: u8 = 3;
    const RETAINING: u8 = 32 + CAREFUL;
    // The third of three servers lacks what the first one, who leads, has forgotten.
    let behind = [
        (Split, 0b100),
        (Tick, 0),
        (Calm, 5),
        (Propose, 3),
        (Propose, 3),
        (Propose, 3),
        (Calm, 4),
        (TakeSnapshot, 0),
        (Sync, 0),
        (Calm, 1),
        (Split, 0),
        (Tick, 0),
        (Sync, 2),
    ];
    let story =
        |tuning: u8, more: &[(schedule::Act, u8)]| script(0, tuning, &[&behind, more].concat());
    // One round of messages, and nobody gets a snapshot by it.
    let heard = [(schedule::Act::Deliver, link(3, 0, 2)), (Sync, 2)].repeat(3);
    let offered = |more: &[(schedule::Act, u8)]| story(CAREFUL, &[&heard[..], more].concat());
    vec![
        (
            "a_log_is_not_forgotten_before_its_snapshot_is_on_record",
            script(
                0,
                CAREFUL,
                &[
                    (Tick, 0),
                    (Calm, 6),
                    (Propose, 3),
                    (Calm, 3),
                    (TakeSnapshot, 0),
                    (Tick, 0),
                    (Sync, 0),
                    (Calm, 1),
                ],
            ),
        ),
        ("a_log_is_forgotten_behind_a_snapshot", story(RETAINING, &[(Tick, 0), (Calm, 7)])),
        (
            "a_follower_gets_a_snapshot",
            story(CAREFUL, &[(Tick, 0), (Calm, 7), (Tick, 0), (Calm, 7)]),
        ),
        (
            "a_snapshot_is_gone_and_a_newer_one_is_offered",
            offered(&[
                (Propose, 3),
                (Calm, 0),
                (LoseSnapshot, 2 + 3),
                (Tick, 0),
                (Calm, 7),
                (TakeSnapshot, 0),
                (Calm, 1),
                (Tick, 0),
                (Calm, 7),
            ]),
        ),
        (
            "a_follower_crashes_while_a_snapshot_takes_the_place_of_its_log",
            offered(&[
                (GetSnapshot, 2),
                (Crash, 2),
                (Restart, 2),
                (Tick, 0),
                (Calm, 7),
                (Tick, 0),
                (Calm, 7),
                (Crash, 2),
                (Restart, 2),
                (Propose, 3),
                (Calm, 6),
            ]),
        ),
        (
            "who_begins_from_a_snapshot_leads",
            story(
                CAREFUL,
                &[
                    (Calm, 7),
                    (Tick, 0),
                    (Calm, 7),
                    (TakeSnapshot, 2),
                    (TakeSnapshot, 1),
                    (Calm, 1),
                    (Crash, 0),
                    (Crash, 2),
                    (Restart, 2),
                    (Wait, 1),
                    (Tick, 2),
                    (Calm, 7),
                    (Propose, 2 + 3),
                    (Calm, 4),
                    (Restart, 0),
                    (Tick, 2),
                    (Calm, 7),
                ],
            ),
        ),
    ]
}

fn members_of_clusters() -> Vec<Seed> {
    use schedule::Act::{
        Calm, Change, Crash, Propose, Restart, Split, Sync, TakeSnapshot, Tick, Transfer, Wait,
    };
    use schedule::Change::{Alone, Learn, Leave, Replace, Vote, VoteBoth};
    use schedule::change;
    const CAREFUL: u8 = 3;
    const GROWING: u8 = 16 + CAREFUL;
    // A change takes some rounds, and some of them a heartbeat.
    let some_time = [(Calm, 7), (Tick, 0), (Calm, 7), (Tick, 0), (Calm, 7)];
    let led =
        |acts: &[&[(schedule::Act, u8)]]| [&[(Tick, 0), (Calm, 6)][..], &acts.concat()].concat();
    let then =
        |it: schedule::Change, whose| [&[(Change, change(3, it, whose))][..], &some_time].concat();
    let of_five = |it: schedule::Change, whose| (Change, change(5, it, whose));
    vec![
        ("a_third_server_joins", script(0, GROWING, &led(&[&then(Vote, 2)]))),
        (
            "a_third_server_learns_from_a_snapshot",
            script(
                0,
                GROWING,
                &led(&[
                    &[(Propose, 3), (Propose, 3), (Calm, 3), (TakeSnapshot, 0), (Calm, 1)],
                    &then(Learn, 2),
                ]),
            ),
        ),
        ("a_server_leaves", script(0, CAREFUL, &led(&[&then(Leave, 2)]))),
        (
            "the_leader_leaves",
            script(0, CAREFUL, &led(&[&then(Leave, 0), &[(Wait, 1), (Tick, 1), (Calm, 7)]])),
        ),
        ("a_server_takes_the_place_of_another", script(0, GROWING, &led(&[&then(Replace, 1)]))),
        (
            "three_join_two_by_two_majorities",
            script(
                2,
                GROWING,
                &led(&[&[of_five(VoteBoth, 2)], &some_time, &[of_five(VoteBoth, 3)], &some_time]),
            ),
        ),
        (
            "a_leader_crashes_while_two_majorities_rule",
            script(
                2,
                CAREFUL,
                &led(&[
                    &[of_five(Alone, 1), (Sync, 0), (Calm, 1), (Crash, 5 * 3)],
                    &[(Wait, 1), (Wait, 2), (Wait, 3), (Wait, 4), (Tick, 1), (Calm, 7)],
                    &[(Tick, 1), (Calm, 7), (Restart, 0), (Tick, 1), (Calm, 7)],
                ]),
            ),
        ),
        (
            "a_change_that_only_a_minority_has_is_undone",
            script(
                0,
                CAREFUL,
                &led(&[
                    &[(Split, 0b001), (Change, change(3, Leave, 1)), (Sync, 0), (Calm, 1)],
                    &[(Wait, 1), (Wait, 2), (Tick, 1), (Calm, 7), (Propose, 1), (Calm, 3)],
                    &[(Split, 0), (Tick, 1), (Calm, 7), (Tick, 1), (Calm, 7)],
                ]),
            ),
        ),
        (
            "leadership_is_handed_over",
            script(0, CAREFUL, &led(&[&[(Propose, 3), (Transfer, link(3, 0, 1)), (Calm, 7)]])),
        ),
        (
            "leadership_is_handed_to_who_is_cut_off",
            script(
                0,
                CAREFUL,
                &led(&[
                    &[(Split, 0b100), (Propose, 3), (Transfer, link(3, 0, 2)), (Calm, 4)],
                    &[(Wait, 0), (Tick, 0), (Calm, 2), (Split, 0), (Propose, 3), (Calm, 5)],
                ]),
            ),
        ),
    ]
}

/// thesis Figure 3.7: a leader must not commit an entry of an earlier term by counting.
fn figure_3_7() -> Vec<u8> {
    use schedule::Act::{Calm, Crash, Propose, Restart, Split, Sync, Tick};
    const ONE_BY_ONE: u8 = 4;
    const KEEP_ALL: u8 = 5 * 9;
    #[rustfmt::skip]
    let acts = [
        // All have the first leader's no-op; its next entry is on two servers.
        (Tick, 0), (Calm, 7), (Split, 0b00011), (Propose, 0), (Calm, 2), (Crash, KEEP_ALL),
        // The fifth is elected without them, has an entry that it tells nobody, and crashes.
        (Split, 0b11100), (Tick, 4), (Calm, 2), (Split, 0b10000), (Sync, 4), (Calm, 1),
        (Crash, 4 + KEEP_ALL),
        // The first is elected again, and brings the earlier entry, and no other, to the third.
        (Restart, KEEP_ALL), (Split, 0b00111), (Tick, 0), (Tick, 0), (Calm, 6), (Crash, KEEP_ALL),
        (Crash, 1 + KEEP_ALL),
        // The fifth is elected again, and its entry takes the place of that one.
        (Restart, 4 + KEEP_ALL), (Split, 0b11100), (Tick, 4), (Tick, 4), (Calm, 7), (Restart, 0),
        (Restart, 1), (Split, 0), (Tick, 4), (Calm, 7), (Tick, 4), (Calm, 7),
    ];
    script(2, ONE_BY_ONE, &acts)
}

fn script(more_than_three: u8, tuning: u8, acts: &[(schedule::Act, u8)]) -> Vec<u8> {
    let acts = acts.iter().flat_map(|&(act, argument)| [act as u8, argument]);
    [more_than_three, tuning].into_iter().chain(acts).collect()
}
