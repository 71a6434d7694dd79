//! What really happened: a fault that never strikes proves nothing.

/// What can happen to a disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Power failed.
    PowerLoss,
    /// A process was killed.
    Kill,
    /// A change that was not durable was lost when power failed.
    LostChange,
    /// A change survived a power loss although an earlier one did not.
    Reordered,
    /// A write survived a power loss in part.
    TornWrite,
    /// A sector of noise was left by a power loss.
    GarbledSector,
    /// A length survived a power loss without the bytes that made it.
    BareLength,
    /// A create, rename or remove was lost when power failed.
    LostName,
    /// What was asked for after the moment of a crash did not happen.
    Undone,
    /// See [`Fault::ReadError`](super::Fault::ReadError).
    ReadError,
    /// See [`Fault::WriteError`](super::Fault::WriteError).
    WriteError,
    /// See [`Fault::SyncError`](super::Fault::SyncError).
    SyncError,
    /// A change that a failed sync dropped: it looks written, and never will be.
    DroppedChange,
    /// See [`Fault::NameError`](super::Fault::NameError).
    NameError,
    /// There was no space.
    Full,
    /// See [`Fault::LostWrite`](super::Fault::LostWrite): counted when the sync succeeds.
    LostWrite,
    /// See [`Fault::MisdirectedWrite`](super::Fault::MisdirectedWrite): counted where it lands.
    MisdirectedWrite,
    /// Bytes rotted.
    Rot,
    /// A sector was as it had been before.
    StaleSector,
    /// A sector became unreadable for good.
    UnreadableSector,
    /// An operation had to wait for a disk that hung.
    Stall,
    /// A sync had a hiccup.
    Spike,
    /// The whole disk was lost.
    Replaced,
    /// An old image was put back.
    Restored,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::PowerLoss,
        Self::Kill,
        Self::LostChange,
        Self::Reordered,
        Self::TornWrite,
        Self::GarbledSector,
        Self::BareLength,
        Self::LostName,
        Self::Undone,
        Self::ReadError,
        Self::WriteError,
        Self::SyncError,
        Self::DroppedChange,
        Self::NameError,
        Self::Full,
        Self::LostWrite,
        Self::MisdirectedWrite,
        Self::Rot,
        Self::StaleSector,
        Self::UnreadableSector,
        Self::Stall,
        Self::Spike,
        Self::Replaced,
        Self::Restored,
    ];
}

/// How often each of them happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Struck([u64; Class::ALL.len()]);

impl Struck {
    /// How often it happened.
    pub const fn of(&self, class: Class) -> u64 {
        self.0[class as usize]
    }

    /// All classes with their counts, in the order of [`Class::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Class, u64)> {
        Class::ALL.into_iter().map(|class| (class, self.of(class)))
    }

    /// Adds what happened to another disk.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    pub(super) fn note(&mut self, class: Class) {
        self.0[class as usize] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_has_a_count_of_its_own() {
        assert!(Class::ALL.iter().enumerate().all(|(at, &class)| class as usize == at));
        let mut struck = Struck::default();
        struck.note(Class::Restored);
        struck.add(&struck.clone());
        assert_eq!(
            (struck.of(Class::Restored), struck.iter().map(|(_, count)| count).sum()),
            (2, 2)
        );
    }
}
