//! See [`quorate_fuzz::snapshot`].
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    quorate_fuzz::snapshot::run(input);
});

#[cfg(not(fuzzing))]
fn main() {
    quorate_fuzz::replay(quorate_fuzz::snapshot::run);
}
