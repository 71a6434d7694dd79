//! Arguments and answers that are borrowed.

#[quorate_sm::machine]
trait Kv {
    fn get(&self, key: &str) -> Option<String>;
    fn first(&self) -> &'static str;
    fn any(&self, key: impl Into<String>) -> bool;
    fn raw(&self, key: *const u8) -> bool;
}

fn main() {}
