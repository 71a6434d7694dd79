//! The live line of a campaign.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::CampaignError;
use crate::output::print;
use crate::report::span;
use crate::summary::Summary;

/// Without a terminal, a line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Shows how far a campaign is: a live line on a terminal, else a line now and then.
pub(crate) struct Progress {
    bar: ProgressBar,
    began: Instant,
    is_quiet: bool,
    lines: u32,
}

impl Progress {
    /// A campaign of so many seeds, if their number is known, begins.
    pub(crate) fn new(seeds: Option<u64>, is_quiet: bool) -> Self {
        let bar = seeds.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
        if is_quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let template = match seeds {
            Some(_) => "{bar:24} {pos}/{len} seeds  {msg}  {eta} left",
            None => "{spinner} {pos} seeds  {msg}  {elapsed}",
        };
        bar.set_style(ProgressStyle::with_template(template).expect("a template of ours"));
        Self { bar, began: Instant::now(), is_quiet, lines: 0 }
    }

    /// A seed has ended.
    pub(crate) fn show(&mut self, summary: &Summary) {
        let elapsed = self.began.elapsed();
        self.bar.set_position(summary.ran);
        self.bar.set_message(line(summary, elapsed));
        if self.bar.is_hidden() && !self.is_quiet && elapsed >= LINE_EVERY * (self.lines + 1) {
            self.lines =
                u32::try_from(elapsed.as_secs() / LINE_EVERY.as_secs()).unwrap_or(u32::MAX);
            eprintln!("{} seeds  {}", summary.ran, line(summary, elapsed));
        }
    }

    /// Prints a paragraph beside the live line.
    pub(crate) fn print(&self, text: &str) -> Result<(), CampaignError> {
        self.bar.suspend(|| print(&format!("{text}\n")))
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
    let simulated = span(summary.simulated);
    let events = summary.events as f64 / elapsed.as_secs_f64().max(1e-3);
    let failures = summary.failures.len();
    format!("{simulated} simulated  {events:.0} events/s  {failures} failed")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::Draw;
    use crate::seeds::{Seeds, Shard};

    #[test]
    fn the_line_says_what_matters() {
        let mut summary = Summary::new("direct", &Seeds(0..9), Shard::WHOLE, &Draw::default());
        summary.simulated = Duration::from_secs(5400);
        summary.events = 1_000_000;
        let line = line(&summary, Duration::from_secs(2));
        assert_eq!(line, "90.0 min simulated  500000 events/s  0 failed");
    }
}
