//! A workload as a world sees it: bytes.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::wire::Consistency;
use quorate_sm::courier::{Answered, Ask, CallError};
use quorate_sm::{Applier, MachineId, SessionLimits, StateMachine, Watch, Watched, client};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::observed::{Complaint, Observed};
use super::{Broken, End, Judgement, Request, Workload};
use crate::history::{History, Operation};
use crate::judge::{Checked, Point, Told, Violation};
use crate::rng::Rng;

/// A workload of any kind.
pub trait Subject {
    /// A replica that has applied nothing yet. `is_brief`: may its commands be done at once?
    fn applier(&self, is_brief: bool) -> Applier;

    /// What a client does next.
    fn ask(&mut self, client: u16, rng: &mut Rng) -> Ask;

    /// What became of it. Says what came to pass, if it is something special.
    ///
    /// # Errors
    /// If it cannot be true.
    fn ended(&mut self, client: u16, answer: Result<Answered, CallError>)
    -> Checked<Option<Point>>;

    /// A client was ended and started anew.
    fn renewed(&mut self, client: u16);

    /// Has a replica been in a state in which it must not be?
    ///
    /// # Errors
    /// If so, the first of them.
    fn holds(&self) -> Checked;

    /// The last operation of a client, if the workload keeps a history.
    fn operation(&self, client: u16) -> Option<&Operation>;

    /// A request, for people.
    fn ask_in_words(&self, ask: &Ask) -> String;

    /// What came of it, for people.
    fn answer_in_words(&self, ask: &Ask, answered: &Answered) -> String;

    /// What clients were answered.
    fn told(&self) -> &Told;

    /// What the clients have done so far, if that is recorded.
    fn history(&self) -> Option<&History>;

    /// Judges the whole; `replica` has applied everything.
    ///
    /// # Errors
    /// If what the clients saw cannot be.
    fn judge(&mut self, replica: &Applier) -> Checked<Judgement>;
}

/// May the answer come from a server that is behind what the client was answered before?
pub fn may_go_back(ask: &Ask) -> bool {
    let is_old = |consistency: &Consistency| {
        matches!(consistency, Consistency::Stale | Consistency::Bounded { .. })
    };
    match ask {
        Ask::Query(consistency, _) => is_old(consistency),
        ask => matches!(ask, Ask::Watch { .. }),
    }
}

/// A workload, its types known.
pub struct Typed<W> {
    workload: W,
    complaint: Complaint,
    /// Who waits for the answer to a command, a query or a watch.
    waits: BTreeMap<u16, Kind>,
    /// How many watches there were.
    watches: u64,
    told: Told,
}

#[derive(Clone)]
enum Kind {
    Command,
    /// As it was sent.
    Query(Bytes),
    Watch,
}

impl<W: Workload> Typed<W> {
    /// The workload, before anything has happened.
    pub fn new(workload: W) -> Self {
        Self {
            workload,
            complaint: Complaint::default(),
            waits: BTreeMap::new(),
            watches: 0,
            told: Told::default(),
        }
    }
}

