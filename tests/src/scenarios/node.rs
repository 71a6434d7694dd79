//! Rows about one server.

use super::event::Happening;
use super::given::{Given, Tuning};
use super::json::{Object, Run, Stop, list, unfit};
use super::setup::set_up;
use super::then::{Then, is_elsewhere};

pub(crate) fn run(row: Object<'_>) -> Run {
    row.has_only(&[
        "id", "topic", "kind", "title", "source", "paper", "note", "given", "when", "then", "hint",
    ])?;
    let given = Given::read(row.need("given")?, Tuning::DEFAULT)?;
    let happenings = list(row.need("when")?)?.iter().map(Happening::read);
    let happenings: Vec<_> = happenings.collect::<Run<_>>()?;
    let then = Then::read(row.need("then")?)?;
    let mut bench = set_up(&given)?;
    for happening in &happenings {
        bench.sent.clear();
        bench.happen(happening)?;
    }
    match then.check(&bench) {
        // A proposal that another server should have got.
        Err(Stop::Wrong(_)) if bench.refused.iter().any(|&(_, why)| is_elsewhere(why)) => {
            unfit("behaviour", "forwarding")
        }
        checked => checked,
    }
}
