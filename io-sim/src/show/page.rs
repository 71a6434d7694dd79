//! A run as a page that needs nothing from anywhere else.

use serde::Serialize;

use super::chronicle::{Chronicle, What};
use super::drawing::Drawing;
use super::history::{Knot, knot};
use crate::direct::Options;
use crate::judge::{Property, Violation};

/// How long the drawn part may be, in bytes; the rest of a page is small.
const DATA_BYTES_MAX: usize = 8 << 20;

/// More moments than this are not even tried.
const MOMENTS_MAX: usize = 250_000;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPTS: [&str; 3] =
    [include_str!("data.js"), include_str!("draw.js"), include_str!("steer.js")];

/// What the scripts of a page get.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    drawing: Drawing,
    /// How much of the beginning is left out, in microseconds.
    left_out: u64,
    violation: Option<Wrong<'a>>,
}

#[derive(Serialize)]
struct Wrong<'a> {
    at: u64,
    property: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    knot: Option<Knot>,
}

/// A space-time diagram of a run: one file, at most about ten megabytes. Of a run that is too long
/// for that it has the last part, and says so.
///
/// `violation` is what did not hold; if it is not given, the chronicle's own is drawn.
pub fn html(chronicle: &Chronicle, options: &Options, violation: Option<&Violation>) -> String {
    let told = chronicle.moments.iter().rev().find_map(|moment| match &moment.what {
        What::Violated { property, evidence } => Some((moment.at, property, evidence)),
        _ => None,
    });
    let given = violation.map(|given| (format!("{:?}", given.property), &given.evidence));
    let at = told.map_or(chronicle.end(), |told| told.0);
    let wrong = given.or_else(|| told.map(|(_, property, evidence)| (property.clone(), evidence)));
    let data = data(chronicle, wrong.as_ref().map(|(property, _)| (at, property.as_str())));
    let title = format!("seed {}", options.seed);
    let verdict = wrong.as_ref().map_or_else(
        || r#"<p class="held">No check failed in what was recorded.</p>"#.to_owned(),
        |(property, evidence)| {
            let statement = statement(violation, property);
            let (property, evidence) = (escape(property), escape(evidence));
            format!(
                "<p class=\"broken\">Violated: {property}{statement}</p>\
                 <details open><summary>what was seen</summary><pre>{evidence}</pre></details>"
            )
        },
    );
    let seconds = chronicle.end() as f64 / 1e9;
    let size = format!(
        "{} and {}, {seconds:.3} simulated seconds, {} events",
        plural(chronicle.servers, "server"),
        plural(chronicle.clients, "client"),
        chronicle.moments.len()
    );
    fill(PAGE, |name| match name {
        "title" => title.clone(),
        "size" => size.clone(),
        "verdict" => verdict.clone(),
        "options" => escape(&format!("{options:#?}")),
        "style" => STYLE.to_owned(),
        "data" => data.clone(),
        "script" => SCRIPTS.join("\n"),
        _ => panic!("the page has no {name}"),
    })
}

/// As much of the end as there is room for, as JSON that can stand in a page.
fn data(chronicle: &Chronicle, wrong: Option<(u64, &str)>) -> String {
    let is_history = |property| property == format!("{:?}", Property::HistoryIsLinearizable);
    let is_knotted = wrong.is_some_and(|(_, property)| is_history(property));
    let moments = &chronicle.moments;
    let first = moments.first().map_or(0, |first| first.at);
    let mut start = moments.len().checked_sub(MOMENTS_MAX).map_or(first, |from| moments[from].at);
    loop {
        let data = Data {
            drawing: Drawing::new(chronicle, start),
            left_out: (start - first) / 1000,
            violation: wrong.map(|(at, property)| Wrong {
                at: at / 1000,
                property,
                knot: is_knotted.then(|| knot(chronicle)).flatten(),
            }),
        };
        let text = serde_json::to_string(&data).expect("a drawing is made of words and numbers");
        // Nothing in it may end the element that it stands in.
        let text = text.replace('<', "\\u003c");
        let span = chronicle.end() - start;
        if text.len() <= DATA_BYTES_MAX || span == 0 {
            return text;
        }
        let share = DATA_BYTES_MAX as f64 / text.len() as f64 * 0.9;
        // Less each time, so that there is an end.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
        let kept = (span as f64 * share) as u64;
        start = chronicle.end() - kept;
    }
}

fn statement(violation: Option<&Violation>, property: &str) -> String {
    match violation {
        Some(violation) if format!("{:?}", violation.property) == property => {
            format!(", which says that {}", escape(violation.property.statement()))
        }
        _ => String::new(),
    }
}

/// Puts text where the page has `{{name}}`; what was put in is not looked at again.
fn fill(page: &str, text: impl Fn(&str) -> String) -> String {
    let mut filled = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("a name ends");
        filled.push_str(before);
        filled.push_str(&text(name));
        rest = after;
    }
    filled + rest
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            char => escaped.push(char),
        }
    }
    escaped
}

fn plural(count: u16, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
