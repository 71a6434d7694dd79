use quorate_machines::counters::{Counters, CountersCx, CountersMachine, NotCounted, Tallies};
use serde::{Deserialize, Serialize};

use crate::support;

/// Every sum and every id there ever was.
#[derive(Default, Serialize, Deserialize)]
struct Ledger {
    sums: Vec<(String, i64)>,
    ids: Vec<String>,
}

impl Counters for Ledger {
    fn add(&mut self, cx: &mut CountersCx, name: String, by: i64) -> Result<i64, NotCounted> {
        let value = self.value(name.clone());
        let sum = i64::try_from(i128::from(value) + i128::from(by))
            .map_err(|_| NotCounted::Overflow { value })?;
        self.set(cx, name, value, sum)?;
        Ok(sum)
    }

    fn set(
        &mut self,
        cx: &mut CountersCx,
        name: String,
        from: i64,
        to: i64,
    ) -> Result<i64, NotCounted> {
        let value = self.value(name.clone());
        if value == from && from != to {
            cx.emit_changed(&name, to);
            self.sums.push((name, to));
        }
        Ok(value)
    }

    fn draw(&mut self, _: &mut CountersCx, name: String, count: u32) -> Result<u64, NotCounted> {
        let first = self.drawn(name.clone()) + 1;
        self.ids.extend((0..count).map(|_| name.clone()));
        Ok(first)
    }

    fn value(&self, name: String) -> i64 {
        self.sums.iter().rfind(|sum| sum.0 == name).map_or(0, |sum| sum.1)
    }

    fn drawn(&self, name: String) -> u64 {
        self.ids.iter().filter(|id| **id == name).count() as u64
    }
}

#[test]
fn counters_agree_with_a_ledger() {
    support::agree::<CountersMachine<Tallies>, CountersMachine<Ledger>>(200);
}

#[test]
fn what_does_not_fit_is_not_counted() {
    let mut tallies = Tallies::default();
    let cx = &mut CountersCx::new(quorate_sm::Context::default());
    assert_eq!(tallies.add(cx, "n".into(), i64::MAX), Ok(i64::MAX));
    let overflow = Err(NotCounted::Overflow { value: i64::MAX });
    assert_eq!(tallies.add(cx, "n".into(), 1), overflow);
    assert_eq!(tallies.value("n".into()), i64::MAX);
    assert_eq!(tallies.add(cx, "n".into(), i64::MIN), Ok(-1));
    assert_eq!(tallies.set(cx, "n".into(), -1, 0), Ok(-1));
    assert_eq!(tallies, Tallies::default(), "a counter that is 0 takes no room");
    assert_eq!(tallies.draw(cx, "id".into(), 0), Ok(1));
    assert_eq!(tallies, Tallies::default());
    let long = "n".repeat(quorate_machines::NAME_BYTES_MAX + 1);
    assert!(matches!(tallies.add(cx, long.clone(), 1), Err(NotCounted::Name(_))));
    assert!(matches!(tallies.draw(cx, long[1..].into(), 1), Ok(1)));
}

#[test]
fn ids_end_where_signed_numbers_do() {
    let text = format!(r#"{{"counters":{{}},"ids":{{"id":{}}}}}"#, i64::MAX - 2);
    let mut tallies: Tallies = serde_json::from_str(&text).expect("a state");
    let cx = &mut CountersCx::new(quorate_sm::Context::default());
    let overflow = Err(NotCounted::Overflow { value: i64::MAX - 2 });
    assert_eq!(tallies.draw(cx, "id".into(), 3), overflow);
    assert_eq!(tallies.draw(cx, "id".into(), 2), Ok(i64::MAX as u64 - 1));
    assert!(tallies.draw(cx, "id".into(), 1).is_err());
}

#[test]
fn counters_hold_in_a_world_of_faults() {
    quorate_io_sim::check!(CountersMachine<Tallies>, seeds = 4);
}
