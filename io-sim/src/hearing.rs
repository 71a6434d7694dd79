//! What servers are heard to say and to do, the same on every engine.

use std::collections::BTreeMap;

use bytes::BytesMut;
use quorate_core::node::Input;
use quorate_core::wal::WalError;
use quorate_core::wire::{Decoder, Frame, MAGIC, Service};
use quorate_core::{Entry, Index, Message};

use crate::judge::{Answers, Checked, Point, Reached, Sight, stays_failed};

/// Takes the whole frames off what is sent on one connection, and the greeting before them.
///
/// # Panics
/// If they are no frames: nothing is lost or altered between who sends them and here.
pub fn frames(bytes: &mut BytesMut) -> Vec<Frame> {
    if bytes.starts_with(&MAGIC) {
        drop(bytes.split_to(MAGIC.len()));
    } else if MAGIC.starts_with(bytes) {
        return Vec::new();
    }
    let decoder = Decoder::new(u32::MAX);
    let mut frames = Vec::new();
    while let Some(frame) = decoder.decode(bytes).expect("what is sent is frames") {
        frames.push(frame);
    }
    frames
}

/// The message of consensus in a frame, if it is one.
///
/// # Panics
/// If it makes no sense.
pub fn message(frame: &Frame) -> Option<Message> {
    let is_ours = frame.service == Service::Raft;
    is_ours.then(|| Message::decode(frame).expect("a server speaks sense"))
}

/// What came of the orders that servers give to their lanes, and what clients were answered.
#[derive(Default)]
pub struct Hearing {
    answers: Answers,
    sights: BTreeMap<u16, Sight>,
}

impl Hearing {
    /// A server takes these entries for committed, and orders that they be applied.
    pub fn commit(&mut self, entries: &[Entry]) {
        self.answers.commit(entries);
    }

    /// A client sends a command for its call of this number.
    pub fn sends(&mut self, client: u16, call: u64, command: &[u8]) {
        self.answers.sends(client, call, command);
    }

    /// Another client comes in the place of one: it has seen nothing yet.
    pub fn renew(&mut self, client: u16) {
        self.sights.remove(&client);
    }

    /// A client asks, and the answer must reflect so much.
    pub fn asks(&mut self, client: u16, least: Index) {
        self.sights.entry(client).or_default().ask(least);
    }

    /// A client is answered as of this index, by a server that may be behind the one before.
    ///
    /// # Errors
    /// If it is less than [it must be](Self::asks).
    pub fn reflects(&mut self, client: u16, index: Index) -> Checked {
        self.sights.entry(client).or_default().reflects(index)
    }

    /// A client is answered as of this index.
    ///
    /// # Errors
    /// If it is less than [it must be](Self::asks), or it has seen more before (H3).
    pub fn see(&mut self, client: u16, index: Index) -> Checked {
        self.sights.entry(client).or_default().see(index)
    }

    /// A lane of a process tells this. `has_failed`: has its disk, so far?
    ///
    /// # Errors
    /// If something is durable on a disk that has failed, or an entry has two answers.
    pub fn take_in(
        &mut self,
        done: &[Input],
        has_failed: &mut bool,
        reached: &mut Reached,
    ) -> Checked {
        *has_failed = stays_failed(*has_failed, done)?;
        for input in done {
            if let Input::LogRead(_, Err(WalError::Damaged(_))) = input {
                reached.note(Point::DecayReadBack);
            }
            let Input::Applied(_, answers) = input else { continue };
            for (at, answer) in answers {
                let point = self.answers.answer(*at, answer)?;
                point.into_iter().for_each(|point| reached.note(point));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::{GroupId, NodeId, RequestVoteReply, Rpc, Term};

    use super::*;

    #[test]
    fn words_are_heard_once_they_are_whole_and_the_greeting_is_none() {
        let [from, to] = [1, 2].map(|number| NodeId::new(number).expect("not zero"));
        let rpc = Rpc::RequestVoteReply(RequestVoteReply { granted: true });
        let said = Message { from, to, term: Term(7), rpc };
        let mut stream = BytesMut::from(&MAGIC[..]);
        said.encode(GroupId(1), &mut stream);
        said.encode(GroupId(1), &mut stream);
        let (mut heard, mut bytes) = (Vec::new(), BytesMut::new());
        for byte in stream {
            bytes.extend_from_slice(&[byte]);
            heard.extend(frames(&mut bytes).iter().filter_map(message));
        }
        assert_eq!(heard, [said.clone(), said]);
    }
}