impl<W: Workload + 'static> Subject for Typed<W> {
    fn applier(&self, is_brief: bool) -> Applier {
        let (machine, complaint) = (self.workload.machine(), self.complaint.clone());
        let machine = Observed::<W>::new(machine, complaint, is_brief);
        Applier::new(machine, SessionLimits::default())
    }

    fn ask(&mut self, client: u16, rng: &mut Rng) -> Ask {
        let (kind, ask) = match self.workload.ask(client, rng) {
            Request::Command(command) => {
                let bytes = postcard::to_allocvec(&command).expect("a command can be encoded");
                (Kind::Command, Ask::Command(MachineId::FIRST, bytes.into()))
            }
            Request::Query(query, consistency) => {
                let bytes = client::query::<W::Machine>(MachineId::FIRST, &query);
                (Kind::Query(bytes.clone()), Ask::Query(consistency, bytes))
            }
            Request::Sequential(query) => {
                let bytes = client::query::<W::Machine>(MachineId::FIRST, &query);
                (Kind::Query(bytes.clone()), Ask::Sequential(bytes))
            }
            Request::Watch { filter, since, until } => {
                let watch = Watch { machine: MachineId::FIRST, filter, since, until: Some(until) };
                self.watches += 1;
                let (name, watch) = (self.watches, client::watch(&watch));
                (Kind::Watch, Ask::Watch { name, watch })
            }
        };
        self.waits.insert(client, kind);
        ask
    }

    fn renewed(&mut self, client: u16) {
        self.workload.renewed(client);
    }

    fn ended(
        &mut self,
        client: u16,
        answer: Result<Answered, CallError>,
    ) -> Checked<Option<Point>> {
        let kind = self.waits.remove(&client).expect("a client that waits");
        let (end, point) = match (answer, kind) {
            (Ok(answered), Kind::Command) => {
                let end = End::Answered(read(&answered.answer));
                self.told.command(answered.index, answered.answer);
                (end, None)
            }
            (Ok(answered), Kind::Query(query)) => {
                self.told.query(answered.index, query, answered.answer.clone());
                (End::Looked(read(&answered.answer)), Some(Point::ReadConfirmed))
            }
            (Ok(answered), Kind::Watch) => {
                let watched = client::watched(&answered.answer).expect("an answer to a watch");
                (End::Watched(watched), None)
            }
            (Err(CallError::NotApplied(_)), Kind::Command | Kind::Watch) => (End::NotApplied, None),
            (Err(CallError::NotApplied(_)), Kind::Query(_)) => {
                (End::NotApplied, Some(Point::ReadRefused))
            }
            (Err(CallError::Unknown(_)), _) => (End::Unknown, Some(Point::OutcomeUnknown)),
        };
        self.workload.ended(client, end)?;
        Ok(point)
    }

    fn holds(&self) -> Checked {
        self.complaint.get().map_or(Ok(()), |broken| Err(broken.into()))
    }

    fn operation(&self, client: u16) -> Option<&Operation> {
        self.workload.operation(client)
    }

    fn ask_in_words(&self, ask: &Ask) -> String {
        match ask {
            Ask::Command(_, command) => words::<<W::Machine as StateMachine>::Command>(command),
            Ask::Query(_, query) | Ask::Sequential(query) => {
                format!("query of {} bytes", query.len())
            }
            Ask::Watch { .. } => "what has happened?".to_owned(),
            ask => format!("{ask:?}"),
        }
    }

    fn answer_in_words(&self, ask: &Ask, answered: &Answered) -> String {
        let answer = &answered.answer;
        match ask {
            Ask::Query(..) | Ask::Sequential(_) => {
                words::<<W::Machine as StateMachine>::QueryAnswer>(answer)
            }
            Ask::Watch { .. } => match client::watched(answer) {
                Ok(Watched::Events { events, .. }) => format!("{} events", events.len()),
                Ok(Watched::Gap(gap)) => gap.to_string(),
                Err(why) => why.to_string(),
            },
            _ => words::<<W::Machine as StateMachine>::Answer>(answer),
        }
    }

    fn told(&self) -> &Told {
        &self.told
    }

    fn history(&self) -> Option<&History> {
        self.workload.history()
    }

    fn judge(&mut self, replica: &Applier) -> Checked<Judgement> {
        let look = |query: &_| {
            let query = client::query::<W::Machine>(MachineId::FIRST, query);
            let answer = client::query_answer::<W::Machine>(&replica.query(&query));
            answer.expect("the machine answers its own queries")
        };
        Ok(self.workload.judge(&look)?)
    }
}

impl From<Broken> for Violation {
    fn from(Broken { property, evidence }: Broken) -> Self {
        Self { property, evidence }
    }
}

impl From<Violation> for Broken {
    fn from(Violation { property, evidence }: Violation) -> Self {
        Self { property, evidence }
    }
}

/// Something in the encoding of the machine, for people: one line, and not a long one.
fn words<T: Serialize + DeserializeOwned>(bytes: &[u8]) -> String {
    const CHARS_MAX: usize = 120;
    let known: Option<T> = postcard::from_bytes(bytes).ok();
    let text = known.and_then(|known| serde_json::to_string(&known).ok());
    let text = text.unwrap_or_else(|| format!("{} bytes", bytes.len()));
    text.chars().take(CHARS_MAX).collect()
}

fn read<T: DeserializeOwned>(answer: &Bytes) -> T {
    postcard::from_bytes(answer).expect("an answer of the machine")
}
