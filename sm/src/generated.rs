//! What the code that `#[machine]` and `#[service]` write is made of. No part of the interface: it may change with any
//! version.

pub use alloc::boxed::Box;
pub use alloc::sync::Arc;
use alloc::vec::Vec;
pub use core::pin::Pin;

pub use bytes::Bytes;
pub use quorate_core::wire::FunctionId;
pub use serde;
pub use serde::de::DeserializeOwned;
pub use serde::{Deserialize, Serialize};

use crate::caller::{Caller, Level, Seen};
use crate::codec;
use crate::courier::{CallError, Doubt, Reason};
use crate::envelope::MachineId;
use crate::service::Carrier;

pub const BAD_ANSWER: CallError = CallError::Unknown(Doubt::BadAnswer);
pub const BAD_LOOK: CallError = CallError::NotApplied(Reason::BadAnswer);

pub fn encode<T: Serialize + ?Sized>(value: &T) -> Bytes {
    let mut bytes = Vec::new();
    codec::encode(value, &mut bytes);
    bytes.into()
}

pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    codec::decode(bytes)
}

pub async fn command<C: Caller, T: Serialize + Sync, A: DeserializeOwned>(
    caller: &C,
    machine: MachineId,
    command: &T,
) -> Result<A, CallError> {
    let answered = caller.command(machine, encode(command)).await?;
    codec::decode(&answered.answer).ok_or(BAD_ANSWER)
}

pub async fn query<C: Caller, T: Serialize + Sync, A: DeserializeOwned>(
    caller: &C,
    machine: MachineId,
    level: Level,
    query: &T,
) -> Result<Seen<A>, CallError> {
    let answered = caller.query(machine, level, encode(query)).await?;
    let value = codec::decode(&answered.answer).ok_or(BAD_LOOK)?;
    Ok(Seen { value, index: answered.index, age: answered.age })
}

pub async fn carry<A: DeserializeOwned>(
    carrier: &dyn Carrier,
    function: FunctionId,
    arguments: Bytes,
) -> Result<A, CallError> {
    let answer = carrier.carry(function, arguments).await?;
    codec::decode(&answer).ok_or(BAD_ANSWER)
}
