//! Two machines on two logs that say the same.

use std::time::Duration;

use bytes::Bytes;
use quorate_core::{Entries, Entry, Index, LeaderTime, LogId, Payload, RequestId, System, Term};
use quorate_io_sim::engine::Stream;
use quorate_io_sim::workload::{Rng, draw};
use quorate_sm::{
    Applied, Applier, Envelope, Event, Filter, MachineId, Outcome, Position, SessionId,
    SessionLimits, Since, StateMachine, Watch, Watched, client,
};

/// A replica of one machine.
pub struct Replica {
    applier: Applier,
    machine: fn() -> Applier,
}

impl Replica {
    pub fn of<M: StateMachine + Default>() -> Self {
        let machine = || Applier::new(M::default(), limits());
        Self { applier: machine(), machine }
    }

    fn append(&mut self, payload: Payload) -> Bytes {
        let id = LogId { term: Term(1), index: self.applier.last_applied().index.next() };
        let run = Entries::new([Entry { id, payload }]).expect("a run");
        let mut applied = Applied::default();
        self.applier.apply(&run, &mut applied).expect("nothing is lacking");
        applied.answers.remove(0).outcome
    }

    fn events(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        loop {
            let next = Position(all.len() as u64);
            let (filter, since) = (Filter::Prefix(Bytes::new()), Since::Position(next));
            let watch = Watch { machine: MachineId::FIRST, filter, since, until: Some(Index(0)) };
            let mut applied = Applied::default();
            self.applier.watch(RequestId(1), &client::watch(&watch), &mut applied);
            match client::watched(&applied.reads[0].outcome).expect("an answer") {
                Watched::Events { events, .. } if events.is_empty() => return all,
                Watched::Events { events, .. } => all.extend(events),
                Watched::Gap(gap) => panic!("{gap}"),
            }
        }
    }

    /// What is written down of it makes the same again.
    fn through_a_snapshot(&mut self) {
        let (mut capture, mut state) = (self.applier.capture(), Vec::new());
        while !capture.write(&mut state, 100) {}
        let mut restored = (self.machine)();
        let at = self.applier.last_applied();
        restored.restore(at, &state, &mut Applied::default()).expect("a state");
        assert_eq!(restored.digest(), self.applier.digest());
        self.applier = restored;
    }
}

fn limits() -> SessionLimits {
    SessionLimits { sessions_max: 5, ..SessionLimits::default() }
}

/// Holds a machine against its model: sessions come and go, time goes by, and whatever can be asked for is.
pub fn agree<M, N>(seeds: u64)
where
    M: StateMachine + Default,
    N: StateMachine<Command = M::Command, Query = M::Query> + Default,
{
    for seed in 0..seeds {
        let mut rng = Rng::new(seed, Stream::Commands);
        let (mut machine, mut model) = (Replica::of::<M>(), Replica::of::<N>());
        let mut sessions: Vec<SessionId> = Vec::new();
        let (mut led_ms, mut sequences) = (0, 0);
        for step in 0..300 {
            let payload = match rng.below(40) {
                0 => command(&Envelope::OpenSession { nonce: rng.next().into() }),
                1 => match sessions.last() {
                    Some(&session) => {
                        let last_active = Index(u64::MAX);
                        command(&Envelope::ExpireSession { session, last_active })
                    }
                    None => command(&Envelope::OpenSession { nonce: 7 }),
                },
                2..6 => {
                    led_ms += rng.log_within(1, 3000);
                    let led = LeaderTime::new(Duration::from_millis(led_ms));
                    Payload::System(System::Time(led))
                }
                _ => {
                    let asked: M::Command = draw(&mut rng).expect("a command");
                    let bytes = client::sessionless::<M>(MachineId::FIRST, &asked);
                    match rng.below(10) {
                        0 => Payload::Command(bytes),
                        _ if sessions.is_empty() => Payload::Command(bytes),
                        _ => {
                            sequences += 1;
                            let session = rng.pick(&sessions);
                            in_session(session, sequences, &bytes)
                        }
                    }
                }
            };
            let outcome = machine.append(payload.clone());
            assert_eq!(
                Outcome::decode(&outcome),
                Outcome::decode(&model.append(payload.clone())),
                "seed {seed}, step {step}: {payload:?}"
            );
            match Outcome::decode(&outcome) {
                Ok(Outcome::Opened { session, .. }) => sessions.push(session),
                Ok(Outcome::Rejected(_)) => sessions.clear(),
                Ok(Outcome::Done) => drop(sessions.pop()),
                _ => {}
            }
            let query: M::Query = draw(&mut rng).expect("a query");
            let query = client::query::<M>(MachineId::FIRST, &query);
            assert_eq!(
                machine.applier.query(&query),
                model.applier.query(&query),
                "seed {seed}, step {step}, after {payload:?}"
            );
            if rng.chance(30) {
                machine.through_a_snapshot();
            }
        }
        assert_eq!(machine.events(), model.events(), "seed {seed}");
        assert_eq!(machine.applier.timers(), model.applier.timers(), "seed {seed}");
    }
}

fn command(envelope: &Envelope<'_>) -> Payload {
    Payload::Command(envelope.encode())
}

/// The same command, in a session.
fn in_session(session: SessionId, sequence: u64, sessionless: &Bytes) -> Payload {
    let Ok(Envelope::Sessionless { machine, command }) = Envelope::decode(sessionless) else {
        unreachable!("it was made so")
    };
    let sequence = quorate_sm::Sequence(sequence);
    let stamp = quorate_sm::Stamp {
        session,
        sequence,
        acknowledged_below: sequence,
        order: quorate_sm::Order::Any,
    };
    Payload::Command(Envelope::Apply { stamp, machine, command }.encode())
}
