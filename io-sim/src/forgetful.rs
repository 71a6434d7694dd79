//! A state machine that is not as good as it could be.

use quorate_sm::{ByteMachine, Capture, Context, Digest, Kv, Undecodable};

/// The key-value store, which loses its state with every hundredth command.
#[derive(Default)]
pub(crate) struct Forgetful {
    kv: Kv,
    commands: u64,
}

impl ByteMachine for Forgetful {
    fn apply_bytes(
        &mut self,
        cx: &mut Context,
        command: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        self.commands += 1;
        if self.commands.is_multiple_of(100) {
            self.kv = Kv::default();
        }
        self.kv.apply_bytes(cx, command, answer)
    }

    fn query_bytes(&self, query: &[u8], answer: &mut Vec<u8>) -> Result<(), Undecodable> {
        self.kv.query_bytes(query, answer)
    }

    fn capture(&self) -> Box<dyn Capture> {
        ByteMachine::capture(&self.kv)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), Undecodable> {
        self.kv.restore(state)
    }

    fn digest_into(&self, digest: &mut Digest) {
        self.kv.digest_into(digest);
    }
}
