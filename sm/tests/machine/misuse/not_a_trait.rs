//! On the state, not on the interface.

#[quorate_sm::machine]
struct Store;

fn main() {}
