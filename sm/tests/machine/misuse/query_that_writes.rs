//! A query that changes the state.

#[quorate_sm::machine]
trait Kv {
    fn get(&self, key: String) -> Option<String>;
}

struct Store {
    reads: u64,
}

impl Kv for Store {
    fn get(&self, _: String) -> Option<String> {
        self.reads += 1;
        None
    }
}

fn main() {}
