//! A command without a context.

#[quorate_sm::machine]
trait Kv {
    fn put(&mut self, key: String);
}

fn main() {}
