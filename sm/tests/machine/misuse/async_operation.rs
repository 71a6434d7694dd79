//! An operation that awaits.

#[quorate_sm::machine]
trait Kv {
    async fn put(&mut self, cx: &mut KvCx, key: String);
}

fn main() {}
