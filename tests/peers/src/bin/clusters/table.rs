//! The figures, and how they compare.

use std::fmt::Write as _;
use std::time::Duration;

use crate::Measured;
use crate::disk::Disk;
use crate::figures::{Figures, VALUE_BYTES};

/// One system, with as many clients.
pub(crate) struct Row {
    name: &'static str,
    pub(crate) rounds: Vec<Measured>,
}

impl Row {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, rounds: Vec::new() }
    }

    fn figures(&self, which: impl Fn(&Measured) -> Figures) -> Vec<Figures> {
        self.rounds.iter().map(which).collect()
    }
}

/// What the columns mean.
pub(crate) fn header(rounds: usize, span: Duration) -> String {
    let seconds = span.as_secs();
    format!(
        "values of {VALUE_BYTES} bytes; medians of {rounds} rounds of {seconds} s; +-: half of \
         what lies between the slowest\nand the fastest round; x: how often the calls per second \
         go into those of the first system\n\n{:26} {:-^42}   {:-^42}\n{:>8}  {:16}{}   {}\n",
        "", " writes ", " linearizable reads ", "clients", "", HEADINGS, HEADINGS
    )
}

const HEADINGS: &str = "    per s     +-   p50 us   p99 us        x";

/// All systems with as many clients, the first of which is compared with each.
pub(crate) fn block(clients: usize, rows: &[Row], disks: &[Disk]) -> String {
    let mut text = String::new();
    let all_writes: Vec<_> = rows.iter().map(|row| row.figures(|round| round.writes)).collect();
    let all_reads: Vec<_> = rows.iter().map(|row| row.figures(|round| round.reads)).collect();
    for (at, row) in rows.iter().enumerate() {
        let clients = if at == 0 { clients.to_string() } else { String::new() };
        let writes = cells(&all_writes[0], &all_writes[at]);
        let reads = cells(&all_reads[0], &all_reads[at]);
        let _ = writeln!(text, "{clients:>8}  {:<16}{writes}   {reads}", row.name);
    }
    let alone = median(disks.iter().map(|disk| f64::from(disk.alone_us)));
    let of_three = median(disks.iter().map(|disk| f64::from(disk.of_three_us)));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    let _ = writeln!(
        text,
        "          fdatasync p50: {alone:.0} us alone, {of_three:.0} us with three writers; load \
         average with all this: {load}\n"
    );
    text
}

fn cells(first: &[Figures], these: &[Figures]) -> String {
    let rates = |figures: &[Figures]| median(figures.iter().map(|figures| figures.per_second));
    if these.is_empty() {
        return format!("{:>9}{:34}", "-", "");
    }
    let rate = rates(these);
    let most = these.iter().map(|figures| figures.per_second).fold(f64::MIN, f64::max);
    let least = these.iter().map(|figures| figures.per_second).fold(f64::MAX, f64::min);
    format!(
        "{rate:>9.0} {:>5.0}% {:>8.0} {:>8.0} {:>8.2}",
        (most - least) / 2.0 / rate * 100.0,
        median(these.iter().map(|figures| f64::from(figures.p50_us))),
        median(these.iter().map(|figures| f64::from(figures.p99_us))),
        rates(first) / rate,
    )
}

/// The middle one, or the mean of the middle two; not a number if there are none.
fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_unstable_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, rates: &[f64]) -> Row {
        let mut row = Row::new(name);
        for &per_second in rates {
            let figures = Figures { per_second, p50_us: 10, p99_us: 20 };
            row.rounds.push(Measured { writes: figures, reads: figures });
        }
        row
    }

    #[test]
    fn the_first_system_is_compared_with_each_by_medians() {
        let rows = [
            row("ours", &[900.0, 1000.0, 5000.0]),
            row("theirs", &[400.0, 600.0]),
            row("none", &[]),
        ];
        let disks = [Disk { alone_us: 300, of_three_us: 500 }];
        let block = block(16, &rows, &disks);
        let words: Vec<Vec<_>> =
            block.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words[0][..7], ["16", "ours", "1000", "205%", "10", "20", "1.00"]);
        assert_eq!(words[1][..6], ["theirs", "500", "20%", "10", "20", "2.00"]);
        assert_eq!(words[2], ["none", "-", "-"]);
        assert!(block.contains("300 us alone, 500 us with three"), "{block}");
    }
}
