//! Where the acts are played: the group, its network, and the line that people watch.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use quorate_io_tokio::client::Client;

use super::acts::Act;
use super::callers::{Calls, Observed, p99};
use super::proxy::Network;
use crate::diagnostic::Diagnostic;
use crate::local::LocalGroup;
use crate::output;
use crate::talk;

/// The group while it is broken.
pub(super) struct Stage {
    pub(super) group: LocalGroup,
    pub(super) network: Network,
    pub(super) client: Client,
    pub(super) observed: Rc<RefCell<Observed>>,
}

/// How an act went.
pub(super) struct Played {
    pub(super) number: usize,
    pub(super) title: &'static str,
    /// What there is to tell of it.
    pub(super) told: String,
    pub(super) done: u64,
    pub(super) failed: u64,
    pub(super) longest_gap: Duration,
    pub(super) p99: Duration,
    /// Each half second: how many calls were done, and how long 99 of 100 took at most.
    pub(super) beats: Vec<(usize, Option<Duration>)>,
}

impl Stage {
    /// Plays an act, with a live line, and prints what came of it.
    pub(super) async fn play(
        &mut self,
        number: usize,
        act: Act,
        span: Duration,
    ) -> Result<Played, Box<Diagnostic>> {
        self.observed.borrow_mut().calls = Calls::new();
        let title = format!("act {number}  {:<28}", act.title());
        let line =
            if talk::is_quiet() { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let line = line.with_message(title.clone());
        let style = ProgressStyle::with_template("{spinner} {msg}");
        line.set_style(style.expect("a template that is right"));
        let watched = Rc::clone(&self.observed);
        let shown = line.clone();
        let watcher = tokio::task::spawn_local(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(250)).await;
                let calls = &watched.borrow().calls;
                shown.set_message(format!(
                    "{title}{} {:>7} calls",
                    strip(calls.beats.iter().map(Vec::len)),
                    calls.done
                ));
                shown.tick();
            }
        });
        let told = act.play(self, span).await;
        watcher.abort();
        line.finish_and_clear();
        let played = self.played(number, act, told?);
        output::print(&played.to_string())?;
        Ok(played)
    }

    fn played(&self, number: usize, act: Act, told: String) -> Played {
        let calls = &mut self.observed.borrow_mut().calls;
        calls.close();
        let beat = |beat: &Vec<u32>| (beat.len(), p99(beat.iter().copied()));
        Played {
            number,
            title: act.title(),
            told,
            done: calls.done,
            failed: calls.failed,
            longest_gap: calls.longest_gap,
            p99: p99(calls.beats.concat()).unwrap_or_default(),
            beats: calls.beats.iter().map(beat).collect(),
        }
    }
}

impl fmt::Display for Played {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let beats = strip(self.beats.iter().map(|beat| beat.0));
        writeln!(
            f,
            "act {}  {:<28}{beats} {:>7} calls  {:>3} failed  longest gap {:>5} ms  p99 {:>6.1} ms  {}",
            self.number,
            self.title,
            self.done,
            self.failed,
            self.longest_gap.as_millis(),
            self.p99.as_secs_f64() * 1e3,
            self.told,
        )
    }
}

/// How busy each half second was, as a row of bars; the last one may be young.
fn strip(beats: impl Iterator<Item = usize> + Clone) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = beats.clone().max().unwrap_or(0).max(1);
    beats.map(|beat| BARS[beat * 7 / most]).collect()
}
