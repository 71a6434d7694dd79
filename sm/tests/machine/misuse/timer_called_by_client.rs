//! Only the framework calls a timer.

#[quorate_sm::machine]
trait Kv {
    #[timer]
    fn expire(&mut self, cx: &mut KvCx, key: String);
}

async fn cheat<C: quorate_sm::Caller>(kv: KvClient<C>) {
    kv.expire("a").await;
}

fn main() {}
