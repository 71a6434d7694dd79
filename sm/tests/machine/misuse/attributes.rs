//! Attributes that are unknown, or in the wrong place.

#[quorate_sm::machine]
trait Kv {
    #[cfg(test)]
    fn get(&self, key: String) -> bool;
    #[read(Stale)]
    fn put(&mut self, cx: &mut KvCx, key: String);
    #[read(Stale)]
    fn changed(key: String) -> bool;
    #[read(Fresh)]
    fn peek(&self) -> bool;
}

#[quorate_sm::machine(fast)]
trait Other {}

#[quorate_sm::machine(events = 0)]
trait Silent {}

fn main() {}
