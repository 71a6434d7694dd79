//! The live line of a campaign.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::summary::Summary;

/// Shows how far a campaign is: a line on a terminal, nothing where nobody looks.
pub(crate) struct Progress {
    bar: ProgressBar,
    began: Instant,
}

impl Progress {
    /// A campaign of so many seeds, if their number is known, begins. `quiet` shows nothing.
    pub(crate) fn new(seeds: Option<u64>, quiet: bool) -> Self {
        let bar = seeds.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        if quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = match seeds {
            Some(_) => "{bar:24} {pos}/{len} seeds  {msg}  {eta} left",
            None => "{spinner} {pos} seeds  {msg}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("a template of ours"));
        Self { bar, began: Instant::now() }
    }

    /// A seed has ended.
    pub(crate) fn show(&self, summary: &Summary) {
        self.bar.set_position(summary.ran);
        self.bar.set_message(line(summary, self.began.elapsed()));
    }

    /// Prints above the live line.
    pub(crate) fn print(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// How long it has been going on.
    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The end.
    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Simulated time, events a second, failures.
fn line(summary: &Summary, elapsed: Duration) -> String {
    let hours = summary.simulated.as_secs_f64() / 3600.0;
    let events = summary.events as f64 / elapsed.as_secs_f64().max(1e-3);
    let failures = summary.failures.len();
    format!("{hours:.2} h simulated  {events:.0} events/s  {failures} failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_matters() {
        let mut summary = Summary::new("direct", "0..9".to_owned(), "0/1".to_owned(), Vec::new());
        summary.simulated = Duration::from_secs(5400);
        summary.events = 1_000_000;
        let line = line(&summary, Duration::from_secs(2));
        assert_eq!(line, "1.50 h simulated  500000 events/s  0 failed");
    }
}
