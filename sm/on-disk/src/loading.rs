//! Rows that are about to take the place of others, as they come in: in the file already, and in no view of it.

use quorate_sm::Undecodable;

use crate::capture::{Head, StateReader};
use crate::file::{Change, StateFile};
use crate::history::{Fault, History};
use crate::rows::{Row, RowError};

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Loading {
    reader: StateReader,
    begun: Option<Begun>,
}

/// After the head.
#[derive(Debug)]
struct Begun {
    head: Head,
    /// None if what is in the file is as good as the snapshot, and later.
    change: Option<Change>,
}

/// Why nothing came of it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<RowError> for LoadError {
    fn from(error: RowError) -> Self {
        Self::Fault(error.into())
    }
}

impl Loading {
    /// Takes the next bytes in; `applied` is what is in the file.
    pub(crate) fn take_in(
        &mut self,
        mut part: &[u8],
        applied: History,
        file: &StateFile,
    ) -> Result<(), LoadError> {
        if self.begun.is_none() {
            let Some(head) = self.reader.next(&mut part)? else { return Ok(()) };
            self.begun = Some(Begun::of(head, applied, file)?);
        }
        let change = self.begun.as_ref().and_then(|begun| begun.change.as_ref());
        let mut rows = change.map(Change::rows).transpose()?;
        while let Some((key, value)) = self.reader.next::<Row>(&mut part)? {
            if let Some(rows) = &mut rows {
                rows.put(&key, &value)?;
            }
        }
        // Nothing may follow the end.
        self.reader.next::<Row>(&mut part)?;
        Ok(())
    }

    /// What the log has given out as of the state, and what is in the rows if they are those of the state.
    pub(crate) fn finish(self) -> Result<(History, Option<History>), LoadError> {
        let begun = self.begun.filter(|_| self.reader.is_over()).ok_or(Undecodable)?;
        let Begun { head, change } = begun;
        let Some(change) = change else { return Ok((head.current, None)) };
        change.begin_with((head.current, head.applied), &head.records)?;
        change.commit()?;
        Ok((head.current, Some(head.applied)))
    }
}

impl Begun {
    fn of(head: Head, applied: History, file: &StateFile) -> Result<Self, Fault> {
        if !applied.begins_as(head.applied) {
            return Err(Fault::OtherLog(applied));
        }
        let is_ahead = applied.last >= head.applied.last
            && file.kept_after()?.last.index <= head.current.last.index;
        if is_ahead && !file.has(head.current)? {
            return Err(Fault::OtherLog(applied));
        }
        let change = if is_ahead {
            None
        } else {
            let change = file.begin(true)?;
            change.clear()?;
            Some(change)
        };
        Ok(Self { head, change })
    }
}
