//! Several values, read and written together.

use serde_json::Value as Json;

use super::super::model::{Effect, Model};
use super::super::value::{Value, Values};
use super::{Asked, UNKNOWN, Vocabulary, WRONG_ARGUMENT};

/// The model `multi-register`; a name that was never written holds null.
pub(crate) struct MultiRegister {
    init: Vec<Value>,
    values: Values,
    registers: Values,
}

/// A transaction: what it does, in order.
pub(crate) type Txn = Vec<Access>;

/// One read or write of one register.
#[derive(PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// Null fits everything.
    Read(usize, Value),
    Write(usize, Value),
}

impl MultiRegister {
    fn register(&mut self, name: &Json) -> usize {
        let name = name.as_str().map_or_else(|| name.to_string(), str::to_owned);
        self.registers.number(name)
    }

    fn txn(&mut self, json: &Json) -> Option<Txn> {
        let accesses = json.as_array()?.iter();
        accesses.map(|access| self.access(access.as_array()?)).collect()
    }

    fn access(&mut self, access: &[Json]) -> Option<Access> {
        let [kind, name, value] = access else { return None };
        let (register, value) = (self.register(name), self.values.value(value));
        match kind.as_str()? {
            "r" => Some(Access::Read(register, value)),
            "w" => Some(Access::Write(register, value)),
            _ => None,
        }
    }
}

impl Model for MultiRegister {
    type State = Vec<Value>;
    type Op = Txn;
    type Part = ();

    fn part(&self, _: &Txn) {}

    fn init(&self) -> Vec<Value> {
        let mut init = self.init.clone();
        init.resize(self.registers.len(), Value::Null);
        init
    }

    fn step(&self, state: &Vec<Value>, txn: &Txn) -> Option<Vec<Value>> {
        let mut after = state.clone();
        for access in txn {
            match *access {
                Access::Read(register, value) => {
                    if value != Value::Null && value != after[register] {
                        return None;
                    }
                }
                Access::Write(register, value) => after[register] = value,
            }
        }
        Some(after)
    }

    fn effect(&self, txn: &Txn) -> Effect<Vec<Value>> {
        let only_reads = txn.iter().all(|access| matches!(access, Access::Read(..)));
        if only_reads { Effect::Observes } else { Effect::Any }
    }

    fn heap_bytes(&self, state: &Vec<Value>) -> usize {
        state.capacity() * size_of::<Value>()
    }
}

impl Vocabulary for MultiRegister {
    fn from_init(init: &Json) -> Option<Self> {
        let mut model =
            Self { init: Vec::new(), values: Values::default(), registers: Values::default() };
        match init {
            Json::Null => {}
            Json::Object(registers) => {
                for (name, value) in registers {
                    let value = model.values.value(value);
                    model.register(&Json::from(name.as_str()));
                    model.init.push(value);
                }
            }
            _ => return None,
        }
        Some(model)
    }

    fn read(&mut self, asked: &Asked<'_>) -> Result<Option<Txn>, &'static str> {
        if asked.function != "txn" {
            return Err(UNKNOWN);
        }
        let mut txn = self.txn(asked.argument()?).ok_or(WRONG_ARGUMENT)?;
        match asked.answered {
            // What it reads, nobody was told.
            None => txn.retain(|access| matches!(access, Access::Write(..))),
            // An answer repeats the transaction, with what was read.
            Some(Some(_)) => txn = asked.answer(|answer| self.txn(answer))?.expect("answered"),
            Some(None) => {}
        }
        Ok(Some(txn))
    }
}
