//! An event that says nothing.

#[quorate_sm::machine]
trait Kv {
    fn changed(key: String);
}

fn main() {}
