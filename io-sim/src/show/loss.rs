//! Where messages died that never arrived.

use std::collections::BTreeMap;

use super::drawing::{Arrow, Drawing};

/// Nobody takes longer than this, unless it is lost; in microseconds.
const LONG_US: u64 = 1_000_000;

/// Tells lost messages from those that are under way at the end, and says why they are lost.
pub(super) fn find(drawing: &mut Drawing) {
    let typical = typical_us(&drawing.messages);
    // What was sent last of what arrived, for each sender and receiver.
    let mut latest = BTreeMap::new();
    for message in &drawing.messages {
        if !message.arrivals.is_empty() {
            latest.insert((message.from, message.to), message.at);
        }
    }
    let mut lost = Vec::new();
    for (place, message) in drawing.messages.iter().enumerate() {
        if message.arrivals.is_empty() {
            let was_overtaken = latest.get(&(message.from, message.to)) > Some(&message.at);
            if was_overtaken || message.at + LONG_US < drawing.to {
                lost.push((place, (message.at + typical / 2, why(drawing, message, typical))));
            }
        }
    }
    for (place, how) in lost {
        drawing.messages[place].lost = Some(how);
    }
}

fn why(drawing: &Drawing, message: &Arrow, typical: u64) -> String {
    let Arrow { from, to, at, .. } = *message;
    let (soon, later) = (at + typical / 2, at + typical);
    if drawing.is_blocked(from, to, at) || drawing.is_blocked(from, to, later) {
        "the link was blocked".to_owned()
    } else if to <= drawing.servers && drawing.is_down(to, soon) {
        "the receiver was down".to_owned()
    } else {
        "the network lost it".to_owned()
    }
}

/// The median.
fn typical_us(messages: &[Arrow]) -> u64 {
    let taken =
        messages.iter().filter_map(|message| Some(message.arrivals.first()?.0 - message.at));
    let mut taken: Vec<_> = taken.collect();
    taken.sort_unstable();
    taken.get(taken.len() / 2).copied().unwrap_or(1000).max(2)
}
