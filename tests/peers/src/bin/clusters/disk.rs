//! What the disk alone takes: no system that keeps its word answers a lone writer sooner.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;
use std::thread;
use std::time::Instant;

use crate::figures::Latencies;

/// Medians, of an fdatasync after a block was overwritten in place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disk {
    pub(crate) alone_us: u32,
    /// While two other files are written the same way, as in a cluster on one machine.
    pub(crate) of_three_us: u32,
}

const BLOCK: [u8; 4096] = [7; 4096];
const BLOCKS: u64 = 200;

/// Takes a fraction of a second.
pub(crate) fn probe(dir: &Path) -> io::Result<Disk> {
    let alone_us = syncs(&dir.join("alone"))?.percentile_us(50);
    let writers: Vec<_> = (0..3)
        .map(|at| {
            let path = dir.join(format!("of-three-{at}"));
            thread::spawn(move || syncs(&path))
        })
        .collect();
    let mut all = Latencies::default();
    for writer in writers {
        all.extend(writer.join().map_err(|_| io::Error::other("a writer panicked"))??);
    }
    Ok(Disk { alone_us, of_three_us: all.percentile_us(50) })
}

fn syncs(path: &Path) -> io::Result<Latencies> {
    let mut file = File::create(path)?;
    for _ in 0..BLOCKS {
        file.write_all(&BLOCK)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let mut latencies = Latencies::default();
    for _ in 0..BLOCKS {
        file.write_all(&BLOCK)?;
        let started = Instant::now();
        file.sync_data()?;
        latencies.add(started.elapsed());
    }
    Ok(latencies)
}
