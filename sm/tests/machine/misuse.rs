//! Errors are lessons: what the compiler says to those who hold `#[machine]` wrong. `TRYBUILD=overwrite`
//! writes the lessons anew.

#[test]
fn who_holds_it_wrong_is_told_how_to_hold_it() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/machine/misuse/*.rs");
}
