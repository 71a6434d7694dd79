//! How values stand in texts that people read and write.

/// A duration: `1s 200ms`.
pub(crate) mod span {
    use core::time::Duration;
    use std::borrow::Cow;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*span))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        humantime::parse_duration(&text).map_err(|why| D::Error::custom(format!("{text:?}: {why}")))
    }
}

/// The same, in nanoseconds.
pub(crate) mod nanos {
    use core::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(nanos: &u64, to: S) -> Result<S::Ok, S::Error> {
        super::span::serialize(&Duration::from_nanos(*nanos), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let span = super::span::deserialize(from)?;
        u64::try_from(span.as_nanos()).map_err(|_| D::Error::custom("longer than 584 years"))
    }
}

/// A number, or `"none"`.
pub(crate) mod optional {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged, expecting = "a number or \"none\"")]
    enum Text {
        Some(u64),
        Other(String),
    }

    pub(crate) fn serialize<S: Serializer>(value: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        value.map_or_else(|| Text::Other("none".to_owned()), Text::Some).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        match Text::deserialize(from)? {
            Text::Some(value) => Ok(Some(value)),
            Text::Other(text) if text == "none" => Ok(None),
            Text::Other(text) => Err(D::Error::custom(format!("{text:?}: a number or \"none\""))),
        }
    }
}

/// Milliseconds, or "none".
pub(crate) mod optional_millis {
    use core::num::NonZeroU32;
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use super::optional;

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<NonZeroU32>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        optional::serialize(&value.map(|millis| millis.get().into()), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<NonZeroU32>, D::Error> {
        let Some(millis) = optional::deserialize(from)? else { return Ok(None) };
        let millis = u32::try_from(millis).ok().and_then(NonZeroU32::new);
        millis.map(Some).ok_or_else(|| D::Error::custom("no such number of milliseconds"))
    }
}

/// The drift of clocks that a lease allows, in millionths, or "none".
pub(crate) mod lease {
    use quorate_core::Lease;
    use serde::de::Error as _;
    use serde::{Deserializer, Serializer};

    use super::optional;

    pub(crate) fn serialize<S: Serializer>(
        value: &Option<Lease>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        optional::serialize(&value.map(|lease| lease.drift_ppm.into()), to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Lease>, D::Error> {
        let drift_ppm = optional::deserialize(from)?.map(u32::try_from).transpose();
        let drift_ppm = drift_ppm.map_err(|_| D::Error::custom("a lease of no such drift"))?;
        Ok(drift_ppm.map(|drift_ppm| Lease { drift_ppm }))
    }
}

/// A number of 64 bits; in quotes where TOML, which has 63, cannot hold it.
pub(crate) mod number {
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged, expecting = "a number")]
    enum Text {
        Small(i64),
        Large(String),
    }

    pub(crate) fn serialize<S: Serializer>(value: &u64, to: S) -> Result<S::Ok, S::Error> {
        i64::try_from(*value)
            .map_or_else(|_| Text::Large(value.to_string()), Text::Small)
            .serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        match Text::deserialize(from)? {
            Text::Small(value) => u64::try_from(value).map_err(D::Error::custom),
            Text::Large(text) => text.parse().map_err(D::Error::custom),
        }
    }
}

/// Members: how many voters, or the three lists.
pub(crate) mod members {
    use quorate_core::{Membership, NodeId};
    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged, expecting = "a number of servers, or lists of voters, outgoing and learners")]
    enum Text {
        Count(u16),
        Lists { voters: Vec<NodeId>, outgoing: Vec<NodeId>, learners: Vec<NodeId> },
    }

    fn of_count(count: u16) -> Result<Membership, quorate_core::MembershipError> {
        Membership::of_voters((1..=u64::from(count)).filter_map(NodeId::new))
    }

    pub(crate) fn serialize<S: Serializer>(members: &Membership, to: S) -> Result<S::Ok, S::Error> {
        let count = u16::try_from(members.voters().len()).unwrap_or(u16::MAX);
        let text = if of_count(count).as_ref() == Ok(members) {
            Text::Count(count)
        } else {
            Text::Lists {
                voters: members.voters().to_vec(),
                outgoing: members.outgoing().to_vec(),
                learners: members.learners().to_vec(),
            }
        };
        text.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Membership, D::Error> {
        match Text::deserialize(from)? {
            Text::Count(count) => of_count(count).map_err(D::Error::custom),
            Text::Lists { voters, outgoing, learners } => {
                Membership::new(voters, outgoing, learners).map_err(D::Error::custom)
            }
        }
    }
}
