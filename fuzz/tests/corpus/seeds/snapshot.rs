//! Snapshots, and what became of them.

use quorate_fuzz::snapshot;

use super::Seed;

/// All of them.
pub(super) fn seeds() -> Vec<Seed> {
    use snapshot::Act::{Cut, End, Flip, Head, Lose, Repair, Repeat, Replace, State, Swap};
    let act = |act: snapshot::Act, arguments: &[u8]| [&[act as u8], arguments].concat();
    // Up to entry 3 of term 2, membership of entry 3 of term 1: three voters, no addresses.
    let head = act(Head, &[2, 3, 1, 3, 0b111, 0]);
    let part = act(State, &[5, b'x']);
    let end = act(End, &[]);
    // In pieces of seven bytes.
    let made = |acts: &[&[u8]]| [&[0, 7, 1], &acts.concat()[..]].concat();
    let sound = [&head[..], &part, &part, &end].concat();
    let after = |harm: Vec<u8>| made(&[&sound, &harm]);
    let mut far = act(Head, &[2, 8 + 3, 2, 8 + 3, 0b1100_0111, 0b10, 4, b'd', b'b', b':', b'1']);
    far.extend_from_slice(&end);
    // A block that says to be a MiB long.
    let long = [2, 0, 0, 0, 0, 0, 16, 0, 1, 2, 3, 4];
    vec![
        ("a_snapshot", made(&[&sound])),
        ("a_snapshot_in_one_piece", [&[0, 0, 1], &sound[..]].concat()),
        ("a_snapshot_up_to_the_last_index", made(&[&far])),
        ("a_state_of_nothing", made(&[&head, &end])),
        (
            "a_part_of_a_mebibyte",
            made(&[&head, &act(State, &[0xF2, 0x10, 0, 0, b'y']), &act(State, &[3, 0]), &end]),
        ),
        ("the_end_is_lost", after(act(Cut, &[16 + 1]))),
        ("a_bit_flips", after(act(Flip, &[8 + 3, 4]))),
        (
            "parts_change_places",
            made(&[&head, &part, &act(State, &[9, 7]), &end, &act(Swap, &[1, 2])]),
        ),
        ("a_part_comes_twice", after(act(Repeat, &[1, 2]))),
        (
            "a_part_is_lost_and_nobody_can_tell_by_checksums",
            after([act(Lose, &[1]), act(Repair, &[])].concat()),
        ),
        ("two_heads", made(&[&head, &head, &end, &act(Repair, &[])])),
        ("something_follows_the_end", made(&[&sound, &part])),
        ("a_head_of_a_later_version", after([act(Replace, &[6, 3, 22]), vec![9; 22]].concat())),
        ("a_length_that_nothing_follows", [&[0, 5, 0][..], &long].concat()),
        ("text", [&[0, 3, 0][..], b"QRSNAPSH and so on and so on"].concat()),
        ("nothing", Vec::new()),
    ]
}
