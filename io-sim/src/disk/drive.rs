//! The disk as the world knows it.

use std::sync::{Arc, Mutex, MutexGuard};

use super::fault::{Fault, Files};
use super::media::{Death, DeathMode, Media};
use super::options::DiskOptions;
use super::place::{Extent, Place};
use super::sim_disk::SimDisk;
use super::strike::{Hit, Rot};
use super::struck::{Class, Struck};
use super::view::{DurableView, Image};

/// The disk of one server: the hardware, which outlives all processes.
///
/// Clones are the same disk. All times are the world's, in nanoseconds, and never go back.
#[derive(Clone, Debug)]
pub struct Drive {
    media: Arc<Mutex<Media>>,
}

impl Drive {
    /// An empty disk. Two disks of one world need two seeds.
    ///
    /// # Panics
    /// If the options make no sense.
    pub fn new(seed: u64, options: DiskOptions) -> Self {
        assert!(options.check().is_ok(), "options that make sense: {:?}", options.check());
        Self { media: Arc::new(Mutex::new(Media::new(seed, options))) }
    }

    /// A new process starts, and has the disk for itself: handles of those before are dead.
    pub fn mount(&self) -> SimDisk {
        let life = self.media().begin_life();
        SimDisk::new(Arc::clone(&self.media), life)
    }

    /// It is `now`, and a piece of work begins.
    pub fn begin(&self, now: u64) {
        self.media().fold(now);
    }

    /// When everything that was asked for so far will be finished: before that, nobody may be told
    /// of it.
    pub fn end(&self) -> u64 {
        let media = self.media();
        media.timing.cursor.max(media.timing.now)
    }

    /// The process is killed. What it asked for until `now` stays in the page cache, and a sync that
    /// is under way goes on.
    pub fn kill(&self, now: u64) {
        self.media().kill(now);
    }

    /// The machine loses power: what is durable by `now` stays, chance decides about what else was
    /// asked for until then.
    pub fn lose_power(&self, now: u64) {
        self.media().lose_power(now);
    }

    /// The process dies in the middle of the operation that is the n-th from now on, counted from 1.
    /// This operation is still carried out, a write perhaps in part; its answer, and that of all
    /// later ones, is an error. Nothing happens if the process ends before.
    ///
    /// # Panics
    /// If `operations` is zero.
    pub fn die_after(&self, operations: u64, mode: DeathMode) {
        assert!(operations > 0, "a process that is already dead");
        self.media().countdown = Some((operations, mode));
    }

    /// Did [`die_after`](Drive::die_after) end the process? The disk is then as the kill or the power
    /// loss left it, and it is up to the world to take the process down at that time. `None` again
    /// after the next [`mount`](Drive::mount).
    pub fn death(&self) -> Option<Death> {
        self.media().death
    }

    /// Is there a [`death`](Drive::death)?
    pub fn is_dead(&self) -> bool {
        self.death().is_some()
    }

    /// The options.
    pub fn options(&self) -> DiskOptions {
        self.media().options
    }

    /// Changes how the disk behaves from now on.
    ///
    /// # Panics
    /// If the options make no sense afterwards.
    pub fn tune(&self, change: impl FnOnce(&mut DiskOptions)) {
        let mut options = self.options();
        change(&mut options);
        assert!(options.check().is_ok(), "options that make sense: {:?}", options.check());
        self.media().options = options;
    }

    /// The disk hangs: no operation that is asked for from now on ends before `until`.
    pub fn stall(&self, until: u64) {
        self.media().timing.stalled_until = until;
    }

    /// All faults end, also those that were to come; what becomes of changes that are not durable
    /// when power fails stays as it was.
    pub fn heal(&self) {
        self.stall(0);
        self.disarm();
        // Whatever was to be the last operation of the process is not.
        self.die_after(u64::MAX, DeathMode::Kill);
        self.tune(|tuned| *tuned = DiskOptions { fates: tuned.fates, ..DiskOptions::default() });
    }

    /// The next operation of the right kind on one of these files goes wrong.
    pub fn arm(&self, fault: Fault, files: Files) {
        self.media().mischief.arm(fault, files);
    }

    /// Takes back what was [armed](Drive::arm) and has not happened.
    pub fn disarm(&self) {
        self.media().mischief.disarm();
    }

    /// Bytes of the medium rot, where they hold something; processes see it too, unless they have
    /// written anew what lies there. `None` if there is no such place.
    pub fn rot(&self, place: &Place, rot: Rot) -> Option<Hit> {
        self.media().rot(place, rot)
    }

    /// A sector is again what it was before it was written last. `None` if the disk remembers no
    /// such sector: it keeps a few old versions of each file.
    pub fn make_stale(&self, place: &Place) -> Option<Hit> {
        self.media().make_stale(place)
    }

    /// A sector cannot be read from now on, until it is written whole. `None` if there is no such
    /// place.
    pub fn make_unreadable(&self, place: &Place) -> Option<Hit> {
        self.media().make_unreadable(place)
    }

    /// A write to one of these places, which was durable, never reached the medium: it is blank there.
    /// The process does not notice it before the page cache is empty. `None` if nothing was written
    /// there.
    pub fn lose_write(&self, writes: &[Extent]) -> Option<Hit> {
        self.media().lose(writes)
    }

    /// The same, and what was written reached one of `places`, as far as it has room there. `None` if
    /// nothing was written, or there is no other place.
    pub fn misdirect_write(&self, writes: &[Extent], places: &[Extent]) -> Option<Hit> {
        self.media().misdirect(writes, places)
    }

    /// The disk is gone, and an empty one takes its place. Ends the process.
    pub fn replace(&self) {
        let mut media = self.media();
        media.refill([]);
        media.struck.note(Class::Replaced);
    }

    /// A copy of what is durable by `now`.
    pub fn snapshot_image(&self, now: u64) -> Image {
        let mut media = self.media();
        media.fold(now);
        Image::of(&media)
    }

    /// Puts an old copy back, as who restores a virtual machine does. Ends the process.
    pub fn restore_image(&self, image: &Image) {
        let mut media = self.media();
        media.refill(image.files.clone());
        media.struck.note(Class::Restored);
    }

    /// A look at what is durable by `now`.
    pub fn durable_view(&self, now: u64) -> DurableView {
        self.media().fold(now);
        DurableView::new(Arc::clone(&self.media))
    }

    /// What happened so far.
    pub fn struck(&self) -> Struck {
        self.media().struck
    }

    /// How many calls were made by processes that were gone, and knew it: zero, unless the engine
    /// or the code under test is wrong. Those of a process between its [`death`](Drive::death) and
    /// the next [`mount`](Drive::mount) do not count.
    pub fn late_calls(&self) -> u64 {
        self.media().late_calls
    }

    /// How many operations were carried out.
    pub fn operations(&self) -> u64 {
        self.media().operations
    }

    /// How many bytes wait to become durable.
    pub fn pending_bytes(&self) -> usize {
        self.media().files.values().map(super::file::File::pending_bytes).sum()
    }

    /// Differs if anything about the disk differs that a process could notice now or after a crash:
    /// to compare two runs.
    pub fn digest(&self) -> u64 {
        self.media().digest()
    }

    /// A coin for where something decays.
    pub(super) fn chance(&self, permille: u64) -> bool {
        self.media().wear.chance(permille)
    }

    fn media(&self) -> MutexGuard<'_, Media> {
        self.media.lock().expect("no operation of a disk panics")
    }
}
