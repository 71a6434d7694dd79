//! I13 to I15: who has failed, or is gone, does nothing more.

use quorate_core::node::{Input, Output};

use super::violation::{Checked, Property, hold};

/// I13: a node whose disk has failed ends, and nothing leaves it in that step (thesis 3.8: what it
/// says could rest on what the disk has lost). `failed`: was it told that the disk failed?
///
/// # Errors
/// If it goes on, or says something.
pub fn is_silent_after_failure(failed: bool, outputs: &[Output]) -> Checked {
    let ends = outputs.iter().any(|output| matches!(output, Output::DiskFailed(_)));
    hold(ends || !failed, Property::TheDeadAreSilent, || {
        "the disk failed and the node goes on".to_owned()
    })?;
    let speaks = outputs.iter().any(|output| {
        matches!(output, Output::Send(..) | Output::Write(_) | Output::Respond { .. })
    });
    hold(!ends || !speaks, Property::TheDeadAreSilent, || {
        format!("the disk failed, and the node orders {outputs:?}")
    })
}

/// I13: a log that has failed once stays so. `failed`: has it, so far? Says whether it has by now.
pub(crate) fn stays_failed(failed: bool, done: &[Input]) -> Checked<bool> {
    let mut failed = failed;
    for input in done {
        match input {
            Input::DiskFailed(_) => failed = true,
            Input::Persisted(ticket) => hold(!failed, Property::TheDeadAreSilent, || {
                format!("{ticket:?} is durable on a disk that has failed")
            })?,
            _ => {}
        }
    }
    Ok(failed)
}

/// I14, I15: no process used its disk after its end.
pub(crate) fn rests_in_peace(late_calls: u64) -> Checked {
    hold(late_calls == 0, Property::TheDeadAreSilent, || {
        format!("{late_calls} operations of a disk by processes that were gone")
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use quorate_core::Ticket;
    use quorate_core::node::ConnectionId;
    use quorate_core::wal::{Disk as _, DiskError, DiskErrorKind, WalError};

    use super::*;
    use crate::disk::{DiskOptions, Drive};

    fn failure() -> WalError {
        WalError::Disk(DiskError { kind: DiskErrorKind::Io, context: "sync".to_owned() })
    }

    fn is_noticed<T: std::fmt::Debug>(checked: Checked<T>) -> bool {
        checked.is_err_and(|violation| violation.property == Property::TheDeadAreSilent)
    }

    #[test]
    fn a_word_after_a_failed_sync_is_noticed() {
        let word = Output::Send(ConnectionId::accepted(0), Bytes::from_static(b"yes"));
        let end = Output::DiskFailed(failure());
        assert_eq!(is_silent_after_failure(true, std::slice::from_ref(&end)), Ok(()));
        assert_eq!(is_silent_after_failure(false, std::slice::from_ref(&word)), Ok(()));
        assert!(is_noticed(is_silent_after_failure(true, std::slice::from_ref(&word))));
        assert!(is_noticed(is_silent_after_failure(true, &[word.clone(), end.clone()])));
        assert!(is_noticed(is_silent_after_failure(true, &[end, word])));
    }

    #[test]
    fn a_sync_that_succeeds_after_one_that_failed_is_noticed() {
        let (sync, fail) = (Input::Persisted(Ticket(1)), Input::DiskFailed(failure()));
        assert_eq!(stays_failed(false, &[sync.clone(), fail.clone()]), Ok(true));
        assert!(is_noticed(stays_failed(false, &[fail, sync.clone()])));
        assert!(is_noticed(stays_failed(true, &[sync])));
    }

    #[test]
    fn a_process_that_writes_after_its_end_is_noticed() {
        let drive = Drive::new(1, DiskOptions::default());
        let disk = drive.mount();
        assert_eq!(rests_in_peace(drive.late_calls()), Ok(()));
        drive.kill(1);
        assert!(disk.create("late").is_err());
        assert!(is_noticed(rests_in_peace(drive.late_calls())));
    }
}
