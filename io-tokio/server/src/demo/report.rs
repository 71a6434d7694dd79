//! The demo as a page that needs nothing but itself, and the picture beside it.

use std::fmt::Write as _;
use std::time::Duration;

use quorate_campaign::Summary;

use super::chart::chart;
use super::simulation::{Cores, Lie, Picture};
use super::stage::Played;
use super::verdict::Finding;
use crate::bench::picture::grouped;

const STYLE: &str = include_str!("report.css");

/// The name of the picture of a bad run, beside the page.
pub(super) const PICTURE: &str = "bad-run.html";

/// All that the demo found out.
pub(super) struct Told<'a> {
    pub(super) acts: &'a [Played],
    /// All verdicts, those of the simulation among them.
    pub(super) findings: &'a [Finding],
    pub(super) cores: &'a Cores,
    pub(super) servers: &'a Summary,
    pub(super) lies: &'a [Lie],
    pub(super) picture: Option<&'a Picture>,
    /// Where the history of the calls is.
    pub(super) history: &'a str,
}

/// The page.
pub(super) fn page(told: &Told<'_>) -> String {
    let holds = told.findings.iter().all(|finding| finding.holds);
    let (class, verdict) =
        if holds { ("good", "every promise was kept") } else { ("bad", "a promise was broken") };
    let done: u64 = told.acts.iter().map(|act| act.done).sum();
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width, initial-scale=1\">\
         <title>quorate demo: {verdict}</title><style>{STYLE}</style>\
         <h1>quorate demo</h1><p class=\"badge {class}\">{verdict}</p>\
         <p>Three server processes with real files and real sockets were broken while eight callers made \
         {} calls. Then simulated worlds were run on the same code, and worlds that lie, to see that \
         the checks notice.</p>{}{}{}{}{}{}</html>",
        number(done),
        verdicts(told.findings),
        acts(told.acts),
        simulation(told.cores, told.servers),
        control(told.lies),
        told.picture.map(picture).unwrap_or_default(),
        by_hand(told.history),
    )
}

fn verdicts(findings: &[Finding]) -> String {
    let mut text = String::from("<h2>Verdicts</h2><ul class=verdicts>");
    for finding in findings {
        let (class, word) = if finding.holds { ("good", "ok") } else { ("bad", "BAD") };
        let _ = write!(text, "<li><b class={class}>{word}</b>{}", escape(&finding.text));
    }
    text + "</ul>"
}

fn acts(acts: &[Played]) -> String {
    let mut text = format!(
        "<h2>What the callers saw</h2>\
         <p class=dim>Bars: calls that were done in each half second. Line: how long 99 of 100 of them took \
         at most; a hole where none was done.</p><div class=wide>{}</div><div class=wide><table><tr><th>act<th>what was \
         done<th class=n>calls<th class=n>failed<th class=n>longest gap<th class=n>p99<th>what came of it",
        chart(acts)
    );
    for act in acts {
        let _ = write!(
            text,
            "<tr><td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{} ms<td class=n>{:.1} ms<td>{}",
            act.number,
            act.title,
            number(act.done),
            act.failed,
            act.longest_gap.as_millis(),
            act.p99.as_secs_f64() * 1e3,
            escape(&act.told),
        );
    }
    text + "</table></div>"
}

fn simulation(cores: &Cores, servers: &Summary) -> String {
    let sum = &cores.sum;
    let count = |name: &str| servers.counts.get(name).copied().unwrap_or(0);
    let bare = tiles(&[
        ("seeds", number(cores.seeds)),
        ("simulated", span(sum.elapsed)),
        ("steps, all properties checked after each", number(sum.steps)),
        ("elections", number(sum.elections as u64)),
        ("crashes", number(sum.crashes)),
        ("partitions", number(sum.partitions)),
    ]);
    let whole = tiles(&[
        ("seeds", number(servers.ran)),
        ("simulated", span(servers.simulated)),
        ("events, all properties checked after each", number(servers.events)),
        ("calls, every history checked", number(count("calls"))),
        ("crashes", number(count("crashes"))),
        ("strikes", number(count("strikes"))),
    ]);
    format!(
        "<h2>The simulation act</h2><p>Worlds from seeds, in {:.0} and {:.0} seconds of this machine's time. \
         <b>Bare cores</b>: consensus alone, between disks, links and clocks that are played. <b>Whole \
         servers</b>: nodes, logs on simulated disks, state machines and clients over a simulated \
         network.</p><h3>Bare cores</h3>{bare}<h3>Whole servers</h3>{whole}",
        cores.took.as_secs_f64(),
        servers.elapsed.as_secs_f64(),
    )
}

fn tiles(tiles: &[(&str, String)]) -> String {
    let tile = |(name, value): &(&str, String)| {
        format!("<div class=tile><b>{value}</b><span>{name}</span></div>")
    };
    format!("<div class=tiles>{}</div>", tiles.iter().map(tile).collect::<String>())
}

fn control(lies: &[Lie]) -> String {
    let mut text = String::from(
        "<h2>The negative control</h2><p>Checks that are green say little until it is known what turns them \
         red. In these worlds the servers are right, and the world lies to them, or to the clients.</p>\
         <div class=wide><table><tr><th>the lie<th>noticed by<th class=n>worlds needed",
    );
    for lie in lies {
        let noticed = match &lie.noticed {
            Some((property, _)) => format!("<span class=good>{}</span>", escape(property)),
            None => "<b class=bad>nobody</b>".to_owned(),
        };
        let _ = write!(text, "<tr><td>{}<td>{noticed}<td class=n>{}", lie.what, lie.seeds);
    }
    text.push_str("</table></div>");
    if let Some(lie) = lies.first() {
        let _ = write!(
            text,
            "<p class=dim>The first of them by hand, the others alike:</p><pre>{}</pre>",
            escape(&lie.command())
        );
    }
    text
}

fn picture(picture: &Picture) -> String {
    let Picture { what, property } = picture;
    format!(
        "<h2>A run that went wrong</h2><p><a href={PICTURE}>The picture of a bad run</a>: {what}, and \
         {property} notices. It begins with the calls on the key whose answers no order explains; below \
         are the lanes of servers and clients, messages, disks and faults at that time.</p>",
    )
}

fn by_hand(history: &str) -> String {
    let lines = [
        format!("quorate check history {history}"),
        "quorate sim run --fresh 100".to_owned(),
        "quorate sim show 7 --out seven.html".to_owned(),
        "quorate dev".to_owned(),
    ];
    format!("<h2>Do it yourself</h2><pre>{}</pre>", escape(&lines.join("\n")))
}

fn number(number: u64) -> String {
    grouped(number as f64)
}

/// A long time in hours, a short one in minutes.
fn span(time: Duration) -> String {
    let minutes = time.as_secs_f64() / 60.0;
    if minutes < 120.0 { format!("{minutes:.0} min") } else { format!("{:.1} h", minutes / 60.0) }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
