//! What happened: a hash of all of it, and on request the last of it in words, or all of it as a
//! [`Chronicle`].

use std::collections::VecDeque;
use std::fmt::Debug;

use crate::digest::Digest;
use crate::feed::Feed;
use crate::show::{Chronicle, Recorder};

/// Everything that happens passes through here.
pub struct Trace {
    digest: Digest,
    happened: u64,
    now: u64,
    lines: Option<VecDeque<String>>,
    recorder: Option<Box<Recorder>>,
}

impl Trace {
    /// How many lines are kept.
    const LINES_MAX: usize = 80;

    /// How long a line may be: commands are of no interest.
    const LINE_MAX: usize = 400;

    /// Only hashes.
    pub fn silent() -> Self {
        Self { digest: Digest::EMPTY, happened: 0, now: 0, lines: None, recorder: None }
    }

    /// Hashes, and keeps the last lines.
    pub fn recording() -> Self {
        Self { lines: Some(VecDeque::new()), ..Self::silent() }
    }

    /// The same, and writes everything down.
    pub(crate) fn chronicling(servers: u16, clients: u16) -> Self {
        let recorder = Some(Box::new(Recorder::new(servers, clients)));
        Self { recorder, ..Self::recording() }
    }

    /// At `now`, this happened at a server, or in the world (0).
    pub fn happened(&mut self, now: u64, server: u64, what: &(impl Feed + Debug + ?Sized)) {
        self.happened += 1;
        self.now = now;
        self.digest.words(&[now, server]);
        what.feed(&mut self.digest);
        self.line(now, server, || format!("{what:?}"));
        self.see(now, |_| ());
    }

    /// A line that adds nothing to what happened.
    pub fn line(&mut self, now: u64, server: u64, text: impl FnOnce() -> String) {
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

    /// At `now`, something happened that a chronicle tells of; adds nothing to what happened.
    pub(crate) fn see(&mut self, now: u64, tell: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut self.recorder {
            recorder.tick(now);
            tell(recorder);
        }
    }

    /// The same, at the time of what was told last.
    pub(crate) fn see_last(&mut self, tell: impl FnOnce(&mut Recorder)) {
        if let Some(recorder) = &mut self.recorder {
            tell(recorder);
        }
    }

    /// Is everything written down?
    pub(crate) fn is_told(&self) -> bool {
        self.recorder.is_some()
    }

    /// What was written down, which ends here; `None` if nothing was.
    pub(crate) fn take_chronicle(&mut self) -> Option<Chronicle> {
        self.recorder.take().map(|recorder| recorder.finish())
    }

    /// Hash of everything that happened.
    pub fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// When the last of it happened.
    pub(crate) fn now(&self) -> u64 {
        self.now
    }

    /// How much has happened.
    #[expect(clippy::len_without_is_empty, reason = "what is over was never empty")]
    pub fn len(&self) -> u64 {
        self.happened
    }

    /// The last lines, if they were kept.
    pub fn into_lines(self) -> Vec<String> {
        self.lines.unwrap_or_default().into()
    }
}

#[cfg(test)]
mod tests {
    use super::Trace;

    #[test]
    fn nobody_looks_unless_everything_is_written_down() {
        for mut trace in [Trace::silent(), Trace::recording()] {
            trace.see(1, |_| panic!("nobody is there to be told"));
            trace.see_last(|_| panic!("nobody is there to be told"));
            assert!(!trace.is_told() && trace.take_chronicle().is_none());
        }
        let (mut trace, mut is_told) = (Trace::chronicling(1, 0), false);
        trace.see(1, |_| is_told = true);
        assert!(is_told && trace.is_told());
    }
}
