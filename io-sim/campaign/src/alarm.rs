//! What is said of a panic in a program that does not survive one.
//!
//! A panic in a world is a violation like any other, and the run goes on to say which. A program that
//! is built to abort, as one that serves must be, gets no further than the panic: there, this says at
//! least which world it was.

use std::cell::Cell;
use std::panic;

thread_local! {
    /// The world that runs on this thread.
    static SEED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// The exit code of a counterexample.
const COUNTEREXAMPLE: i32 = 8;

/// From now on a panic in a world is told with the line that runs it again, which has `SEED` in it.
pub(crate) fn set(replay: &str) {
    if !cfg!(panic = "abort") {
        return;
    }
    let replay = replay.to_owned();
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        before(panic);
        if let Some(seed) = SEED.get() {
            let replay = replay.replace("SEED", &seed.to_string());
            println!("violated  ServersRun: no server gives up\nevidence  {panic}");
            println!("seed      {seed}\nreplay    {replay}");
            std::process::exit(COUNTEREXAMPLE);
        }
    }));
}

/// Runs a world.
pub(crate) fn watch<R>(seed: u64, run: impl FnOnce() -> R) -> R {
    SEED.set(Some(seed));
    let ended = run();
    SEED.set(None);
    ended
}
