//! How small a small world is.

/// Which world is explored, and how far. What lies within all bounds is explored completely.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// How many servers.
    pub servers: u8,
    /// How many of them, the last ones, do not belong to the cluster at first; all others vote.
    pub spares: u8,
    /// Do servers ask before they stand for election (thesis 9.6)?
    pub pre_vote: bool,
    /// Do leaders step down that hear from no majority, and are followers loyal (thesis 6.2, 4.2.3)?
    pub check_quorum: bool,
    /// Is every write durable in the step that orders it?
    pub instant_disks: bool,
    /// Nobody stands for election in a term above this one.
    pub terms: u8,
    /// No log gets longer: what would make it so is counted and not explored
    /// ([`Report::beyond`](super::Report::beyond)).
    pub entries: u8,
    /// Messages under way. Where more are sent, so many are lost, any of the old and the new.
    pub messages: u8,
    /// How often followers and candidates lose patience, all together.
    pub timeouts: u8,
    /// How often the timers of leaders fire.
    pub heartbeats: u8,
    /// Commands that are proposed to leaders.
    pub proposals: u8,
    /// Reads that leaders are asked for.
    pub reads: u8,
    /// Crashes, each with a restart.
    pub crashes: u8,
    /// Messages that arrive and yet stay under way.
    pub duplicates: u8,
    /// How often an election timeout passes for a server that hears and does nothing. Matters only
    /// with `check_quorum`.
    pub lapses: u8,
    /// Changes of the membership that leaders are asked for, to any other voters.
    pub changes: u8,
    /// Transfers of leadership that leaders are asked for, to any other server.
    pub transfers: u8,
    /// Snapshots that servers take, of all that they have applied; their logs forget that at once.
    pub snapshots: u8,
    /// Ends the exploration after so many states, complete or not.
    pub states: u32,
}

impl Default for Options {
    /// Three servers, two elections at most, nothing else.
    fn default() -> Self {
        Self {
            servers: 3,
            spares: 0,
            pre_vote: false,
            check_quorum: false,
            instant_disks: false,
            terms: 2,
            entries: 4,
            messages: 2,
            timeouts: 2,
            heartbeats: 0,
            proposals: 0,
            reads: 0,
            crashes: 0,
            duplicates: 0,
            lapses: 0,
            changes: 0,
            transfers: 0,
            snapshots: 0,
            states: u32::MAX,
        }
    }
}

/// What there is only so much of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scarce {
    Timeouts,
    Heartbeats,
    Proposals,
    Reads,
    Crashes,
    Duplicates,
    Lapses,
    Changes,
    Transfers,
    Snapshots,
}

/// How much of it was used: part of a state, since it decides what may still happen.
pub(crate) type Spent = [u8; 12];

impl Options {
    /// Is there any left?
    pub(crate) fn allows(&self, what: Scarce, spent: &Spent) -> bool {
        let limit = match what {
            Scarce::Timeouts => self.timeouts,
            Scarce::Heartbeats => self.heartbeats,
            Scarce::Proposals => self.proposals,
            Scarce::Reads => self.reads,
            Scarce::Crashes => self.crashes,
            Scarce::Duplicates => self.duplicates,
            Scarce::Lapses => self.lapses,
            Scarce::Changes => self.changes,
            Scarce::Transfers => self.transfers,
            Scarce::Snapshots => self.snapshots,
        };
        spent[what as usize] < limit
    }
}
