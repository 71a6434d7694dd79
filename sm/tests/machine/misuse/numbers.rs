//! Numbers of operations that clash, or leave gaps.

#[quorate_sm::machine]
trait Kv {
    #[op(1)]
    fn put(&mut self, cx: &mut KvCx, key: String);
    fn delete(&mut self, cx: &mut KvCx, key: String);
    #[op(2)]
    fn get(&self, key: String) -> bool;
    #[op(0)]
    fn changed(key: String) -> bool;
    #[op(0)]
    fn moved(key: String) -> bool;
}

fn main() {}
