//! What happens to a server of a row.

use quorate_core::{Index, NodeId};
use serde_json::{Map, Value};

use super::change::Change;
use super::json::{Run, node, number, odd, text, unfit};
use super::message::Letter;

#[derive(Clone, Debug)]
pub(crate) enum Happening {
    Receive(Letter),
    Campaign,
    Tick(u64),
    Beat,
    Propose(u64),
    ProposeBytes(usize),
    Read(String),
    Transfer(NodeId),
    Unreachable(NodeId),
    /// The log forgets what is before; a snapshot covers it.
    Compact(Index),
    /// A change of the membership is asked for.
    Order(Vec<Change>),
    /// One is made.
    TakeEffect(Vec<Change>),
    Nothing,
}

impl Happening {
    /// Reads an event, which has one key.
    pub(crate) fn read(value: &Value) -> Run<Self> {
        let Some(map) = value.as_object() else { return odd("an event", value) };
        Self::read_map(map)
    }

    pub(crate) fn read_map(map: &Map<String, Value>) -> Run<Self> {
        let mut keys = map.iter();
        let (Some((key, value)), None) = (keys.next(), keys.next()) else {
            return unfit("event", format!("{:?}", map.keys().collect::<Vec<_>>()));
        };
        Ok(match key.as_str() {
            "recv" => Self::Receive(Letter::read(value)?),
            "campaign" => Self::Campaign,
            "tick" => Self::Tick(number(value)?),
            "beat" => Self::Beat,
            "propose" => Self::Propose(number(value)?),
            "propose_bytes" => {
                let bytes = usize::try_from(number(value)?).ok().filter(|&it| it < 1 << 24);
                Self::ProposeBytes(bytes.map_or_else(|| odd("a length", value), Ok)?)
            }
            "read_index" => Self::Read(text(value)?.to_owned()),
            "transfer" => Self::Transfer(node(value)?),
            "unreachable" => Self::Unreachable(node(value)?),
            "propose_conf" => Self::Order(Change::read_order(value)?),
            "apply_conf" => Self::TakeEffect(Change::read_order(value)?),
            "compact" => Self::Compact(Index(number(value)?)),
            "note" => Self::Nothing,
            other => return unfit("event", other),
        })
    }
}
