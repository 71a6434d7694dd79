//! The figures as a page that needs nothing but itself.

use std::fmt::Write as _;

use super::Row;

const WIDTH: f64 = 720.0;
const BAR: f64 = 26.0;

/// A page with a bar for each figure.
pub(super) fn page(rows: &[Row], value_bytes: usize) -> String {
    let writes: Vec<_> = rows.iter().map(|row| (row.callers, row.writes.per_second())).collect();
    let reads: Vec<_> = rows.iter().map(|row| (row.callers, row.reads.per_second())).collect();
    let mut table = String::new();
    for row in rows {
        let per_sync = row.writes_per_sync.map_or("-".into(), |ratio| format!("{ratio:.1}"));
        let _ = write!(
            table,
            "<tr><td>{}<td>{:.0}<td>{}<td>{}<td>{}<td>{:.0}<td>{}<td>{}",
            row.callers,
            row.writes.per_second(),
            row.writes.percentile_us(50),
            row.writes.percentile_us(99),
            per_sync,
            row.reads.per_second(),
            row.reads.percentile_us(50),
            row.reads.percentile_us(99),
        );
    }
    format!(
        "<!doctype html><meta charset=utf-8><title>quorate bench</title>\
         <style>body{{font:15px system-ui;max-width:{WIDTH}px;margin:2em auto}}\
         table{{border-collapse:collapse}}td,th{{padding:.2em .8em;text-align:right}}\
         tr:nth-child(even){{background:#f3f3f3}}</style>\
         <h1>quorate bench</h1><p>values of {value_bytes} bytes</p>\
         <h2>writes per second</h2>{}<h2>linearizable reads per second</h2>{}\
         <h2>figures</h2><table><tr><th>callers<th>writes/s<th>p50 us<th>p99 us<th>per sync\
         <th>reads/s<th>p50 us<th>p99 us{table}</table>",
        bars(&writes, "#2b6cb0"),
        bars(&reads, "#2f855a"),
    )
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
            "<text x=110 y={} text-anchor=end>{callers} callers</text>\
             <rect x=120 y={} width={width:.1} height={} fill={colour} />\
             <text x={:.1} y={}>{figure:.0}</text>",
            y + 17.0,
            y + 3.0,
            BAR - 6.0,
            126.0 + width,
            y + 17.0,
        );
    }
    svg.push_str("</svg>");
    svg
}
