//! A small machine, for worlds that run one of their own.

use quorate_sm::{Context, StateMachine};

/// Adds up.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct Sum(pub(crate) u64);

impl StateMachine for Sum {
    type Command = u64;
    type Answer = u64;
    type Query = ();
    type QueryAnswer = u64;

    fn apply(&mut self, _: &mut Context, add: u64) -> u64 {
        self.0 += add;
        self.0
    }

    fn query(&self, (): ()) -> u64 {
        self.0
    }
}
