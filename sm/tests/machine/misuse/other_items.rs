//! What is no operation.

#[quorate_sm::machine]
trait Kv {
    const LIMIT: usize;
    type Key;
    fn get(&self, (a, b): (u8, u8)) -> bool;
    fn size(&self) -> u64 {
        0
    }
}

fn main() {}
