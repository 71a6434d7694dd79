//! A state machine that is never brief: its commands may take as long as the options say.

use quorate_sm::{ByteMachine, Context, Digest, Kv, Undecodable};

/// The key-value store, on the thread of its lane.
#[derive(Default)]
pub(crate) struct Slow(Kv);

impl ByteMachine for Slow {
    fn apply_bytes(
        &mut self,
        cx: &mut Context,
        command: &[u8],
        answer: &mut Vec<u8>,
    ) -> Result<(), Undecodable> {
        self.0.apply_bytes(cx, command, answer)
    }

    fn query_bytes(&self, query: &[u8], answer: &mut Vec<u8>) -> Result<(), Undecodable> {
        self.0.query_bytes(query, answer)
    }

    fn digest_into(&self, digest: &mut Digest) {
        self.0.digest_into(digest);
    }
}
