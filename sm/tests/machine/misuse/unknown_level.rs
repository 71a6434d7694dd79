//! A level of consistency that there is not.

#[quorate_sm::machine]
trait Kv {
    #[read(Fresh)]
    fn get(&self, key: String) -> bool;
}

fn main() {}
