//! Without its flag this package is empty, and its tests pass because there are none.

#[test]
fn the_flag_that_turns_madsim_on_is_set() {
    let is_skipped = std::env::var("QUORATE_SKIP_MADSIM").is_ok_and(|value| value == "1");
    assert!(
        cfg!(madsim) || is_skipped,
        "built without `--cfg madsim`, which .cargo/config.toml sets: an exported RUSTFLAGS \
         replaces it. Unset RUSTFLAGS, or add the flag to it: RUSTFLAGS=\"$RUSTFLAGS --cfg madsim\". \
         To do without the worlds on madsim, set QUORATE_SKIP_MADSIM=1"
    );
}
