//! From a history to a verdict: part by part.

use std::collections::BTreeMap;

use super::budget::{Budget, Meter, Undecided};
use super::model::{Model, Timed};
use super::models::{
    Asked, Counter, Kv, KvAppend, Log, MultiRegister, Mutex, Queue, Register, Set, Vocabulary,
};
use super::outlook::Outlook;
use super::plan::Plan;
use super::search::{Found, Furthest, search};
use super::states::States;
use crate::history::{History, HistoryError, ModelName, Operation, Outcome};

/// The outcome of a check.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Check {
    /// What was found.
    pub verdict: Verdict,
    /// Operations that were looked at: those that may have happened.
    pub operations: usize,
    /// Parts that were looked at: keys, for models that have them.
    pub parts: usize,
    /// Steps that the search took.
    pub steps: u64,
}

/// What a check found. Operations are named by their index in the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Each part has an order that explains it.
    Linearizable(Vec<Order>),
    /// A part has none.
    Violation(Violation),
    /// The budget ran out first, and no other part is in violation.
    Undecided(Undecided),
}

/// An order that explains a part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// An operation of the part, to tell which one it is.
    pub part_of: usize,
    /// All that answered, and some that did not.
    pub operations: Vec<usize>,
}

/// A part that no order explains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The part's operations, in the order of their invocations.
    pub operations: Vec<usize>,
    /// The operation whose answer no order gets past.
    pub culprit: usize,
    /// The order that got furthest of those that were tried.
    pub prefix: Vec<usize>,
    /// What was open after `prefix` and had no place there although it answered, in the order of
    /// the answers.
    pub unplaced: Vec<usize>,
}

/// Checks a history against its model, part by part, until one is in violation.
///
/// # Errors
/// When an operation or the initial value is not one of the model.
///
/// # Panics
/// When an operation ends before it is invoked, which no history does that was read or recorded.
pub fn check(history: &History, budget: Budget<'_>) -> Result<Check, HistoryError> {
    let check = match history.model {
        ModelName::CasRegister => check_as::<Register>,
        ModelName::Kv => check_as::<Kv>,
        ModelName::KvAppend => check_as::<KvAppend>,
        ModelName::MultiRegister => check_as::<MultiRegister>,
        ModelName::Mutex => check_as::<Mutex>,
        ModelName::Queue => check_as::<Queue>,
        ModelName::Log => check_as::<Log>,
        ModelName::Counter => check_as::<Counter>,
        ModelName::Set => check_as::<Set>,
    };
    check(history, budget)
}

/// Checks operations against any model, part by part, until one is in violation.
///
/// # Panics
/// When an operation returns before it is invoked.
pub fn check_model<M: Model>(model: &M, operations: &[Timed<M::Op>], budget: Budget<'_>) -> Check {
    let mut budget = budget;
    let mut parts: BTreeMap<M::Part, Vec<usize>> = BTreeMap::new();
    for (index, timed) in operations.iter().enumerate() {
        parts.entry(model.part(&timed.op)).or_default().push(index);
    }
    let (mut orders, mut undecided, mut steps) = (Vec::new(), None, 0);
    let found =
        |verdict, steps| Check { verdict, operations: operations.len(), parts: parts.len(), steps };
    for part in parts.values() {
        let (verdict, taken) = check_part(model, operations, part, &mut budget);
        steps += taken;
        match verdict {
            Verdict::Linearizable(mut order) => orders.append(&mut order),
            Verdict::Violation(_) | Verdict::Undecided(Undecided::Stopped) => {
                return found(verdict, steps);
            }
            // Another part may still be in violation.
            Verdict::Undecided(why) => undecided = undecided.or(Some(why)),
        }
    }
    found(undecided.map_or(Verdict::Linearizable(orders), Verdict::Undecided), steps)
}

/// The verdict on one part, and the steps that it took.
fn check_part<M: Model>(
    model: &M,
    operations: &[Timed<M::Op>],
    part: &[usize],
    budget: &mut Budget<'_>,
) -> (Verdict, u64) {
    let timed = || part.iter().map(|&index| (index, &operations[index]));
    let mut states = States::new(model, timed().map(|(_, timed)| &timed.op));
    let plan = Plan::new(model, &mut states, timed());
    let outlook = Outlook::new(model, &plan, &mut states);
    let init = states.number(model.init());
    let (found, steps) = search(&plan, init, states, Some(&outlook), Meter::new(budget));
    let verdict = match found {
        Found::Order(operations) => {
            Verdict::Linearizable(vec![Order { part_of: part[0], operations }])
        }
        Found::Undecided(why, _) => Verdict::Undecided(why),
        Found::Nothing(furthest) => {
            let mut operations_of = part.to_vec();
            operations_of.sort_by_key(|&index| operations[index].invoked);
            let Furthest { prefix, unplaced, culprit } = picture(model, &plan, furthest, budget);
            Verdict::Violation(Violation { operations: operations_of, culprit, prefix, unplaced })
        }
    };
    (verdict, steps)
}

/// A search that looks ahead turns back early. One that does not gets further, if there is time.
fn picture<M: Model>(
    model: &M,
    plan: &Plan<'_, M::Op>,
    furthest: Furthest,
    budget: &mut Budget<'_>,
) -> Furthest {
    let mut states = States::new(model, plan.ops());
    let init = states.number(model.init());
    match search(plan, init, states, None, Meter::for_picture(budget)).0 {
        Found::Nothing(further) => further,
        Found::Undecided(_, further) => Furthest { culprit: furthest.culprit, ..further },
        Found::Order(_) => panic!("whoever looks ahead finds what there is"),
    }
}

fn check_as<M: Vocabulary>(history: &History, budget: Budget<'_>) -> Result<Check, HistoryError> {
    let init = HistoryError::Init { model: history.model };
    let mut model = M::from_init(&history.init).ok_or(init)?;
    let mut indices = Vec::new();
    let mut operations = Vec::new();
    for (index, operation) in history.operations.iter().enumerate() {
        if let Some(timed) = read(&mut model, history.model, operation)? {
            indices.push(index);
            operations.push(timed);
        }
    }
    model.settle(&operations);
    let mut check = check_model(&model, &operations, budget);
    check.verdict.rename(|index| indices[index]);
    Ok(check)
}

fn read<M: Vocabulary>(
    model: &mut M,
    name: ModelName,
    operation: &Operation,
) -> Result<Option<Timed<M::Op>>, HistoryError> {
    let Some(asked) = Asked::new(operation) else { return Ok(None) };
    let returned = match operation.outcome {
        Outcome::Ok { at, .. } => Some(at),
        Outcome::Failed { .. } | Outcome::Unknown { .. } => None,
    };
    match model.read(&asked) {
        Ok(op) => Ok(op.map(|op| Timed { op, invoked: operation.invoked, returned })),
        Err(what) => Err(HistoryError::Operation {
            line: returned.unwrap_or(operation.invoked) + 1,
            model: name,
            function: operation.call.function.clone(),
            what,
        }),
    }
}

impl Verdict {
    /// Gives each operation another index.
    fn rename(&mut self, to: impl Fn(usize) -> usize) {
        let rename = |indices: &mut Vec<usize>| indices.iter_mut().for_each(|at| *at = to(*at));
        match self {
            Self::Linearizable(orders) => {
                for order in orders {
                    order.part_of = to(order.part_of);
                    rename(&mut order.operations);
                }
            }
            Self::Violation(Violation { operations, culprit, prefix, unplaced }) => {
                *culprit = to(*culprit);
                [operations, prefix, unplaced].into_iter().for_each(rename);
            }
            Self::Undecided(_) => {}
        }
    }
}
