//! Functions that servers offer beside the log, as messages name them.

use serde::{Deserialize, Serialize};

/// A service: functions that a server's program offers beside the log, under one name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct ServiceId(pub u64);

/// A function of a service: what it is called, what it takes and what it gives.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FunctionId(pub u64);

impl ServiceId {
    /// The service of this name: equal names, equal services.
    ///
    /// ```
    /// use quorate_core::wire::ServiceId;
    /// assert_ne!(ServiceId::named("echo"), ServiceId::named("echoes"));
    /// ```
    pub const fn named(name: &str) -> Self {
        Self(fnv_1a(name))
    }
}

impl FunctionId {
    /// The function that is declared so. Whoever declares it otherwise means another one, so no arguments
    /// are ever read as what they are not.
    ///
    /// ```
    /// use quorate_core::wire::FunctionId;
    /// let old = FunctionId::declared("sum(u32, u32) -> u32");
    /// assert_ne!(old, FunctionId::declared("sum(u64, u64) -> u64"));
    /// ```
    pub const fn declared(signature: &str) -> Self {
        Self(fnv_1a(signature))
    }
}

/// The FNV-1a hash of 64 bits.
const fn fnv_1a(text: &str) -> u64 {
    let (bytes, mut hash, mut at) = (text.as_bytes(), 0xcbf2_9ce4_8422_2325, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::fnv_1a;

    /// The published test vectors.
    #[test]
    fn the_hash_is_that_of_everybody_else() {
        assert_eq!(fnv_1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv_1a("foobar"), 0x8594_4171_f739_67e8);
    }
}
