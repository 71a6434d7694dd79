//! Recordings of runs, and pictures of them.

use std::collections::BTreeMap;

use quorate_core::wire::Consistency;
use quorate_io_sim::direct::{self, Options};
use quorate_io_sim::scenario::Scenario;
use quorate_io_sim::show::{self, Arrival, Chronicle, Ending, Kind, Moment, What};
use quorate_io_sim::workload::{Broken, End, Request, Rng, Workload};

#[path = "../support/sum.rs"]
mod sum;

use sum::Sum;

const SAMPLE: &str = include_str!("sample.jsonl");

fn sample() -> Chronicle {
    Chronicle::read_from(SAMPLE.as_bytes()).expect("a chronicle")
}

fn lying(seed: u64) -> Options {
    let mut options = Options::from_seed(seed);
    options.disk.rates.lost_write = 100_000;
    options.nemesis.power = 4;
    options
}

#[test]
fn a_run_that_is_written_down_is_the_same_run() {
    for seed in [3, 11] {
        let options = Options::from_seed(seed);
        let silent = direct::run(&options).expect("it passes");
        assert_eq!(
            direct::record(&Scenario::of(&options)).0.expect("it passes"),
            silent,
            "seed {seed}"
        );
    }
    let options = lying(6);
    let silent = direct::run(&options).expect_err("its disks lie");
    let (recorded, chronicle) = direct::record(&Scenario::of(&options));
    let recorded = recorded.expect_err("its disks lie");
    assert_eq!((recorded.digest, recorded.event), (silent.digest, silent.event));
    assert_eq!(recorded.violation, silent.violation);
    let What::Violated { property, evidence } = &chronicle.moments.last().expect("the end").what
    else {
        panic!("a chronicle ends with what did not hold")
    };
    assert_eq!(*property, format!("{:?}", silent.violation.property));
    assert_eq!(*evidence, silent.violation.evidence);
}

/// Every arrival has a sending before it; what is lost has no arrival, what is repeated has two.
#[test]
fn what_arrives_was_sent() {
    let mut ways = [0; 4];
    for seed in [2, 3, 4, 7, 8, 9, 10, 11, 12, 13] {
        let options = Options::from_seed(seed);
        let may_damage = options.net.link.stream.corrupt_ppm > 0;
        let (_, chronicle) = direct::record(&Scenario::of(&options));
        let (mut sent, mut now) = (BTreeMap::new(), 0);
        for Moment { at, what } in &chronicle.moments {
            assert!(*at >= now, "time runs backwards in seed {seed}");
            now = *at;
            match what {
                What::Sent { id, from, to, .. } => {
                    assert_ne!(from, to);
                    assert!(sent.insert(*id, 0).is_none(), "number {id} is given twice");
                }
                What::Arrived { id, how } => {
                    let arrivals = sent.get_mut(id).expect("what arrives was sent");
                    assert_eq!(*how == Arrival::Again, *arrivals > 0, "seed {seed}, {id}");
                    assert!(*how != Arrival::Corrupt || may_damage, "seed {seed}, {id}");
                    *arrivals += 1;
                    ways[*how as usize] += 1;
                }
                What::Garbled { .. } => assert!(may_damage, "seed {seed}"),
                _ => {}
            }
        }
        ways[3] += sent.values().filter(|arrivals| **arrivals == 0).count();
    }
    let [first, again, corrupt, lost] = ways;
    assert!(first > 10_000 && again > 100 && corrupt > 0 && lost > 100, "{ways:?}");
    assert!(first > 4 * lost, "most arrive: {ways:?}");
}

#[test]
fn a_chronicle_survives_its_file() {
    let (_, chronicle) = direct::record(&Scenario::of(&lying(6)));
    let mut file = Vec::new();
    chronicle.write_to(&mut file).expect("memory takes all");
    assert_eq!(Chronicle::read_from(&file[..]).expect("it was written"), chronicle);
}

