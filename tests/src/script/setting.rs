//! What can be set before a script begins: `with pre_vote=off inflight_messages_max=2`.

use quorate_core::Config;

use super::parse::{Parsed, duration, meant};

/// One setting of all servers, as it was read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setting {
    name: String,
    value: String,
}

const NAMES: [&str; 15] = [
    "election_timeout",
    "election_jitter",
    "heartbeat_interval",
    "disk_timeout",
    "pre_vote",
    "check_quorum",
    "command_bytes_max",
    "message_bytes_max",
    "inflight_messages_max",
    "inflight_bytes_max",
    "uncommitted_bytes_max",
    "cached_bytes_max",
    "retained_entries_max",
    "reads_pending_max",
    "seed",
];

impl Setting {
    pub(super) fn parse(word: &str) -> Parsed<Self> {
        let (name, value) = word.split_once('=').ok_or("a setting is name=value")?;
        if !NAMES.contains(&name) {
            return Err(format!("there is no setting {name}{}", meant(name, &NAMES)));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }

    pub(super) fn apply(&self, config: &mut Config) -> Parsed {
        let Self { name, value } = self;
        let number = || value.parse().map_err(|_| format!("{value} is no number"));
        let is_on = || match value.as_str() {
            "on" => Ok(true),
            "off" => Ok(false),
            _ => Err(format!("{value} is neither on nor off")),
        };
        let small = || value.parse().map_err(|_| format!("{value} is no small number"));
        match name.as_str() {
            "election_timeout" => config.election_timeout = duration(value)?,
            "election_jitter" => config.election_jitter = duration(value)?,
            "heartbeat_interval" => config.heartbeat_interval = duration(value)?,
            "disk_timeout" => config.disk_timeout = duration(value)?,
            "pre_vote" => config.pre_vote = is_on()?,
            "check_quorum" => config.check_quorum = is_on()?,
            "command_bytes_max" => config.command_bytes_max = number()?,
            "message_bytes_max" => config.message_bytes_max = number()?,
            "inflight_messages_max" => config.inflight_messages_max = small()?,
            "inflight_bytes_max" => config.inflight_bytes_max = number()?,
            "uncommitted_bytes_max" => config.uncommitted_bytes_max = number()?,
            "cached_bytes_max" => config.cached_bytes_max = number()?,
            "retained_entries_max" => config.retained_entries_max = number()?,
            "reads_pending_max" => config.reads_pending_max = small()?,
            "seed" => config.seed = number()?,
            _ => unreachable!("names are checked when they are read"),
        }
        config.check().map_err(|error| error.to_string())
    }
}
