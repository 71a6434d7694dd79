//! The acts as a picture: how much was done, and how long it took, each half second.

use std::fmt::Write as _;
use std::time::Duration;

use super::callers::BEAT;
use super::stage::Played;
use crate::bench::picture::grouped;

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 62.0;
/// Where the names of the acts are.
const TOP: f64 = 22.0;
const HEIGHT: f64 = 150.0;
const GAP: f64 = 44.0;

/// Both curves, one below the other, with the acts behind them.
pub(super) fn chart(acts: &[Played]) -> String {
    let beats: Vec<_> = acts.iter().flat_map(|act| &act.beats).copied().collect();
    let step = (WIDTH - LEFT) / beats.len().max(1) as f64;
    let bottom = TOP + HEIGHT + GAP + HEIGHT;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {}\" role=img>", bottom + 24.0);
    bands(&mut svg, acts, step);
    calls(&mut svg, &beats, step);
    latencies(&mut svg, &beats, step);
    let seconds = |beats: usize| BEAT.as_secs_f64() * beats as f64;
    for beat in (0..=beats.len()).step_by(20) {
        let x = LEFT + step * beat as f64;
        let y = bottom + 16.0;
        // The last one would stand half outside.
        let anchor = if beat == beats.len() { "end" } else { "middle" };
        let _ = write!(svg, "<text x={x:.1} y={y} text-anchor={anchor}>{} s</text>", seconds(beat));
    }
    svg + "</svg>"
}

/// Each act has its stretch of time, every second one a ground of its own.
fn bands(svg: &mut String, acts: &[Played], step: f64) {
    let mut x = LEFT;
    for (at, act) in acts.iter().enumerate() {
        let width = step * act.beats.len() as f64;
        let height = TOP + HEIGHT + GAP + HEIGHT;
        if at % 2 == 0 {
            let _ = write!(svg, "<rect class=act x={x:.1} y=0 width={width:.1} height={height} />");
        }
        let (middle, title) = (x + width / 2.0, act.title);
        let _ =
            write!(svg, "<text class=name x={middle:.1} y=15 text-anchor=middle>{title}</text>");
        x += width;
    }
}

fn calls(svg: &mut String, beats: &[(usize, Option<Duration>)], step: f64) {
    let most = beats.iter().map(|beat| beat.0).max().unwrap_or(0).max(1);
    let base = TOP + HEIGHT;
    // Two marks on the axis are enough to read the rest.
    let per_second = |calls: usize| (calls as f64 / BEAT.as_secs_f64()).round();
    for share in [0.5, 1.0] {
        let y = base - (HEIGHT - 14.0) * share;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
        let calls = (most as f64 * share) as usize;
        mark(svg, y, &grouped(per_second(calls)));
    }
    mark(svg, base, "0");
    let _ = write!(svg, "<text x={LEFT} y={}>calls a second</text>", base + 16.0);
    for (at, (done, _)) in beats.iter().enumerate() {
        let height = (HEIGHT - 14.0) * *done as f64 / most as f64;
        let (x, y) = (LEFT + step * at as f64, base - height);
        let (width, did) = ((step - 1.0).max(0.5), per_second(*done));
        let _ = write!(
            svg,
            "<rect class=calls x={x:.1} y={y:.1} width={width:.1} height={height:.1}>\
             <title>{did} calls a second</title></rect>"
        );
    }
}

/// On a logarithmic scale, from a tenth of a millisecond to ten seconds.
fn latencies(svg: &mut String, beats: &[(usize, Option<Duration>)], step: f64) {
    let base = TOP + HEIGHT + GAP + HEIGHT;
    let place = |ms: f64| base - HEIGHT * ((ms.clamp(0.1, 10_000.0).log10() + 1.0) / 5.0);
    for (ms, word) in [
        (0.1, "0.1 ms"),
        (1.0, "1 ms"),
        (10.0, "10 ms"),
        (100.0, "100 ms"),
        (1000.0, "1 s"),
        (10_000.0, "10 s"),
    ] {
        mark(svg, place(ms), word);
    }
    let y = base - HEIGHT - 8.0;
    let _ = write!(svg, "<text x={LEFT} y={y}>99 of 100 calls took at most</text>");
    let mut path = String::new();
    let mut is_down = true;
    for (at, (_, p99)) in beats.iter().enumerate() {
        let Some(p99) = p99 else {
            // Nothing was done: the line has a hole.
            is_down = true;
            continue;
        };
        let ms = p99.as_secs_f64() * 1e3;
        let (x, y) = (LEFT + step * (at as f64 + 0.5), place(ms));
        let _ = write!(path, "{}{x:.1} {y:.1}", if is_down { 'M' } else { 'L' });
        is_down = false;
        let _ = write!(
            svg,
            "<circle class=dot cx={x:.1} cy={y:.1} r=2.5><title>{ms:.1} ms</title></circle>"
        );
    }
    let _ = write!(svg, "<path class=slow d=\"{path}\" />");
}

fn mark(svg: &mut String, y: f64, word: &str) {
    let (x, base) = (LEFT - 8.0, y + 4.0);
    let _ = write!(
        svg,
        "<line class=grid x1={LEFT} x2={WIDTH} y1={y:.1} y2={y:.1} />\
         <text x={x} y={base:.1} text-anchor=end>{word}</text>"
    );
}
