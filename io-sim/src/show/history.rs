//! The history of the clients, and where no order explains it.

use serde::Serialize;
use serde_json::Value;

use super::chronicle::{Asked, Chronicle, Ending, What};
use crate::history::{Call, History, ModelName, Recorder};
use crate::linearizability::{Budget, Verdict, check};

/// Why no order of the operations on a key explains what clients saw. Calls are named by their
/// position among all calls of the chronicle.
#[derive(Serialize)]
pub(super) struct Knot {
    /// All that was done there.
    operations: Vec<usize>,
    /// The longest order that was found.
    prefix: Vec<usize>,
    /// The one whose answer no order gets past.
    culprit: usize,
}

/// Looks for a knot in what clients of a key-value store saw.
pub(super) fn knot(chronicle: &Chronicle) -> Option<Knot> {
    let check = check(&history(chronicle)?, Budget::new()).ok()?;
    let Verdict::Violation(violation) = check.verdict else { return None };
    let crate::linearizability::Violation { operations, prefix, culprit, .. } = violation;
    Some(Knot { operations, prefix, culprit })
}

/// `None` if the workload kept none.
fn history(chronicle: &Chronicle) -> Option<History> {
    let mut recorder = Recorder::new(ModelName::Kv, Value::Null);
    let mut processes: Vec<u64> = (0..=u64::from(u16::MAX)).map(|host| host << 32).collect();
    for moment in &chronicle.moments {
        match &moment.what {
            What::Called { n, asked, .. } => {
                let Asked { f, k, v } = asked.clone()?;
                let call = Call { function: f, key: k, argument: v };
                recorder.invoke(processes[usize::from(*n)], call).ok()?;
            }
            What::Ended { n, how, answer, .. } => {
                let process = &mut processes[usize::from(*n)];
                match how {
                    Ending::Ok => recorder.ok(*process, answer.clone()).ok()?,
                    Ending::Failed => recorder.fail(*process).ok()?,
                    Ending::Unknown => {
                        recorder.info(*process).ok()?;
                        // It may still be at work: another one goes on.
                        *process += 1;
                    }
                }
            }
            _ => {}
        }
    }
    Some(recorder.finish())
}
