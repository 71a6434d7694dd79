//! A run as lines for a terminal.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::{Bound, RangeBounds};

use quorate_core::RoleKind;

use super::chronicle::{Arrival, Chronicle, Ending, Standing, What};

/// How long a line may be.
const LINE_CHARS_MAX: usize = 120;
const COLUMNS: [&str; 7] = ["term", "vote", "last", "dur", "com", "app", "role"];

/// One line for each thing that happened at these times, in nanoseconds, under names of the columns.
///
/// A line that concerns a server shows how it stands: its role (`F`ollower, `p`re-candidate,
/// `C`andidate, `L`eader, `X` when it has halted), its term, whom it voted for, its last entry as
/// `index@term`, and what is durable, committed and applied.
pub fn ascii(chronicle: &Chronicle, range: impl RangeBounds<u64>) -> String {
    let (lines, widths) = lines(chronicle, &range);
    let mut text = String::new();
    let mut put = |time: &str, who: &str, cells: &[String; 7], what: &str| {
        let mut line = format!("{time:>12} {who:>4} {:<1}", cells[6]);
        for (cell, width) in cells.iter().zip(widths).take(6) {
            write!(line, " {cell:>width$}").expect("a string takes all");
        }
        write!(line, " | {what}").expect("a string takes all");
        text.extend(line.chars().take(LINE_CHARS_MAX));
        text.push('\n');
    };
    let mut names = COLUMNS.map(str::to_owned);
    names[6].clear();
    put("seconds", "who", &names, "what happened");
    for Line { at, host, cells, what } in &lines {
        put(&seconds(*at), &chronicle.name(*host), cells, what);
    }
    text
}

fn seconds(at: u64) -> String {
    format!("{}.{:06}", at / 1_000_000_000, at / 1000 % 1_000_000)
}

struct Line {
    at: u64,
    host: u16,
    cells: [String; 7],
    what: String,
}

/// What is on the lines, and how wide each column is.
fn lines(chronicle: &Chronicle, range: &impl RangeBounds<u64>) -> (Vec<Line>, [usize; 7]) {
    let mut standings = BTreeMap::new();
    let mut sent = BTreeMap::new();
    let mut lines = Vec::new();
    let mut widths = COLUMNS.map(str::len);
    for moment in &chronicle.moments {
        let was = match &moment.what {
            What::Stands { n, standing } => standings.insert(*n, *standing),
            What::Down { n, .. } => standings.remove(n),
            What::Sent { id, from, to, text, .. } => {
                sent.insert(*id, (*from, *to, text.as_str()));
                None
            }
            _ => None,
        };
        if is_over(range, moment.at) {
            break;
        }
        if range.contains(&moment.at) {
            let (host, what) = words(chronicle, &moment.what, was, &sent);
            let cells = cells(standings.get(&host).copied());
            for (width, cell) in widths.iter_mut().zip(&cells) {
                *width = (*width).max(cell.len());
            }
            lines.push(Line { at: moment.at, host, cells, what });
        }
    }
    (lines, widths)
}

fn is_over(range: &impl RangeBounds<u64>, at: u64) -> bool {
    match range.end_bound() {
        Bound::Included(&last) => at > last,
        Bound::Excluded(&end) => at >= end,
        Bound::Unbounded => false,
    }
}

fn cells(standing: Option<Standing>) -> [String; 7] {
    let Some(Standing { role, term, vote, last, last_term, durable, commit, applied }) = standing
    else {
        return Default::default();
    };
    let vote = if vote == 0 { "-".to_owned() } else { format!("n{vote}") };
    let [term, durable, commit, applied] = [term, durable, commit, applied].map(|n| n.to_string());
    let last = format!("{last}@{last_term}");
    [term, vote, last, durable, commit, applied, letter(role).to_owned()]
}

const fn letter(role: RoleKind) -> &'static str {
    match role {
        RoleKind::Follower => "F",
        RoleKind::PreCandidate => "p",
        RoleKind::Candidate => "C",
        RoleKind::Leader => "L",
        RoleKind::Halted => "X",
    }
}

/// Whom it concerns, and what it is.
fn words(
    chronicle: &Chronicle,
    what: &What,
    was: Option<Standing>,
    sent: &BTreeMap<u64, (u16, u16, &str)>,
) -> (u16, String) {
    match what {
        What::Stands { n, standing } => (*n, change(was, *standing)),
        What::Sent { from, to, text, .. } => (*from, format!("-> {} {text}", chronicle.name(*to))),
        What::Arrived { id, how } => {
            let known = sent.get(id).copied();
            let (from, to, text) = known.unwrap_or((0, 0, "a message from before"));
            let how = match how {
                Arrival::First => "",
                Arrival::Again => "again: ",
                Arrival::Corrupt => "corrupt: ",
            };
            (to, format!("<- {} {how}{text}", chronicle.name(from)))
        }
        What::Garbled { from, to } => (*to, format!("<- {} garbled bytes", chronicle.name(*from))),
        What::Disk { n, until, text } => {
            (*n, format!("disk works until {}: {text}", seconds(*until)))
        }
        What::Starting { n } => (*n, "starts".to_owned()),
        What::Started { n } => (*n, "serves".to_owned()),
        What::Down { n, text } => (*n, format!("goes down: {text}")),
        What::Paused { n, until } => (*n, format!("stands still until {}", seconds(*until))),
        What::Stalled { n, until } => (*n, format!("its disk hangs until {}", seconds(*until))),
        What::Cut { text, .. } => (0, format!("cut: {text}")),
        What::Mended => (0, "all links are mended".to_owned()),
        What::Healed => (0, "all faults end".to_owned()),
        What::Noted { n, text } => (*n, text.clone()),
        What::Called { n, text, .. } => (*n, format!("asks {text}")),
        What::Ended { n, how, text, .. } => {
            let how = match how {
                Ending::Ok => "done",
                Ending::Failed => "failed",
                Ending::Unknown => "in doubt",
            };
            (*n, format!("{how} {text}").trim_end().to_owned())
        }
        What::Violated { property, evidence } => (0, format!("VIOLATED {property}: {evidence}")),
    }
}

/// What is new about a server.
fn change(was: Option<Standing>, is: Standing) -> String {
    let Some(was) = was else { return "stands".to_owned() };
    let mut words = Vec::new();
    if was.role != is.role {
        words.push(format!("becomes {:?}", is.role));
    }
    let numbers = [
        ("term", was.term, is.term),
        ("last", was.last, is.last),
        ("durable", was.durable, is.durable),
        ("commit", was.commit, is.commit),
        ("applied", was.applied, is.applied),
    ];
    let changed = numbers.iter().filter(|(_, was, is)| was != is);
    words.extend(changed.map(|(name, _, is)| format!("{name} {is}")));
    if was.vote != is.vote && is.vote != 0 {
        words.push(format!("votes for n{}", is.vote));
    }
    if words.is_empty() { "its last entry is another".to_owned() } else { words.join(", ") }
}
