use quorate_machines::elections::{
    Ballots, Elections, ElectionsCx, ElectionsMachine, Leader, NotStanding, Standing,
};
use quorate_sm::SessionId;
use serde::{Deserialize, Serialize};

use crate::support;

/// Who stands for what, in the order in which they came, and which epochs there were.
#[derive(Default, Serialize, Deserialize)]
struct Lists {
    stands: Vec<(String, SessionId, String)>,
    epochs: Vec<(String, SessionId)>,
}

impl Lists {
    fn first(&self, election: &str) -> Option<SessionId> {
        self.stands.iter().find(|it| it.0 == election).map(|it| it.1)
    }

    fn settle(&mut self, cx: &mut ElectionsCx, election: &str, before: Option<SessionId>) {
        let first = self.first(election);
        if first == before {
            return;
        }
        self.epochs.extend(first.map(|session| (election.to_owned(), session)));
        cx.emit_elected(election.to_owned(), self.leader(election.to_owned()));
    }

    fn withdraw(&mut self, cx: &mut ElectionsCx, election: &str, session: SessionId) -> bool {
        let (before, count) = (self.first(election), self.stands.len());
        self.stands.retain(|it| it.0 != election || it.1 != session);
        self.settle(cx, election, before);
        self.stands.len() < count
    }
}

impl Elections for Lists {
    fn stand(
        &mut self,
        cx: &mut ElectionsCx,
        election: String,
        candidate: String,
    ) -> Result<Standing, NotStanding> {
        let session = cx.session().ok_or(NotStanding::NoSession)?;
        let before = self.first(&election);
        match self.stands.iter_mut().find(|it| it.0 == election && it.1 == session) {
            Some(stands) => stands.2 = candidate,
            None => self.stands.push((election.clone(), session, candidate)),
        }
        self.settle(cx, &election, before);
        let line = self.stands.iter().filter(|it| it.0 == election);
        let ahead = line.take_while(|it| it.1 != session).count() as u64;
        let epoch = self.leader(election).map_or(0, |leader| leader.epoch);
        Ok(if ahead == 0 { Standing::Leads { epoch } } else { Standing::Waits { ahead } })
    }

    fn resign(&mut self, cx: &mut ElectionsCx, election: String) -> bool {
        cx.session().is_some_and(|session| self.withdraw(cx, &election, session))
    }

    fn gone(&mut self, cx: &mut ElectionsCx, session: SessionId) {
        let theirs = self.stands.iter().filter(|it| it.1 == session);
        let mut names: Vec<_> = theirs.map(|it| it.0.clone()).collect();
        names.sort();
        for name in &names {
            self.withdraw(cx, name, session);
        }
    }

    fn leader(&self, election: String) -> Option<Leader> {
        let (_, session, candidate) = self.stands.iter().find(|it| it.0 == election)?.clone();
        let epoch = self.epochs.iter().rposition(|it| it.0 == election)? as u64 + 1;
        Some(Leader { session, candidate, epoch })
    }

    fn candidates(&self, election: String) -> u64 {
        self.stands.iter().filter(|it| it.0 == election).count() as u64
    }
}

#[test]
fn elections_agree_with_lists() {
    support::agree::<ElectionsMachine<Ballots>, ElectionsMachine<Lists>>(200);
}

#[test]
fn elections_hold_in_a_world_of_faults() {
    quorate_io_sim::check!(
        ElectionsMachine<Ballots>,
        seeds = 4,
        holds = |elections| {
            for name in ["", "a", "b", "c"] {
                let leads = elections.0.leader(name.to_owned()).is_some();
                if leads != (elections.0.candidates(name.to_owned()) > 0) {
                    return Err(format!("somebody leads {name}: {leads}"));
                }
            }
            Ok(())
        }
    );
}

/// What is kept of a session is gone with the last election that it stands for.
#[test]
fn nothing_is_left_of_who_has_resigned() {
    let mut ballots = Ballots::default();
    let session = SessionId(quorate_core::Index(1));
    let at = quorate_core::LogId::ZERO;
    let cx = &mut ElectionsCx::new(quorate_sm::Context::new(at, Some(session)));
    assert_eq!(ballots.stand(cx, "a".into(), "me".into()), Ok(Standing::Leads { epoch: 1 }));
    assert!(ballots.resign(cx, "a".into()));
    assert!(!ballots.resign(cx, "a".into()));
    let left = serde_json::to_string(&ballots).expect("a state");
    assert_eq!(left, r#"{"elections":{},"stands":{},"epochs":1}"#);
}
