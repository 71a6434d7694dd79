//! The seeds, by what each begins with.

mod schedule;
mod snapshot;

use std::fs;

use quorate_fuzz::{decode, recovery};

/// A name, and the bytes.
type Seed = (&'static str, Vec<u8>);

/// The seeds of each target.
pub(crate) fn all() -> [(&'static str, Vec<Seed>); 6] {
    [
        ("decode", decode()),
        ("round_trip", round_trip()),
        ("step", step()),
        ("schedule", schedule::seeds()),
        ("recovery", recovery()),
        ("snapshot", snapshot::seeds()),
    ]
}

/// Frames of the golden files of the wire, and some that lie.
fn decode() -> Vec<Seed> {
    let append = golden("raft_append_entries_several");
    let changed = |at: usize, new: &[u8]| {
        let mut bytes = append.clone();
        bytes[at..at + new.len()].copy_from_slice(new);
        bytes
    };
    // The tables of entries begin behind the envelope and a header of this length.
    let tables = 22 + usize::from(append[20]);
    let longer = [&[0xFF; 4], &golden("client_propose")[4..], &[7; 600]].concat();
    let unknown = decode::repaired(&changed(13, &[200, 1]));
    let names = [
        "handshake_hello",
        "handshake_client_hello",
        "handshake_welcome",
        "handshake_reject_frame_too_small",
        "raft_pre_vote",
        "raft_request_vote_reply",
        "raft_append_entries_several",
        "raft_append_entries_reply_mismatch",
        "raft_heartbeat",
        "raft_install_snapshot",
        "peer_snapshot_ask",
        "peer_snapshot_none",
        "peer_snapshot_part",
        "peer_forward_propose",
        "peer_forwarded_not_applied",
        "peer_keep_alive",
        "client_query_stale",
        "client_done",
        "client_not_applied_not_leader",
    ];
    let sound = names.map(|name| (name, golden(name)));
    let hostile = [
        ("opening_of_http", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("a_length_of_four_billion", changed(0, &[0xFF; 4])),
        ("a_length_of_nothing", changed(0, &[0; 4])),
        ("a_checksum_of_something_else", changed(4, &[0; 4])),
        ("a_count_of_four_billion_entries", decode::repaired(&changed(tables, &[0xFF; 4]))),
        ("a_count_of_four_billion_runs", decode::repaired(&changed(tables + 4, &[0xFF; 4]))),
        ("a_message_behind_one_that_may_be_ignored", [unknown, append.clone()].concat()),
        ("a_message_too_long_for_a_handshake", decode::repaired(&longer)),
        ("a_message_cut_short", append[..append.len() - 9].to_vec()),
    ];
    sound.into_iter().chain(hostile).collect()
}

/// A frame of the golden files.
fn golden(name: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/tests/golden/wire");
    let text = fs::read_to_string(format!("{root}/{name}.hex")).expect("a golden file");
    let words = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
    words.map(|word| u8::from_str_radix(word, 16).expect("two digits")).collect()
}

/// Choices of what messages hold.
fn round_trip() -> Vec<Seed> {
    let hello = [0, 1, 0, 9, 0, 1, 0, 7, 1, 2, 9, 3, 4, 0];
    vec![
        ("handshakes", (0..5).flat_map(|kind| [&hello[..], &[kind, 1, 5]].concat()).collect()),
        (
            "raft_without_entries",
            (0..7).flat_map(|rpc| [1, rpc, 1, 5, 4, 3, 2, 1, 2, 6, 5]).collect(),
        ),
        (
            "raft_with_entries",
            // prev 4@9, commit 8; a command, a no-op, one of a newer term; from, to, term, group.
            [1, 4, 2, 7, 4, 9, 8, 3, 9, 2, 1, 1, 0, 1, 2, 1, 2, 9, 5].to_vec(),
        ),
        ("raft_with_many_small_entries", vec![1, 4, 2, 7, 4, 9, 8, 60]),
        ("peers", (0..11).flat_map(|kind| [2, 40, kind, 1, 3, 1, 2, 3, 0]).collect()),
        ("clients", (0..7).flat_map(|kind| [3, 41, kind, 2, 1, 1, 1, 0]).collect()),
        ("offers_of_snapshots", [4, 1, 2, 3, 9, 2, 8, 1, 0b1100_0111, 0xFF].to_vec()),
        ("an_offer_while_two_majorities_rule", [4, 1, 2, 3, 9, 2, 8, 0, 0b111, 0b11100].to_vec()),
        ("an_address", [3, 41, 5, 0, 2, 9, 100, 98, 45, 50, 58, 55, 48, 48, 48, 0].to_vec()),
        ("the_largest_numbers", [&[1, 2][..], &[0xFF; 9]].concat()),
        ("a_frame_of_golden_bytes", golden("raft_append_entries_several")),
        ("another_frame_of_golden_bytes", golden("client_not_applied_not_leader")),
    ]
}

/// Events of one core.
fn step() -> Vec<Seed> {
    // One event at a time.
    const TIMEOUT: [u8; 2] = [0, 0];
    const PERSISTED: [u8; 2] = [0, 3];
    const PROPOSE: [u8; 3] = [0, 5, 9];
    const READ: [u8; 2] = [0, 6];
    // Numbers near the first to fourth of those that a core stands at.
    let near = |anchor: u8, offset: i8| (8 * anchor + 3).strict_add_signed(offset);
    let newest = near(0, 0);
    // "From a server, in the current term or so many later."
    let hear = |from: u8, later: i8, rpc: &[u8]| {
        let envelope = [near(from - 1, 0), near(0, 0), near(0, later), 0];
        [&[0, 9], rpc, &envelope[..]].concat()
    };
    // The newest replication and round: those of the third server; the second one's is before it.
    let told = |to: u8| [near(0, 0) - (3 - to), near(1, 0)];
    let vote = hear(2, 0, &[3, 1]);
    let matches = |from| hear(from, 0, &[&[5][..], &told(from), &[0, newest]].concat());
    let refuses_all =
        hear(2, 0, &[&[5][..], &told(2), &[1, near(0, -1), 0xE0, 0, 0xE0, 0]].concat());
    let has_nothing = hear(2, 0, &[&[5][..], &told(3), &[0, 0xE0, 0]].concat());
    // Entries of the newest term, or of a newer one.
    let append = |from, later, before: i8, entries: &[u8]| {
        let prev = [near(1, 0), near(0, before)];
        let rpc = [&[4][..], &told(3), &prev, &[near(0, 0), 2], entries].concat();
        [hear(from, later, &rpc), vec![0]].concat()
    };
    let (same, newer) = ([2, 1, 7, 2, 1, 7], [1, 1, 2, 1, 7]);
    // Members, snapshot, entries, term, vote, entries in memory, pre-vote, check-quorum, cache.
    let genesis = |members: u8| vec![members - 1, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    let alone = [&TIMEOUT[..], &PERSISTED, &PERSISTED, &PROPOSE, &PERSISTED].concat();
    let elected = [&TIMEOUT[..], &PERSISTED, &vote, &PERSISTED].concat();
    let leader =
        [&genesis(3), &elected[..], &matches(2), &PROPOSE, &PERSISTED, &matches(3)].concat();
    let five_on_disk = [&[2, 0, 0, 5], &[2, 1, 7].repeat(5)[..], &[1, 0, 0, 0, 0, 0]].concat();
    let pre_vote = hear(2, 0, &[1, near(0, 1), 1]);
    // A snapshot up to the fourth entry, of term 1; three voters, said by none.
    let covers =
        [near(0, 1), near(0, 4), near(0, 0), near(0, 0), 2, near(0, 0), near(1, 0), near(2, 0)];
    let offer = hear(2, 1, &[&[8][..], &told(3), &covers].concat());
    let (fetched, unavailable) = ([0, 15, 0, 0], [0, 15, 0, 7]);
    let taken = [0, 14, newest];
    vec![
        (
            "a_server_alone_takes_a_snapshot",
            [&genesis(1), &alone[..], &taken, &PERSISTED, &PROPOSE, &PERSISTED].concat(),
        ),
        (
            "a_follower_begins_anew_from_a_snapshot",
            [&genesis(3), &offer[..], &PERSISTED, &fetched, &PERSISTED].concat(),
        ),
        (
            "a_snapshot_that_cannot_be_had",
            [&genesis(3), &offer[..], &PERSISTED, &unavailable, &offer, &fetched, &PERSISTED]
                .concat(),
        ),
        ("a_server_alone_commits", [genesis(1), alone].concat()),
        ("a_leader_commits", leader.clone()),
        ("a_leader_confirms_a_read", [&leader[..], &READ, &matches(2)].concat()),
        (
            "a_leader_that_asks_first",
            [&[2, 0, 0, 0, 0, 0, 0, 1, 1, 2][..], &TIMEOUT, &pre_vote, &PERSISTED, &vote].concat(),
        ),
        (
            "a_peer_needs_what_is_on_disk_only",
            [&five_on_disk[..], &elected, &refuses_all, &has_nothing, &[0, 7, 1, 3]].concat(),
        ),
        (
            "a_follower_cuts_its_log",
            [genesis(3), append(2, 1, 0, &same), PERSISTED.to_vec(), append(3, 1, -1, &newer)]
                .concat(),
        ),
        (
            "two_leaders_of_a_term",
            [genesis(3), append(2, 1, 0, &same), append(3, 0, 0, &same)].concat(),
        ),
        (
            "tickets_of_another_life",
            [&leader[..], &PROPOSE, &[0, 4, near(0, 4)], &[0, 4, 0xFF], &PERSISTED].concat(),
        ),
        (
            "entries_that_nobody_asked_for",
            [&leader[..], &[0, 7, 2, 0, near(0, 0), 3, 0, 0, 0]].concat(),
        ),
        ("a_term_of_the_far_future", [&leader[..], &hear(2, 0, &[3, 1])[..6], &[0xFF; 3]].concat()),
        ("a_clock_that_jumps", [&leader[..], &[0, 2, 0xFF], &[0, 2, 0xE0, 0], &TIMEOUT].concat()),
        ("many_events_at_once", [&leader[..], &[7, 6, 5, 1, 5, 2, 6, 3, 8, 2, 0]].concat()),
    ]
}

/// Lives of logs, and their ends.
fn recovery() -> Vec<Seed> {
    use recovery::Act::{
        Close, Commit, Cut, Flip, Garble, Idle, Kill, LyingBatch, LyingBlock, PowerLoss, Prepare,
        Replace, Rot, Snapshot, Stop, Write,
    };
    let act = |act: recovery::Act, arguments: &[u8]| [&[act as u8], arguments].concat();
    // One write of two entries: a no-op and a short command; in a new term; of a long command.
    let short = act(Write, &[0, 8, 0, 1, 9]);
    let new_term = act(Write, &[0, 11, 0, 1, 9]);
    let long = act(Write, &[0, 4, 3, 0]);
    let cutting = act(Write, &[0, 64 + 7, 1, 9]);
    // Batches aligned to 512 bytes, of up to 4 KiB; all of it in memory.
    let options = [0, 1, 0xFF];
    let life = |acts: &[&[u8]]| [&options[..], &new_term, &short, &acts.concat()].concat();
    let lost = act(PowerLoss, &[]);
    let many = long.repeat(14);
    vec![
        ("a_log_in_order", life(&[&act(Close, &[]), &short, &act(Kill, &[])])),
        ("a_new_leader_cuts_the_log", life(&[&cutting, &short, &cutting, &lost])),
        ("a_write_that_was_interrupted", life(&[&act(Stop, &[0]), &long, &lost])),
        (
            "a_write_of_which_a_part_is_kept",
            life(&[&act(Stop, &[1]), &long, &act(PowerLoss, &[1, 0, 1, 0, 1])]),
        ),
        (
            "a_header_that_was_not_written",
            life(&[&act(Stop, &[1]), &long, &act(PowerLoss, &[0, 1, 1, 1, 1])]),
        ),
        (
            "a_sector_that_turned_to_noise",
            life(&[&act(Stop, &[1]), &long, &act(Garble, &[1, 3, 1, 1, 1])]),
        ),
        ("many_segments", life(&[&many, &act(Prepare, &[]), &many, &lost, &short])),
        (
            "a_snapshot_and_a_purge",
            life(&[&many, &act(Commit, &[12]), &act(Snapshot, &[]), &short, &act(Kill, &[])]),
        ),
        ("a_bit_of_the_log_flips", life(&[&short, &act(Idle, &[]), &act(Flip, &[1, 1, 240, 3])])),
        ("a_bit_of_the_last_batch_flips", life(&[&long, &act(Flip, &[1, 8, 0, 3])])),
        ("a_bit_of_the_state_flips", life(&[&act(Flip, &[2, 0, 9, 3])])),
        ("a_sector_of_the_log_is_lost", life(&[&short, &act(Rot, &[1, 2, 120, 0, 2, 0, 0])])),
        ("a_segment_is_lost", life(&[&many, &lost, &act(Cut, &[2, 0, 0, 0])])),
        ("a_segment_is_cut", life(&[&many, &act(Cut, &[1, 9, 0, 1])])),
        ("the_identity_is_lost", life(&[&act(Cut, &[0, 0, 0, 0])])),
        (
            "a_header_with_the_last_number_there_is",
            [&options[..], &act(LyingBlock, &[1, 0, 0, 92, 0xFF])].concat(),
        ),
        (
            // A record that a snapshot covers the log says that one took its place, up to there.
            "a_log_that_ends_at_the_last_index_there_is",
            life(&[
                &act(Commit, &[4]),
                &act(Snapshot, &[]),
                &act(LyingBatch, &[2, 0, 100, 5, 0, 80, 0xFF, 0, 32, 0xFF]),
            ]),
        ),
        ("a_state_of_another_life", life(&[&act(LyingBlock, &[2, 0, 0, 28, 9])])),
        (
            "a_batch_of_many_records",
            life(&[&act(LyingBatch, &[0, 0, 64, 0xF3, 0xFF, 0xFF, 0xFF, 0xFF])]),
        ),
        ("an_entry_that_does_not_follow", life(&[&act(LyingBatch, &[0, 0, 80, 0xF0, 9])])),
        ("a_file_of_nothing_but_text", life(&[&act(Replace, b"\x01QRWALSEG")])),
    ]
}
