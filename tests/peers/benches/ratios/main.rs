//! How much faster than its peers the core is, and how much smaller: every figure that there are
//! goals for, in one run. All contestants take turns, in slices so short that whatever else the
//! machine does hits all of them alike; so the ratios say more than the figures.
//!
//! `cargo bench -p quorate-peers --bench ratios`, with some of `throughput`, `rounds`, `groups`,
//! `codec`, `recovery` and `memory` after `--` to have only these.

mod codec;
mod disk;
mod groups;
mod rounds;
mod throughput;

use quorate_peers::table::Row;

/// A part of the table: its name, what it says, and how to measure it.
type Part = (&'static str, &'static str, fn(&mut Report));

const PARTS: [Part; 6] = [
    ("throughput", "committed and applied entries, all servers in one thread", throughput::measure),
    ("rounds", "what servers say to each other, three servers in one thread", rounds::measure),
    ("groups", "10,000 idle groups of three servers, one round of heartbeats", groups::measure),
    ("codec", "64 entries of 16 bytes, and the core with its codec in the path", codec::measure),
    ("recovery", "a log of 1,000,000 entries of 256 bytes, in the page cache", disk::recovery),
    ("memory", "bytes on the heap, counted exactly", disk::memory),
];

fn main() {
    // cargo passes `--bench`.
    let wanted: Vec<_> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let mut report = Report::default();
    println!(
        "our figure | theirs, how many times better ours is (and how many times it should be)"
    );
    for (name, what, measure) in PARTS {
        if wanted.is_empty() || wanted.iter().any(|word| word == name) {
            println!("\n{name}: {what}");
            measure(&mut report);
        }
    }
    report.print();
}

/// Which goals were met.
#[derive(Default)]
struct Report {
    goals: usize,
    missed: Vec<String>,
}

impl Report {
    /// Prints a row as soon as it is known: some take long.
    fn add(&mut self, row: &Row) {
        println!("{row}");
        for (against, is_met) in row.goals() {
            self.goals += 1;
            if !is_met {
                self.missed.push(format!("{}, against {against}", row.what()));
            }
        }
    }

    fn print(&self) {
        let met = self.goals - self.missed.len();
        println!("\n{met} of {} goals are met", self.goals);
        self.missed.iter().for_each(|missed| println!("missed: {missed}"));
    }
}
