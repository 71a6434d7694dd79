//! What happened: a hash of all of it, and on request the last of it in words.

use std::collections::VecDeque;
use std::fmt::Debug;

use crate::digest::Digest;
use crate::feed::Feed;

/// Everything that happens passes through here.
pub(crate) struct Trace {
    digest: Digest,
    happened: u64,
    now: u64,
    lines: Option<VecDeque<String>>,
}

impl Trace {
    /// How many lines are kept.
    const LINES_MAX: usize = 80;

    /// How long a line may be: commands are of no interest.
    const LINE_MAX: usize = 400;

    /// Only hashes.
    pub(crate) fn silent() -> Self {
        Self { digest: Digest::EMPTY, happened: 0, now: 0, lines: None }
    }

    /// Hashes, and keeps the last lines.
    pub(crate) fn recording() -> Self {
        Self { lines: Some(VecDeque::new()), ..Self::silent() }
    }

    /// At `now`, this happened at a server, or in the world (0).
    pub(crate) fn happened(&mut self, now: u64, server: u64, what: &(impl Feed + Debug + ?Sized)) {
        self.happened += 1;
        self.now = now;
        self.digest.words(&[now, server]);
        what.feed(&mut self.digest);
        self.line(now, server, || format!("{what:?}"));
    }

    /// A line that adds nothing to what happened.
    pub(crate) fn line(&mut self, now: u64, server: u64, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            if lines.len() == Self::LINES_MAX {
                lines.pop_front();
            }
            let (seconds, micros) = (now / 1_000_000_000, now / 1000 % 1_000_000);
            let server = if server == 0 { "--".to_owned() } else { format!("n{server}") };
            let text: String = text().chars().take(Self::LINE_MAX).collect();
            lines.push_back(format!("{seconds:5}.{micros:06} {server} {text}"));
        }
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// When the last of it happened.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    pub(crate) fn len(&self) -> u64 {
        self.happened
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default().into()
    }
}
