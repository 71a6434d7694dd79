//! How many threads run worlds.

use std::num::NonZero;

use clap::Args;

/// How many threads run worlds.
#[derive(Args, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Jobs {
    /// Threads; one for each processor, if not given
    #[arg(long, value_name = "N")]
    jobs: Option<NonZero<usize>>,
}

impl Jobs {
    /// As many as were asked for, or there are processors.
    pub fn count(self) -> NonZero<usize> {
        let all = || std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        self.jobs.unwrap_or_else(all)
    }
}
