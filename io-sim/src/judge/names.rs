//! H8: an answer finds the request that it is for, also after a restart of whoever asked.

use std::collections::BTreeMap;

use quorate_core::NodeId;
use quorate_core::wire::{Forward, Forwarded, Frame, PeerMessage, Service};

use super::violation::{Checked, Property, hold};

/// The names of requests that servers have passed on, and that nobody has answered: whoever is asked
/// may yet do so, whatever has become of the asker.
#[derive(Default)]
pub(crate) struct Names {
    unanswered: BTreeMap<u64, NodeId>,
}

impl Names {
    /// A server says something to another.
    pub(crate) fn hear(&mut self, says: NodeId, frame: &Frame) -> Checked {
        if frame.service != Service::Peer {
            return Ok(());
        }
        match PeerMessage::decode(frame) {
            Ok(PeerMessage::Forward(Forward { id, .. })) => {
                let before = self.unanswered.insert(id, says);
                hold(before != Some(says), Property::OneTrueAnswer, || {
                    format!("{says:?} asks under the name {id:x}, and has asked so before")
                })
            }
            Ok(PeerMessage::Forwarded(Forwarded { id, .. })) => {
                self.unanswered.remove(&id);
                Ok(())
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use quorate_core::wire::{Decoder, ForwardBody, ForwardOutcome};
    use quorate_core::{GroupId, Index};

    use super::*;

    fn frame(message: &PeerMessage) -> Frame {
        let mut bytes = BytesMut::new();
        message.encode(GroupId(1), &mut bytes);
        Decoder::new(u32::MAX).decode(&mut bytes).expect("a frame").expect("the whole of it")
    }

    fn asks(id: u64) -> Frame {
        frame(&PeerMessage::Forward(Forward { id, hops: 0, body: ForwardBody::ReadIndex }))
    }

    fn answers(id: u64) -> Frame {
        let outcome = ForwardOutcome::ReadIndex { index: Index(1) };
        frame(&PeerMessage::Forwarded(Forwarded { id, outcome }))
    }

    #[test]
    fn a_name_whose_answer_may_yet_come_is_not_given_again() {
        let [one, two] = [1, 2].map(|id| NodeId::new(id).expect("not zero"));
        let mut names = Names::default();
        for (says, frame) in [(one, asks(7)), (one, asks(8)), (two, answers(8)), (one, asks(8))] {
            assert_eq!(names.hear(says, &frame), Ok(()), "{frame:?}");
        }
        let again = names.hear(one, &asks(7)).expect_err("its answer finds another request");
        assert_eq!(again.property, Property::OneTrueAnswer);
    }
}