#[test]
fn what_is_no_chronicle_is_refused_with_its_line() {
    let error = |text: &str| Chronicle::read_from(text.as_bytes()).expect_err("none").to_string();
    let head = r#"{"format":"quorate-chronicle/1","servers":2,"clients":1}"#;
    assert_eq!(error(""), "line 1 is missing: a chronicle begins with a header");
    assert!(error("[]\n").starts_with("line 1: "));
    assert!(error(&head.replace("/1", "/2")).starts_with("the format is \"quorate-chronicle/2\""));
    assert!(error(&format!("{head}\n{{\"t\":1}}")).starts_with("line 2: "));
    let stranger = format!("{head}\n{{\"t\":1,\"e\":\"starting\",\"n\":4}}");
    assert_eq!(error(&stranger), "line 2 mentions host 4 of 3");
}

/// `UPDATE=1` writes the file anew.
#[test]
fn lines_tell_the_story_of_an_election() {
    let lines = show::ascii(&sample(), ..);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/show/sample.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &lines).expect("the sources can be written");
    }
    assert_eq!(lines, std::fs::read_to_string(path).expect("it is there"));
    let bars: Vec<_> = lines.lines().map(|line| line.find(" | ")).collect();
    assert!(bars.windows(2).all(|pair| pair[0] == pair[1]), "columns are aligned");
    assert!(lines.lines().all(|line| line.chars().count() <= 120), "a line fits a terminal");
}

#[test]
fn a_range_of_lines_knows_what_was_before() {
    let all = show::ascii(&sample(), ..);
    let part = show::ascii(&sample(), 3_631_000_000..3_632_000_000);
    let lines: Vec<_> = all.lines().filter(|line| line.contains(" 3.631")).collect();
    assert_eq!(part.lines().skip(1).collect::<Vec<_>>(), lines);
}

/// Elements that have no end.
const VOID: [&str; 2] = ["meta", "!doctype"];

