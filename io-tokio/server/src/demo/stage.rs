//! Where the acts are played: the group, its network, and the line that people watch.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use quorate_io_tokio::client::Client;

use super::acts::Act;
use super::callers::{Calls, Observed};
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

impl Stage {
    /// Plays an act, with a live line, and prints what came of it.
    pub(super) async fn play(
        &mut self,
        number: usize,
        act: Act,
        span: Duration,
    ) -> Result<(), Box<Diagnostic>> {
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
                    strip(&calls.beats),
                    calls.done
                ));
                shown.tick();
            }
        });
        let told = act.play(self, span).await;
        watcher.abort();
        line.finish_and_clear();
        output::print(&self.summary(number, act, &told?))
    }

    fn summary(&self, number: usize, act: Act, told: &str) -> String {
        let calls = &mut self.observed.borrow_mut().calls;
        calls.close();
        let p99_ms = calls.p99().as_secs_f64() * 1e3;
        format!(
            "act {number}  {:<28}{} {:>7} calls  {:>3} failed  longest gap {:>5} ms  p99 {p99_ms:>6.1} ms  {told}\n",
            act.title(),
            strip(&calls.beats),
            calls.done,
            calls.failed,
            calls.longest_gap.as_millis(),
        )
    }
}

/// How busy each half second was, as a row of bars; the last one may be young.
fn strip(beats: &[u64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = beats.iter().copied().max().unwrap_or(0).max(1);
    let bar = |&beat: &u64| BARS[usize::try_from(beat * 7 / most).unwrap_or(0)];
    beats.iter().map(bar).collect()
}
