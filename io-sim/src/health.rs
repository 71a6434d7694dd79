//! What is known of a disk's health, and what follows from it, whatever the engine.
//!
//! A log promises that damage is never taken for something else: a server whose disk has decayed
//! starts with all that it acknowledged, or refuses to start and says why. One that refuses once is
//! lost for the rest of the run, or without a say for a while, so a quorum must be left of the others.

use quorate_core::wal::OpenError;

/// What is known of the disk of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Health {
    /// All that was acknowledged was there when it was last looked at, and nothing has decayed since.
    #[default]
    Whole,
    /// Something has decayed since the last start: the next one may be refused.
    Decayed,
    /// A start was refused: the server stays down, unless it begins anew.
    Lost,
    /// The disk is another one, or holds nothing any more: the server has to learn everything anew.
    Anew,
}

impl Health {
    /// May a server refuse to start for this reason?
    pub fn excuses(self, why: &OpenError) -> bool {
        !matches!(self, Self::Whole | Self::Anew) && {
            use OpenError::{Damaged, IdentLost, Snapshot};
            matches!(why, Damaged(_) | IdentLost { .. } | Snapshot(_))
        }
    }

    /// May the disk of the server at this place decay? Not if it might be one server too many that is
    /// lost.
    pub fn may_decay(all: &[Self], at: usize) -> bool {
        let quorum = all.len() / 2 + 1;
        let others = all.iter().enumerate().filter(|&(other, _)| other != at);
        let whole = others.filter(|(_, health)| **health == Self::Whole).count();
        all[at] != Self::Lost && whole >= quorum
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::wal::{Damage, Row};
    use quorate_core::{Index, LogId};

    use super::Health::{self, Decayed, Lost, Whole};
    use super::OpenError;

    #[test]
    fn a_quorum_stays_whole() {
        assert!(!Health::may_decay(&[Whole], 0));
        assert!(!Health::may_decay(&[Whole, Whole], 0));
        assert!(Health::may_decay(&[Whole, Whole, Whole], 0));
        assert!(Health::may_decay(&[Decayed, Whole, Whole], 0), "it has decayed anyway");
        assert!(!Health::may_decay(&[Decayed, Whole, Whole], 1));
        assert!(!Health::may_decay(&[Lost, Whole, Whole], 0), "nobody would see it");
        assert!(!Health::may_decay(&[Lost, Whole, Whole, Whole], 1));
        assert!(Health::may_decay(&[Lost, Whole, Whole, Whole, Whole], 1));
        assert!(!Health::may_decay(&[Lost, Decayed, Whole, Whole, Whole], 2));
    }

    #[test]
    fn only_damage_excuses_and_only_where_something_has_decayed() {
        let file = String::from("a segment");
        let after = LogId { index: Index(3), ..LogId::ZERO };
        let damage =
            Damage { row: Row::Promised, file, offset: 0, lsn: 1, after, up_to: None, hole: None };
        let damage = OpenError::Damaged(damage);
        let excused = |why: &OpenError| [Whole, Decayed, Lost].map(|health| health.excuses(why));
        assert_eq!(excused(&damage), [false, true, true]);
        assert_eq!(excused(&OpenError::HardStateLost), [false; 3]);
        assert_eq!(excused(&OpenError::NotFormatted), [false; 3]);
    }
}
