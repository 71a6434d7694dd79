//! What happens to a disk behind everybody's back. Offsets are those of `core/src/wal/FORMAT.md`.

use quorate_core::wal::{self, BatchInfo, Disk, Finding, MemDisk};
use quorate_core::{crc32c, crc32c_append};

use crate::input::Input;

const SECTOR_BYTES: usize = 512;
const BLOCK_BYTES: usize = 4096;

/// What became of the sector in which a bit flipped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Flip {
    /// It is another one.
    Changes,
    /// Nothing is left in it.
    Blanks,
}

/// The names of all files, in order.
pub(super) fn files(disk: &MemDisk) -> Vec<String> {
    let mut names = disk.list().expect("the disk can be read");
    names.sort();
    names
}

pub(super) fn contents(disk: &MemDisk, name: &str) -> Vec<u8> {
    disk.contents(name).expect("the file is there")
}

/// A bit flips, where something is written.
pub(super) fn flip(disk: &MemDisk, input: &mut Input<'_>) -> Flip {
    let (file, at) = place(disk, input);
    let bit = 1 << input.below(8);
    disk.corrupt(&file, |bytes| bytes[at] ^= bit);
    let sector = &contents(disk, &file)[at / SECTOR_BYTES * SECTOR_BYTES..];
    let is_blank = sector.iter().take(SECTOR_BYTES).all(|&byte| byte == 0);
    if is_blank { Flip::Blanks } else { Flip::Changes }
}

/// Bytes turn to zeros, to noise, or to what stands elsewhere in the file.
pub(super) fn rot(disk: &MemDisk, input: &mut Input<'_>) {
    let (file, at) = place(disk, input);
    let how = input.below(3);
    let length = [1, 8, SECTOR_BYTES, BLOCK_BYTES, 20_000][input.below(5)];
    let (noise, from) = (input.byte(), input.byte());
    disk.corrupt(&file, |bytes| {
        // Disks mostly lose whole sectors.
        let at = if length < SECTOR_BYTES { at } else { at / SECTOR_BYTES * SECTOR_BYTES };
        let stop = (at + length).min(bytes.len());
        let from = (usize::from(from) * SECTOR_BYTES).min(bytes.len() - (stop - at));
        match how {
            0 => bytes[at..stop].fill(0),
            1 => bytes[at..stop].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(noise | 1)),
            _ => bytes.copy_within(from..from + (stop - at), at),
        }
    });
}

/// A file is cut, or lost.
pub(super) fn cut(disk: &MemDisk, input: &mut Input<'_>) {
    let (file, at) = place(disk, input);
    match input.below(4) {
        0 => disk.lose(&file),
        _ => disk.corrupt(&file, |bytes| bytes.truncate(at)),
    }
}

/// Identity, hard state and headers of segments are blocks: two of them, or four, say the same other
/// thing at the same place.
pub(super) fn lying_block(disk: &MemDisk, input: &mut Input<'_>) {
    let files = files(disk);
    let file = &files[input.below(files.len())];
    let lie = |bytes: &mut Vec<u8>| {
        let blocks = if file == "state.qrs" { 4 } else { 2 };
        let mut left = input.clone();
        for block in bytes.chunks_exact_mut(BLOCK_BYTES).take(blocks) {
            left = input.clone();
            overwrite(&mut block[12..256], &mut left);
            let checksum = crc32c(&block[12..]);
            block[8..12].copy_from_slice(&checksum.to_le_bytes());
        }
        *input = left;
    };
    disk.corrupt(file, lie);
}

/// The header or the records of the last batch say something else.
pub(super) fn lying_batch(disk: &MemDisk, input: &mut Input<'_>) {
    let Some((file, batches)) = last_batches(disk) else { return };
    let Some(last) = batches.last() else { return };
    let chain_at = match batches.len().checked_sub(2) {
        Some(before) => at(batches[before].offset) + 24,
        None => 152,
    };
    disk.corrupt(&file, |bytes| {
        let chain = number(bytes, chain_at);
        let salt = number(bytes, 88);
        let batch = &mut bytes[at(last.offset)..];
        let used = at(last.used_bytes).min(batch.len());
        overwrite(&mut batch[8..used], input);
        seal(batch, salt, chain);
    });
}

/// A file is what the rest of the input says.
pub(super) fn replace(disk: &MemDisk, input: &mut Input<'_>) {
    let files = files(disk);
    let file = &files[input.below(files.len())];
    let mut bytes = Vec::new();
    while !input.is_empty() {
        bytes.push(input.byte());
    }
    disk.put(file, &bytes);
}

/// A file, and a place in it, mostly one where something is written.
fn place(disk: &MemDisk, input: &mut Input<'_>) -> (String, usize) {
    let mut files = files(disk);
    files.retain(|file| !contents(disk, file).is_empty());
    let file = files.swap_remove(input.below(files.len()));
    let bytes = contents(disk, &file);
    let written: Vec<_> = (0..bytes.len()).filter(|&at| bytes[at] != 0).collect();
    let choice = usize::from(input.byte()) << 8 | usize::from(input.byte());
    let at = match written.len() {
        0 => choice % bytes.len(),
        count => written[choice % count],
    };
    (file, at)
}

/// Some bytes, at some place, are others.
fn overwrite(bytes: &mut [u8], input: &mut Input<'_>) {
    for _ in 0..=input.below(4) {
        let at = (usize::from(input.byte()) << 8 | usize::from(input.byte())) % bytes.len();
        for (byte, new) in bytes[at..].iter_mut().zip(input.number().to_le_bytes()) {
            *byte = new;
        }
    }
}

/// Makes the checksums and the chain of a batch true.
fn seal(batch: &mut [u8], salt: u64, chain: u64) {
    let seed = crc32c(&salt.to_le_bytes());
    let lsn = number(batch, 8);
    let record_bytes = u32::from_le_bytes(batch[64..68].try_into().expect("four bytes"));
    let records = batch.get(80..80 + record_bytes as usize).unwrap_or_default();
    let body_crc = crc32c_append(seed, records);
    let body = u64::from(body_crc) << 32 | u64::from(record_bytes);
    batch[68..72].copy_from_slice(&body_crc.to_le_bytes());
    batch[24..32].copy_from_slice(&mix(mix(chain ^ lsn) ^ body).to_le_bytes());
    let header_crc = crc32c_append(seed, &batch[8..80]);
    batch[4..8].copy_from_slice(&header_crc.to_le_bytes());
}

fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

/// The newest segment that holds batches, and these.
fn last_batches(disk: &MemDisk) -> Option<(String, Vec<BatchInfo>)> {
    let mut segments: Vec<(String, Vec<BatchInfo>)> = Vec::new();
    wal::inspect(&disk, |finding| match finding {
        Finding::Segment { file, .. } => segments.push((file.to_owned(), Vec::new())),
        Finding::Batch(info) => segments.last_mut().expect("a segment").1.push(info),
        _ => {}
    })
    .expect("the disk can be read");
    segments.into_iter().rfind(|(_, batches)| !batches.is_empty())
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn at(offset: u64) -> usize {
    usize::try_from(offset).expect("files are short")
}
