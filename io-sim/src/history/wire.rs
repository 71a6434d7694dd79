//! The lines of a history file.

use std::io::{self, Write};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::operation::{History, ModelName, Outcome};

/// The only format there is.
pub(super) const FORMAT: &str = "lin-history/1";

/// The first line.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: String,
    pub(super) model: String,
    #[serde(default)]
    pub(super) init: Value,
}

/// Any further line.
#[derive(Serialize, Deserialize)]
pub(super) struct Event {
    pub(super) p: u64,
    pub(super) e: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) f: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) k: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(super) v: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    pub(super) r: Option<Value>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Invoke,
    Ok,
    Fail,
    Info,
}

/// A `null` that is there differs from nothing at all.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl History {
    /// Writes the history as `lin-history/1`, its events in their order.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to(&self, out: &mut impl Write) -> io::Result<()> {
        let header = Header {
            format: FORMAT.to_owned(),
            model: ModelName::as_str(self.model).to_owned(),
            init: self.init.clone(),
        };
        write_line(out, &header)?;
        let mut events = self.events();
        events.sort_by_key(|&(at, _)| at);
        events.iter().try_for_each(|(_, event)| write_line(out, event))
    }

    fn events(&self) -> Vec<(u64, Event)> {
        let mut events = Vec::with_capacity(2 * self.operations.len());
        for operation in &self.operations {
            let event = |e, v, r| Event {
                p: operation.process,
                e,
                f: Some(operation.call.function.clone()),
                k: operation.call.key.clone(),
                v,
                r,
            };
            let invoke = event(Kind::Invoke, operation.call.argument.clone(), None);
            events.push((operation.invoked, invoke));
            match &operation.outcome {
                Outcome::Ok { answer, at } => {
                    events.push((*at, event(Kind::Ok, None, answer.clone())));
                }
                Outcome::Failed { at } => events.push((*at, event(Kind::Fail, None, None))),
                Outcome::Unknown { at: Some(at) } => {
                    events.push((*at, event(Kind::Info, None, None)));
                }
                Outcome::Unknown { at: None } => {}
            }
        }
        events
    }
}

fn write_line(out: &mut impl Write, line: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}
