//! A query that wants to publish.

#[quorate_sm::machine]
trait Kv {
    fn get(&self, cx: &mut KvCx, key: String) -> Option<String>;
}

fn main() {}
