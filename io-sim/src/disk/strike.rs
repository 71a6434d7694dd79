//! What wears the medium out, one place at a time.

use super::bytes::Bytes;
use super::fate::noise;
use super::file::{File, SECTOR};
use super::media::Media;
use super::place::{Extent, Place, Sector, Stretch};
use super::struck::Class;

/// How bytes rot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rot {
    /// So many bits of a sector flip; at least one.
    FlipBits(u32),
    /// A sector reads as zeros.
    Zero,
    /// A sector turns to noise.
    Garble,
}

/// Where something happened to the medium.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hit {
    /// The file, by its newest name.
    pub file: String,
    /// The first byte of the sector.
    pub offset: u64,
}

impl Media {
    pub(super) fn rot(&mut self, place: &Place, rot: Rot) -> Option<Hit> {
        let sector = self.pick(&self.sectors(place))?;
        let mut bytes = self.sector(sector);
        match rot {
            Rot::Zero => bytes.fill(0),
            Rot::Garble => bytes = noise(&mut self.wear),
            Rot::FlipBits(count) => {
                let range = sector.range();
                let length =
                    self.files.get(&sector.file)?.durable.len().min(range.end) - range.start;
                for _ in 0..count.clamp(1, 4096) {
                    let at = self.wear.index(length);
                    bytes[at] ^= 1 << self.wear.below(8);
                }
                // Bits that flip twice are no rot.
                if bytes == self.sector(sector) {
                    bytes[0] ^= 1;
                }
            }
        }
        self.overwrite(sector, &bytes, Class::Rot)
    }

    /// A sector is what it was before it was written last.
    pub(super) fn make_stale(&mut self, place: &Place) -> Option<Hit> {
        let candidates: Vec<(Sector, [u8; SECTOR])> = self
            .sectors(place)
            .into_iter()
            .filter_map(|sector| {
                let old = &self.files.get(&sector.file)?.old;
                let (_, bytes) = old.iter().rev().find(|(at, _)| *at == sector.at)?;
                (*bytes != self.sector(sector)).then_some((sector, *bytes))
            })
            .collect();
        if candidates.is_empty() {
            return None;
        }
        let (sector, bytes) = self.wear.pick(&candidates);
        self.overwrite(sector, &bytes, Class::StaleSector)
    }

    pub(super) fn make_unreadable(&mut self, place: &Place) -> Option<Hit> {
        let sector = self.pick(&self.sectors(place))?;
        self.files.get_mut(&sector.file)?.unreadable.insert(sector.at);
        self.hit(sector, Class::UnreadableSector)
    }

    /// What was written to one of these places never reached the medium, which is blank there.
    pub(super) fn lose(&mut self, writes: &[Extent]) -> Option<Hit> {
        let lost = self.pick_written(writes)?;
        self.put(&lost, &Bytes::zeros(lost.range.len()));
        self.hit(lost.first(), Class::LostWrite)
    }

    /// What was written to one of these places reached one of those instead.
    pub(super) fn misdirect(&mut self, writes: &[Extent], places: &[Extent]) -> Option<Hit> {
        let from = self.pick_written(writes)?;
        let mut places = self.stretches(places);
        places.retain(|place| *place != from);
        if places.is_empty() {
            return None;
        }
        let to = places.swap_remove(self.wear.index(places.len()));
        let mut bytes = self.held(&from).durable.cut(from.range.clone());
        self.put(&from, &Bytes::zeros(bytes.len()));
        bytes.resize(bytes.len().min(to.range.len()));
        self.put(&to, &bytes);
        self.hit(to.first(), Class::MisdirectedWrite)
    }

    /// One of these places, if any holds something.
    fn pick_written(&mut self, writes: &[Extent]) -> Option<Stretch> {
        let mut written = self.stretches(writes);
        written.retain(|it| self.held(it).durable.is_written(it.range.clone()));
        if written.is_empty() {
            return None;
        }
        Some(written.swap_remove(self.wear.index(written.len())))
    }

    fn held(&self, stretch: &Stretch) -> &File {
        self.files.get(&stretch.file).expect("a stretch lies in a file")
    }

    /// The medium alone: what a process has in the page cache stays there until it ends, if that makes
    /// a difference.
    fn put(&mut self, stretch: &Stretch, bytes: &Bytes) {
        let file = self.files.get_mut(&stretch.file).expect("a stretch lies in a file");
        file.smash(stretch.range.start, bytes);
        if !self.is_alive || !self.options.cold_starts {
            file.reread(stretch.range.clone());
        }
    }

    fn pick(&mut self, sectors: &[Sector]) -> Option<Sector> {
        if sectors.is_empty() { None } else { Some(self.wear.pick(sectors)) }
    }

    /// The bytes of a sector on the medium, with zeros behind the end of the file.
    fn sector(&self, sector: Sector) -> [u8; SECTOR] {
        let mut bytes = [0; SECTOR];
        if let Some(file) = self.files.get(&sector.file) {
            let found = file.durable.cut(sector.range()).read(0, &mut bytes);
            assert!(found, "a sector was cut out");
        }
        bytes
    }

    /// The medium, and what processes see of it unless it is dirty.
    fn overwrite(&mut self, sector: Sector, bytes: &[u8], class: Class) -> Option<Hit> {
        let file = self.files.get_mut(&sector.file)?;
        file.smash(sector.range().start, &Bytes::from(bytes));
        file.reread(sector.range());
        self.hit(sector, class)
    }

    fn hit(&mut self, sector: Sector, class: Class) -> Option<Hit> {
        self.struck.note(class);
        let file = self.names.name_of(sector.file).to_owned();
        Some(Hit { file, offset: sector.range().start as u64 })
    }
}
