//! A run, and the same run again with words if it failed.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::judge::{Checked, Property, Violation};
use crate::show::Chronicle;
use crate::trace::Trace;

/// How a run ended that did not come to its end.
pub struct Collapse {
    /// What did not hold.
    pub violation: Violation,
    /// All that had happened, the last of it in words.
    pub trace: Trace,
}

/// Runs silently; what fails runs again, and must fail in the same way.
///
/// # Errors
/// The violation of the first run; [`Property::Determinism`] if the second run went otherwise.
pub fn run<R>(attempt: impl Fn(&mut Trace) -> Checked<R>) -> Result<R, Box<Collapse>> {
    let mut silent = Trace::silent();
    guarded(&attempt, &mut silent).map_err(|violation| {
        let mut trace = Trace::recording();
        let again = guarded(&attempt, &mut trace).err();
        let is_same = again.as_ref() == Some(&violation) && trace.digest() == silent.digest();
        let violation = if is_same {
            violation
        } else {
            let evidence = format!("run again, it went otherwise; before: {violation}");
            Violation { property: Property::Determinism, evidence }
        };
        Box::new(Collapse { violation, trace })
    })
}

/// Runs once, with words, into a trace that writes everything down.
pub(crate) fn record<R>(
    attempt: impl Fn(&mut Trace) -> Checked<R>,
    mut trace: Trace,
) -> (Result<R, Box<Collapse>>, Chronicle) {
    let outcome = guarded(attempt, &mut trace);
    if let Err(violation) = &outcome {
        trace.see_last(|recorder| recorder.violated(violation));
    }
    let chronicle = trace.take_chronicle().expect("a trace that writes everything down");
    let outcome = outcome.map_err(|violation| Box::new(Collapse { violation, trace }));
    (outcome, chronicle)
}

/// Runs once, silently. What did not hold?
pub fn violation<R>(attempt: impl Fn(&mut Trace) -> Checked<R>) -> Option<Violation> {
    guarded(attempt, &mut Trace::silent()).err()
}

/// A panic is a violation like any other.
fn guarded<R>(attempt: impl Fn(&mut Trace) -> Checked<R>, trace: &mut Trace) -> Checked<R> {
    catch_unwind(AssertUnwindSafe(|| attempt(trace))).unwrap_or_else(|panic| {
        Err(Violation { property: Property::ServersRun, evidence: said(&*panic) })
    })
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("without words"))
}
