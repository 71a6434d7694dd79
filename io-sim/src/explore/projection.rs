//! What of a server decides what it will do.
//!
//! Two servers that differ only in what has no effect are the same server to the exploration. What
//! they are made of is private to the core, and will change; so this reads what `Debug` prints of a
//! server, which is all of it, and changes only what it knows to have no effect:
//!
//! * **instants**: timers fire when the exploration says so, whatever they were set to, so deadlines
//!   are left out. Every other instant only matters by its distance from now, in units of an election
//!   timeout: ahead, within the last one, or before.
//! * **tickets** count from the last one that is durable, and older ones are alike: the core compares
//!   them with that one, and the disk hands out new ones in order.
//! * **chance**: a jitter of zero leaves nothing to be drawn.
//! * **the count of ignored messages**, which is for people.
//!
//! Whatever is new in the core is printed too, and keeps servers apart until it is named here: that
//! costs states, and loses none.

use quorate_core::{Instant, Ticket};

use super::node::PATIENCE;

/// A server's clock, and what its disk has told it last.
#[derive(Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) now: Instant,
    pub(crate) persisted: Ticket,
}

/// Instants that only say when a timer fires or how long the disk has been silent, which is for ever
/// short.
const TIMERS: [&str; 5] = ["now: ", "deadline: ", "heartbeat_at: ", "started: ", "landed: "];

/// The text of a server without what has no effect.
pub(crate) fn project(text: &str, origin: Origin) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(from.len());
        let (digits, after) = from.split_at(end);
        out.push_str(before);
        match digits.parse().ok().and_then(|number| rename(before, number, origin)) {
            Some(name) => out.push_str(&name.to_string()),
            None => out.push_str(digits),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What a number counts as that stands behind `before`; `None` if it counts as it is.
fn rename(before: &str, number: u64, origin: Origin) -> Option<u64> {
    if let Some(field) = before.strip_suffix("Instant(") {
        return Some(match Instant(number) {
            _ if TIMERS.iter().any(|timer| field.ends_with(timer)) => 0,
            ahead if ahead > origin.now => 1,
            recent if recent.after(PATIENCE) > origin.now => 2,
            _ => 3,
        });
    }
    if before.ends_with("Ticket(") {
        return Some(number.saturating_sub(origin.persisted.0));
    }
    let has_no_effect = before.ends_with("Rng(") || before.ends_with("ignored_messages: ");
    has_no_effect.then_some(0)
}

#[cfg(test)]
mod tests {
    use quorate_core::{Instant, Ticket};

    use super::{Origin, project};
    use crate::explore::node::PATIENCE;

    fn nanos(patiences: u64) -> u64 {
        u64::try_from(PATIENCE.as_nanos()).expect("a short time") * patiences
    }

    #[test]
    fn time_is_recent_or_long_ago() {
        let origin = Origin { now: Instant(nanos(3) + 7), persisted: Ticket(0) };
        let text = |heard| format!("{{ heard: {:?} }}", Instant(heard));
        let of = |heard| project(&text(heard), origin);
        assert_eq!(of(nanos(3) + 7), of(nanos(2) + 8), "within the last timeout");
        assert_eq!(of(nanos(2) + 7), of(0), "before");
        assert_ne!(of(nanos(2) + 7), of(nanos(2) + 8));
        assert_ne!(of(nanos(3) + 8), of(nanos(3) + 7), "ahead");
        assert_eq!(
            project("deadline: Instant(5)", origin),
            project("deadline: Instant(9)", origin)
        );
    }

    #[test]
    fn tickets_count_from_what_is_durable() {
        let of = |ticket, persisted| {
            let origin = Origin { now: Instant(0), persisted: Ticket(persisted) };
            project(&format!("{:?}, last: Index(4)", Ticket(ticket)), origin)
        };
        assert_eq!(of(7, 5), of(3, 1));
        assert_eq!(of(1, 5), of(5, 5));
        assert_ne!(of(6, 5), of(7, 5));
        assert!(of(7, 5).ends_with("last: Index(4)"), "all else stays as it is");
    }
}
