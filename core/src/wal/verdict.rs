//! The decision table: what the place where the log stops says about what was there.

use super::scan::{Beyond, Flaw};

/// A row of the decision table (the format's section on recovery has it with its reasons).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Row {
    /// R1: the log ends where nothing was ever written.
    End,
    /// R2: a batch is missing or wrong, and something else promises that it was durable.
    Promised,
    /// R3: the header of the last batch was never written.
    HeaderMissing,
    /// R4: the header of the last batch is there, some of its sectors were never written.
    SectorsMissing,
    /// R5: the last batch was written whole, and is wrong.
    WrongRecords,
    /// R6: the header of the last batch was written, and is wrong.
    WrongHeader,
    /// R7: what stands there is intact and belongs elsewhere, or contradicts what is before it.
    Misplaced,
    /// R8: the disk cannot read it.
    Unreadable,
    /// R9: the last segment is sealed, and its successor was never made.
    Sealed,
    /// R10: a segment is missing.
    SegmentMissing,
}

/// What recovery does about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The log ends here: what follows, if anything, was told to nobody.
    EndsHere(Row),
    /// Something that somebody may have been told of is lost.
    Refuse(Row),
}

/// What is known about the place where the last segment stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Evidence {
    /// The batch that is expected there.
    pub(super) lsn: u64,
    /// `None` after a seal.
    pub(super) flaw: Option<Flaw>,
    pub(super) beyond: Beyond,
    /// The highest batch that the state file promises.
    pub(super) promise: u64,
}

impl Evidence {
    /// Promises are looked at first, whatever the place looks like: only a batch that nothing
    /// promises can be a write that was under way when the machine went down.
    pub(super) fn weigh(&self) -> Verdict {
        if self.promise.max(self.beyond.promise) >= self.lsn {
            let sealed = self.flaw.is_none();
            return Verdict::Refuse(if sealed { Row::SegmentMissing } else { Row::Promised });
        }
        if self.beyond.misplaced {
            return Verdict::Refuse(Row::Misplaced);
        }
        match self.flaw {
            None => Verdict::EndsHere(Row::Sealed),
            Some(Flaw::Full) => Verdict::EndsHere(Row::End),
            Some(Flaw::Blank) if self.beyond.debris_bytes == 0 => Verdict::EndsHere(Row::End),
            Some(Flaw::Blank) => Verdict::EndsHere(Row::HeaderMissing),
            Some(Flaw::SectorsMissing(_)) => Verdict::EndsHere(Row::SectorsMissing),
            Some(Flaw::WrongRecords(_)) => Verdict::Refuse(Row::WrongRecords),
            Some(Flaw::Garbage) => Verdict::Refuse(Row::WrongHeader),
            Some(Flaw::Misplaced(_)) => Verdict::Refuse(Row::Misplaced),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Index, LogId};
    use crate::wal::batch::BatchHeader;

    const HEADER: BatchHeader = BatchHeader {
        lsn: 5,
        synced_lsn: 4,
        chain: 0,
        commit: Index(0),
        last: LogId::ZERO,
        generation: 1,
        record_bytes: 0,
        body_crc: 0,
        records: 0,
        blank_sectors: 0,
        flags: 0,
    };
    const EVIDENCE: Evidence = Evidence {
        lsn: 5,
        flaw: Some(Flaw::Blank),
        beyond: Beyond { promise: 0, later: 0, next: None, misplaced: false, debris_bytes: 0 },
        promise: 4,
    };
    const FLAWS: [Option<Flaw>; 7] = [
        None,
        Some(Flaw::Full),
        Some(Flaw::Blank),
        Some(Flaw::SectorsMissing(HEADER)),
        Some(Flaw::WrongRecords(HEADER)),
        Some(Flaw::Garbage),
        Some(Flaw::Misplaced(HEADER)),
    ];

    #[test]
    fn without_a_promise_the_look_of_the_place_decides() {
        let verdicts = FLAWS.map(|flaw| Evidence { flaw, ..EVIDENCE }.weigh());
        assert_eq!(
            verdicts,
            [
                Verdict::EndsHere(Row::Sealed),
                Verdict::EndsHere(Row::End),
                Verdict::EndsHere(Row::End),
                Verdict::EndsHere(Row::SectorsMissing),
                Verdict::Refuse(Row::WrongRecords),
                Verdict::Refuse(Row::WrongHeader),
                Verdict::Refuse(Row::Misplaced),
            ]
        );
    }

    #[test]
    fn a_promise_from_anywhere_refuses_every_look() {
        for flaw in FLAWS {
            let from_state = Evidence { flaw, promise: 5, ..EVIDENCE };
            let beyond = Beyond { promise: 5, ..EVIDENCE.beyond };
            let from_batch = Evidence { flaw, beyond, ..EVIDENCE };
            for evidence in [from_state, from_batch] {
                assert!(matches!(evidence.weigh(), Verdict::Refuse(_)), "{evidence:?}");
            }
        }
    }

    #[test]
    fn what_lies_behind_a_blank_header_was_never_finished() {
        let beyond = Beyond { debris_bytes: 512, later: 1, promise: 4, ..EVIDENCE.beyond };
        let evidence = Evidence { beyond, ..EVIDENCE };
        assert_eq!(evidence.weigh(), Verdict::EndsHere(Row::HeaderMissing));
    }

    #[test]
    fn a_batch_that_stands_behind_its_place_was_misdirected() {
        let beyond = Beyond { misplaced: true, ..EVIDENCE.beyond };
        let evidence = Evidence { beyond, ..EVIDENCE };
        assert_eq!(evidence.weigh(), Verdict::Refuse(Row::Misplaced));
    }
}