/// The tags of a page are balanced; what scripts and styles hold is skipped.
fn assert_well_formed(page: &str) {
    let (mut open, mut rest) = (Vec::new(), page);
    while let Some((_, after)) = rest.split_once('<') {
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        assert_eq!(tag.matches('"').count() % 2, 0, "quotes of <{tag}>");
        let name = tag.split_whitespace().next().expect("a tag has a name");
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !VOID.contains(&name) {
            open.push(name);
            if ["script", "style"].contains(&name) {
                rest = &rest[rest.find(&format!("</{name}>")).expect("it ends")..];
            }
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
}

fn assert_alone(page: &str) {
    for reference in ["http://", "https://", "src=", "@import", "<link", "<iframe", "url(\""] {
        assert!(!page.contains(reference), "{reference} leads elsewhere");
    }
}

#[test]
fn a_page_is_whole_and_needs_nothing() {
    for options in [Options::from_seed(11), lying(6)] {
        let (outcome, chronicle) = direct::record(&Scenario::of(&options));
        let violation = outcome.as_ref().err().map(|failure| &failure.violation);
        let page = show::html(&chronicle, &options, violation);
        assert_well_formed(&page);
        assert_alone(&page);
        assert_eq!(page.contains("Violated: ServersStart"), violation.is_some());
        assert_eq!(page.contains("No check failed"), violation.is_none());
        assert!(page.contains("election_timeout"), "the options are there");
        // The same from a file, without the options of the violation.
        assert_eq!(
            show::html(&chronicle, &options, None).contains("Violated"),
            violation.is_some()
        );
    }
}

#[test]
fn hostile_words_stay_words() {
    let words = "</script><script>alert(\"{{data}}\")</script>";
    let mut chronicle = sample();
    let at = chronicle.moments.last().expect("a moment").at;
    let text = words.to_owned();
    let mut put = |what| chronicle.moments.push(Moment { at, what });
    put(What::Called { n: 4, text: text.clone(), asked: None });
    put(What::Noted { n: 1, text: text.clone() });
    put(What::Sent { id: 9999, from: 1, to: 2, kind: Kind::Append, text: text.clone() });
    put(What::Violated { property: text.clone(), evidence: text });
    let page = show::html(&chronicle, &Options::from_seed(11), None);
    assert_well_formed(&page);
    assert_alone(&page);
    assert_eq!(page.matches("<script").count(), 2, "the data and the code");
    assert!(page.contains("&lt;script&gt;alert(&quot;{{data}}&quot;)"), "in the text");
    assert!(page.contains("\\u003cscript>alert(\\\"{{data}}\\\")"), "in the data");
}

#[test]
fn of_a_long_run_the_last_part_is_drawn() {
    let mut chronicle = sample();
    let moments = chronicle.moments.clone();
    // Again and again, a second apart.
    for round in 1..3000 {
        chronicle.moments.extend(moments.iter().map(|moment| {
            let at = moment.at + round * 1_000_000_000;
            let what = match moment.what.clone() {
                What::Sent { id, from, to, kind, text } => {
                    What::Sent { id: id + round * 1_000_000, from, to, kind, text }
                }
                what => what,
            };
            Moment { at, what }
        }));
    }
    let page = show::html(&chronicle, &Options::from_seed(11), None);
    assert!((4 << 20..9 << 20).contains(&page.len()), "{} bytes", page.len());
    assert!(page.contains("\"left_out\":") && !page.contains("\"left_out\":0,"));
    let small = show::html(&sample(), &Options::from_seed(11), None);
    assert!(small.contains("\"left_out\":0,") && small.len() < 100_000, "{}", small.len());
}

/// A read of what was never written ties the history into a knot, and the page shows it.
#[test]
fn a_history_that_no_order_explains_is_marked() {
    let options = Options::from_seed(7);
    let (outcome, mut chronicle) = direct::record(&Scenario::of(&options));
    outcome.expect("it passes");
    let mut calls = 0;
    let mut culprit = None;
    let mut open = BTreeMap::new();
    for moment in &mut chronicle.moments {
        match &mut moment.what {
            What::Called { n, asked, .. } => {
                let asked = asked.as_ref().expect("a history is kept");
                open.insert(*n, (calls, asked.f == "get"));
                calls += 1;
            }
            What::Ended { n, how: Ending::Ok, answer, .. } if culprit.is_none() => {
                let (call, is_read) = open[n];
                if is_read && call > 20 {
                    *answer = Some("never written".into());
                    culprit = Some(call);
                }
            }
            _ => {}
        }
    }
    assert!(!show::html(&chronicle, &options, None).contains("\"knot\":{"));
    let at = chronicle.moments.last().expect("the end").at;
    let (property, evidence) = ("HistoryIsLinearizable".to_owned(), String::new());
    chronicle.moments.push(Moment { at, what: What::Violated { property, evidence } });
    let page = show::html(&chronicle, &options, None);
    let culprit = culprit.expect("somebody reads");
    assert!(page.contains(&format!("\"culprit\":{culprit}}}")), "{culprit}");
}

/// Adds ones, and looks.
struct Adding;

impl Workload for Adding {
    type Machine = Sum;

    fn machine(&self) -> Sum {
        Sum(0)
    }

    fn ask(&mut self, _: u16, rng: &mut Rng) -> Request<Sum> {
        if rng.chance(300) {
            Request::Query((), Consistency::Linearizable)
        } else {
            Request::Command(1)
        }
    }

    fn ended(&mut self, _: u16, end: End<Sum>) -> Result<(), Broken> {
        match end {
            End::Answered(3) => Err(Broken::new("the sum is 3")),
            _ => Ok(()),
        }
    }
}

#[test]
fn a_workload_without_a_history_is_told_in_the_words_of_serde() {
    let (outcome, chronicle) = direct::record_with(&Scenario::from_seed(3), || Adding);
    outcome.expect_err("it cannot hold");
    let [.., ended, violated] = &chronicle.moments[..] else { panic!("two moments") };
    let What::Ended { how: Ending::Ok, text, answer: None, .. } = &ended.what else {
        panic!("{ended:?} is no answer")
    };
    assert_eq!(text, "3", "the answer that must not be is there");
    assert!(
        matches!(&violated.what, What::Violated { evidence, .. } if evidence == "the sum is 3")
    );
    let called = |text: &str| {
        let mut whats = chronicle.moments.iter().map(|moment| &moment.what);
        whats.any(|what| matches!(what, What::Called { text: told, .. } if told == text))
    };
    assert!(called("1"));
}
