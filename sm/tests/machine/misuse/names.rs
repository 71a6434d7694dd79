//! Names that mean something else already.

#[quorate_sm::machine]
trait Kv {
    fn get(&self, key: String) -> bool;
    fn get(key: String) -> bool;
    fn at(&self) -> bool;
    fn since(&self) -> bool;
    fn changed(key: String) -> bool;
    fn any_changed(what: String) -> bool;
}

fn main() {}
