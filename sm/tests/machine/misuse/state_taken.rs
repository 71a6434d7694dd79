//! An operation that takes the state away.

#[quorate_sm::machine]
trait Kv {
    fn take(self) -> Vec<u8>;
    fn boxed(self: Box<Self>);
}

fn main() {}
