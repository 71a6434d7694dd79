//! What commands print.

use std::io::{self, ErrorKind, Write};

use crate::CampaignError;

/// Prints a text as it is. A reader that has seen enough is no error.
pub(crate) fn print(text: &str) -> Result<(), CampaignError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(CampaignError::Output(error)),
        _ => Ok(()),
    }
}
