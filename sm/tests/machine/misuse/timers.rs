//! Timers that answer, or do not change the state.

#[quorate_sm::machine]
trait Kv {
    #[timer]
    fn expire(&mut self, cx: &mut KvCx, key: String) -> bool;
    #[timer]
    fn look(&self, key: String);
    #[timer]
    #[session_ended]
    fn both(&mut self, cx: &mut KvCx);
    #[session_ended]
    fn gone(&mut self, cx: &mut KvCx);
}

fn main() {}
