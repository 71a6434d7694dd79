//! H7: a request that a server calls not applied never takes effect. Whoever asks and whoever answers
//! is overheard, between clients and servers and where servers pass requests on.

use std::collections::BTreeMap;

use quorate_core::wire::{
    ClientMessage, Forward, ForwardBody, ForwardOutcome, Forwarded, Frame, Outcome, PeerMessage,
    Request, RequestBody, Response, Service,
};
use quorate_core::{Entry, NodeId};

use super::answers::{Command, command_in, stamp};
use super::futures::Place;
use crate::net::ConnId;

/// All requests that carry a command of a session.
#[derive(Default)]
pub(crate) struct Requests {
    /// Those without an outcome.
    waiting: BTreeMap<Name, Command>,
    sent: BTreeMap<Command, Sent>,
    /// Where a command stands in some log.
    places: BTreeMap<Command, Vec<Place>>,
}

/// How a request is known to whoever asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Name {
    /// On a client's connection.
    OfClient(ConnId, u64),
    /// Between servers: drawn so that no two are alike.
    OfServer(u64),
}

/// How often a command was sent.
#[derive(Clone, Copy, Default)]
struct Sent {
    by_clients: u32,
    by_servers: u32,
}

impl Requests {
    /// Somebody says something on a connection. Returns all places of a command that is said to
    /// have had no effect, if its only copy was meant.
    pub(crate) fn hear(&mut self, connection: ConnId, frame: &Frame) -> Option<&[Place]> {
        match frame.service {
            Service::Client => self.hear_client(connection, ClientMessage::decode(frame).ok()?),
            Service::Peer => self.hear_peer(PeerMessage::decode(frame).ok()?),
            Service::Raft | Service::Handshake => None,
        }
    }

    /// Somebody wrote this entry, which nobody wrote before.
    pub(crate) fn wrote(&mut self, author: NodeId, entry: &Entry) {
        if let Some(command) = stamp(entry) {
            self.places.entry(command).or_default().push(Place { at: entry.id, author });
        }
    }

    fn hear_client(&mut self, connection: ConnId, message: ClientMessage) -> Option<&[Place]> {
        match message {
            ClientMessage::Request(Request { id, body: RequestBody::Propose { command } }) => {
                let command = command_in(&command)?;
                self.sent.entry(command).or_default().by_clients += 1;
                self.waiting.insert(Name::OfClient(connection, id), command);
                None
            }
            ClientMessage::Request(_) => None,
            ClientMessage::Response(Response { id, outcome }) => {
                let is_void = matches!(outcome, Outcome::NotApplied(_));
                self.ends(Name::OfClient(connection, id), is_void)
            }
        }
    }

    fn hear_peer(&mut self, message: PeerMessage) -> Option<&[Place]> {
        match message {
            PeerMessage::Forward(Forward {
                id, body: ForwardBody::Propose { command }, ..
            }) => {
                let command = command_in(&command)?;
                self.sent.entry(command).or_default().by_servers += 1;
                self.waiting.insert(Name::OfServer(id), command);
                None
            }
            PeerMessage::Forwarded(Forwarded { id, outcome }) => {
                let is_void = matches!(outcome, ForwardOutcome::NotApplied(_));
                self.ends(Name::OfServer(id), is_void)
            }
            PeerMessage::Forward(_)
            | PeerMessage::KeepAlive
            | PeerMessage::Reachable { .. }
            | PeerMessage::Priority(_)
            | PeerMessage::SnapshotAsk(_)
            | PeerMessage::SnapshotPart(_)
            | PeerMessage::SnapshotNone(_) => None,
        }
    }

    /// Of several copies, one may take effect while another does not.
    fn ends(&mut self, name: Name, is_void: bool) -> Option<&[Place]> {
        let command = self.waiting.remove(&name)?;
        let Sent { by_clients, by_servers } = self.sent.get(&command).copied()?;
        let is_only = by_clients <= 1 && by_servers <= 1;
        self.places.get(&command).filter(|_| is_void && is_only).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use bytes::{Bytes, BytesMut};
    use quorate_core::wire::{Decoder, NotApplied};
    use quorate_core::{GroupId, Index, LogId, Payload, Term};
    use quorate_sm::{Envelope, MachineId, Order, Sequence, SessionId, Stamp};

    use super::*;
    use crate::net::{HostId, Net, NetOptions};

    fn connections() -> [ConnId; 2] {
        let mut net = Net::new(1, 1, 2, NetOptions::default());
        [2, 3].map(|client| net.connect(0, HostId(client), HostId(1)).connection)
    }

    fn bytes() -> Bytes {
        let stamp = Stamp {
            session: SessionId(Index(1)),
            sequence: Sequence(7),
            acknowledged_below: Sequence(0),
            order: Order::Any,
        };
        Envelope::Apply { stamp, machine: MachineId::FIRST, command: b"do" }.encode()
    }

    fn frame(encode: impl FnOnce(&mut BytesMut)) -> Frame {
        let mut bytes = BytesMut::new();
        encode(&mut bytes);
        Decoder::new(u32::MAX).decode(&mut bytes).expect("a frame").expect("the whole of it")
    }

    fn request(id: u64) -> Frame {
        let body = RequestBody::Propose { command: bytes() };
        let message = ClientMessage::Request(Request { id, body });
        frame(|out| message.encode(GroupId(1), out))
    }

    fn response(id: u64, outcome: Outcome) -> Frame {
        let message = ClientMessage::Response(Response { id, outcome });
        frame(|out| message.encode(GroupId(1), out))
    }

    fn forward(id: u64) -> Frame {
        let body = ForwardBody::Propose { command: bytes() };
        let message = PeerMessage::Forward(Forward { id, hops: 0, body });
        frame(|out| message.encode(GroupId(1), out))
    }

    fn forwarded(id: u64, outcome: ForwardOutcome) -> Frame {
        let message = PeerMessage::Forwarded(Forwarded { id, outcome });
        frame(|out| message.encode(GroupId(1), out))
    }

    fn place() -> Place {
        let at = LogId { term: Term(2), index: Index(9) };
        Place { at, author: NodeId::new(1).expect("not zero") }
    }

    fn asked(frames: &[Frame]) -> Requests {
        let mut requests = Requests::default();
        for frame in frames {
            assert_eq!(requests.hear(connections()[0], frame), None);
        }
        let Place { at, author } = place();
        requests.wrote(author, &Entry { id: at, payload: Payload::Command(bytes()) });
        requests
    }

    #[test]
    fn what_is_called_void_is_known_by_its_places() {
        let no = || response(4, Outcome::NotApplied(NotApplied::LeadershipLost));
        let [here, there] = connections();
        assert_eq!(asked(&[request(4)]).hear(here, &no()), Some(&[place()][..]));
        assert_eq!(asked(&[request(4)]).hear(there, &no()), None, "somebody else's");
        let no = || forwarded(5, ForwardOutcome::NotApplied(NotApplied::LeadershipLost));
        let asks = [request(4), forward(5)];
        assert_eq!(asked(&asks).hear(there, &no()), Some(&[place()][..]));
    }

    #[test]
    fn another_copy_and_another_outcome_say_nothing() {
        let no = response(4, Outcome::NotApplied(NotApplied::LeadershipLost));
        let [here, _] = connections();
        assert_eq!(asked(&[request(4), request(5)]).hear(here, &no), None);
        let done = Outcome::Done { index: Index(9), answer: Bytes::new() };
        assert_eq!(asked(&[request(4)]).hear(here, &response(4, done)), None);
    }
}
