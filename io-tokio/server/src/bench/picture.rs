//! The figures as a page that needs nothing but itself.

use std::fmt::Write as _;

use super::Row;
use super::load::Figures;

const WIDTH: f64 = 860.0;
const BAR: f64 = 26.0;

/// A page with a bar for each figure.
pub(super) fn page(rows: &[Row], value_bytes: usize) -> String {
    let writes: Vec<_> = rows.iter().map(|row| (row.callers, row.writes.per_second())).collect();
    let reads: Vec<_> = rows.iter().map(|row| (row.callers, row.reads.per_second())).collect();
    let mut table = String::new();
    for row in rows {
        let per_sync = row.writes_per_sync.map_or("-".into(), |ratio| format!("{ratio:.1}"));
        let syncs = row.syncs.map_or("-".into(), |syncs| grouped(syncs as f64));
        let _ = write!(table, "<tr><td>{}", row.callers);
        cells(&mut table, &row.writes);
        let _ = write!(table, "<td>{syncs}<td>{per_sync}");
        cells(&mut table, &row.reads);
    }
    format!(
        "<!doctype html><meta charset=utf-8><title>quorate bench</title>\
         <style>body{{font:15px system-ui;max-width:{WIDTH}px;margin:2em auto}}\
         table{{border-collapse:collapse}}td,th{{padding:.2em .8em;text-align:right}}\
         tr:nth-child(even){{background:#f3f3f3}}</style>\
         <h1>quorate bench</h1><p>values of {value_bytes} bytes</p>\
         <h2>writes per second</h2>{}<h2>linearizable reads per second</h2>{}\
         <h2>figures</h2><p>Latencies in microseconds: half of the calls, and 99 of 100, were done\
         within p50 and p99. A sync makes all writes durable that wait for it.</p>\
         <table><tr><th>callers<th>writes/s<th>p50<th>p99<th>longest<th>syncs<th>writes per sync\
         <th>reads/s<th>p50<th>p99<th>longest{table}</table>",
        bars(&writes, "#2b6cb0"),
        bars(&reads, "#2f855a"),
    )
}

/// What a table says of one kind of calls.
fn cells(table: &mut String, figures: &Figures) {
    let _ = write!(table, "<td>{}", grouped(figures.per_second()));
    for percent in [50, 99, 100] {
        let _ = write!(table, "<td>{}", grouped(figures.percentile_us(percent).into()));
    }
}

/// With a thin space between the thousands.
pub(crate) fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}

fn bars(figures: &[(usize, f64)], colour: &str) -> String {
    let most = figures.iter().map(|figure| figure.1).fold(1.0, f64::max);
    let mut svg = format!(
        "<svg width={WIDTH} height={} font-family=system-ui font-size=14>",
        BAR * figures.len() as f64
    );
    for (at, (callers, figure)) in figures.iter().enumerate() {
        let y = BAR * at as f64;
        let width = (WIDTH - 230.0) * figure / most;
        let _ = write!(
            svg,
            "<text x=110 y={} text-anchor=end>{callers} {}</text>\
             <rect x=120 y={} width={width:.1} height={} fill={colour} />\
             <text x={:.1} y={}>{}</text>",
            y + 17.0,
            if *callers == 1 { "caller" } else { "callers" },
            y + 3.0,
            BAR - 6.0,
            126.0 + width,
            y + 17.0,
            grouped(*figure),
        );
    }
    svg.push_str("</svg>");
    svg
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn thousands_stand_apart() {
        let grouped = |number: f64| grouped(number).replace('\u{2009}', " ");
        assert_eq!(
            [0.0, 999.4, 1000.0, 12_345_678.0].map(grouped),
            ["0", "999", "1 000", "12 345 678"]
        );
    }
}
