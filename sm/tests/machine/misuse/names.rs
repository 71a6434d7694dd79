//! Names that mean something else already.

#[quorate_sm::machine]
trait Kv {
    fn get(&self, key: String) -> bool;
    fn get(key: String) -> bool;
    fn at(&self) -> bool;
}

fn main() {}
