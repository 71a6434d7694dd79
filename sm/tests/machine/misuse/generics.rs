//! Parameters of types.

#[quorate_sm::machine]
trait Kv<T>: Clone {
    fn put<K>(&mut self, cx: &mut KvCx, key: K);
}

fn main() {}
