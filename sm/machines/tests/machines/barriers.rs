use quorate_machines::barriers::{
    Arrival, Barriers, BarriersCx, BarriersMachine, Gates, Move, NotArrived,
};
use quorate_sm::SessionId;
use serde::{Deserialize, Serialize};

use crate::support;

/// Whoever waits, and for how many of which generation.
#[derive(Default, Serialize, Deserialize)]
struct Crowd {
    waits: Vec<(String, u32, u64, SessionId)>,
    generations: u64,
}

impl Crowd {
    fn drop_out(&mut self, cx: &mut BarriersCx, name: &str, session: SessionId) -> bool {
        let before = self.waits.len();
        self.waits.retain(|it| it.0 != name || it.3 != session);
        let was_there = self.waits.len() < before;
        if was_there {
            cx.emit_moved(name.to_owned(), Move::Left(session));
        }
        was_there
    }
}

impl Barriers for Crowd {
    fn arrive(
        &mut self,
        cx: &mut BarriersCx,
        name: String,
        parties: u32,
    ) -> Result<Arrival, NotArrived> {
        let session = cx.session().ok_or(NotArrived::NoSession)?;
        let other = self.waits.iter().find(|it| it.0 == name).map(|it| (it.1, it.2));
        let generation = match other {
            Some((others, _)) if others != parties => {
                return Err(NotArrived::OtherParties { parties: others });
            }
            Some((_, generation)) => generation,
            None => {
                self.generations += 1;
                self.generations
            }
        };
        if !self.waits.iter().any(|it| it.0 == name && it.3 == session) {
            self.waits.push((name.clone(), parties, generation, session));
        }
        let there = u32::try_from(self.waiting(name.clone())).expect("few");
        if there >= parties {
            self.waits.retain(|it| it.0 != name);
            cx.emit_moved(&name, Move::Opened(generation));
        }
        Ok(Arrival { session, generation, missing: parties.saturating_sub(there) })
    }

    fn leave(&mut self, cx: &mut BarriersCx, name: String) -> bool {
        cx.session().is_some_and(|session| self.drop_out(cx, &name, session))
    }

    fn gone(&mut self, cx: &mut BarriersCx, session: SessionId) {
        let theirs = self.waits.iter().filter(|it| it.3 == session);
        let mut names: Vec<_> = theirs.map(|it| it.0.clone()).collect();
        names.sort();
        for name in &names {
            self.drop_out(cx, name, session);
        }
    }

    fn waiting(&self, name: String) -> u64 {
        self.waits.iter().filter(|it| it.0 == name).count() as u64
    }
}

#[test]
fn barriers_agree_with_a_crowd() {
    support::agree::<BarriersMachine<Gates>, BarriersMachine<Crowd>>(200);
}

#[test]
fn barriers_hold_in_a_world_of_faults() {
    quorate_io_sim::check!(BarriersMachine<Gates>, seeds = 4);
}

/// What is kept of a session is gone with the last barrier that it waits at.
#[test]
fn nothing_is_left_of_who_waits_no_longer() {
    let mut gates = Gates::default();
    let at = quorate_core::LogId::ZERO;
    let cx = |session| {
        let session = SessionId(quorate_core::Index(session));
        BarriersCx::new(quorate_sm::Context::new(at, Some(session)))
    };
    assert_eq!(gates.arrive(&mut cx(1), "a".into(), 2).expect("a session").missing, 1);
    assert_eq!(gates.arrive(&mut cx(2), "b".into(), 2).expect("a session").missing, 1);
    assert_eq!(gates.arrive(&mut cx(2), "a".into(), 2).expect("a session").missing, 0);
    assert!(gates.leave(&mut cx(2), "b".into()));
    let left = serde_json::to_string(&gates).expect("a state");
    assert_eq!(left, r#"{"gates":{},"waits":{},"generations":2}"#);
}
