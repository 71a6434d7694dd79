//! What others say: connections, handshakes, frames.

use alloc::vec::Vec;

use bytes::{Bytes, BytesMut};

use super::connection::{Connection, Purpose};
use super::disks::DiskName;
use super::io::{ConnectionId, Note, Output, Outputs};
use super::link::{Link, LinkId, LinkState};
use super::requests::Origin;
use super::{Node, Phase};
use crate::event::Event;
use crate::message::Message;
use crate::types::{GroupId, NodeId};
use crate::wire::{
    ClientHello, ClientMessage, ClientWelcome, DecodeError, Decoder, Frame, Handshake, Hello,
    JoinedHello, JoinedWelcome, MAGIC, Opening, PeerMessage, Reject, Service, Welcome,
};

/// Why a connection ends.
enum Ending {
    /// What came over it cannot be decoded.
    Undecodable(DecodeError),
    /// What came over it makes no sense.
    Bad,
    /// It is not for us.
    Reject(Reject),
    /// Whom we reached is not whom we looked for, or does not take what we have to say.
    Foreign(Reject),
    /// We are not for them.
    Rejected(NodeId, Reject),
}

impl From<DecodeError> for Ending {
    fn from(why: DecodeError) -> Self {
        Self::Undecodable(why)
    }
}

/// Connections from one peer: its two links, and two that it has replaced and that are not yet known
/// to be dead. The oldest goes when there are more.
const FROM_PEER_MAX: usize = 4;

/// What is shorter is copied out of the buffer that it came in.
const SHARED_BYTES_MIN: usize = 16 << 10;

/// Cuts what will be kept of a frame loose from the buffer that it shares with others, unless it is
/// a good part of it: limits count the bytes of commands, so a small one must not keep a large
/// buffer alive. Buffers may be longer than what came in them, hence the fixed minimum.
fn detach(frame: &mut Frame, buffer_bytes: usize) {
    if frame.payload.len() < SHARED_BYTES_MIN.max(buffer_bytes / 4) {
        frame.payload = Bytes::copy_from_slice(&frame.payload);
    }
}

impl Node {
    pub(super) fn handle_accepted(&mut self, id: ConnectionId, out: &mut Outputs) {
        self.endings.set(id, self.now.after(self.config.handshake_timeout));
        self.connections.insert(id, Connection::new(Purpose::Stranger));
        if self.count(Purpose::Stranger) > self.config.strangers_max
            && let Some(oldest) = self.oldest(Purpose::Stranger)
        {
            self.end(oldest, Ending::Reject(Reject::Busy), out);
        }
    }

    fn count(&self, purpose: Purpose) -> usize {
        self.connections.values().filter(|connection| connection.purpose == purpose).count()
    }

    /// Connections are named in the order in which they came.
    fn oldest(&self, purpose: Purpose) -> Option<ConnectionId> {
        let mut all = self.connections.iter();
        all.find(|entry| entry.1.purpose == purpose).map(|entry| *entry.0)
    }

    pub(super) fn handle_received(&mut self, id: ConnectionId, bytes: BytesMut, out: &mut Outputs) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if matches!(connection.purpose, Purpose::Link(_) | Purpose::Peer(_)) {
            self.endings.put_off(id, self.now.after(self.config.link_timeout));
        }
        if connection.input.is_empty() {
            connection.input = bytes;
        } else {
            connection.input.unsplit(bytes);
        }
        if let Err(ending) = self.decode(id, out) {
            self.end(id, ending, out);
        }
        // Used up, but as long as anything of it is left, the buffer lives.
        if let Some(connection) = self.connections.get_mut(&id)
            && connection.input.is_empty()
        {
            connection.input = BytesMut::new();
        }
    }

    pub(super) fn handle_sent(&mut self, id: ConnectionId, bytes: u64) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.unsent_bytes = connection.unsent_bytes.saturating_sub(bytes);
        }
    }

    pub(super) fn handle_closed(&mut self, id: ConnectionId, out: &mut Outputs) {
        if let Some(connection) = self.connections.remove(&id) {
            return self.forget(id, connection.purpose, out);
        }
        // A connection that could not be made is known to its link only.
        if let Some(link) = self.dialing(id) {
            self.link_went_down(link, out);
        }
    }

    /// Lets go of connections that should have said something by now.
    pub(super) fn end_silent(&mut self, out: &mut Outputs) {
        while let Some(id) = self.endings.over(self.now) {
            out.push(Output::Note(Note::Stuck(id)));
            self.close(id, out);
        }
    }

    /// Ends a connection from this side.
    pub(super) fn close(&mut self, id: ConnectionId, out: &mut Outputs) {
        self.flush_one(id, out);
        if let Some(connection) = self.connections.remove(&id) {
            out.push(Output::Close(id));
            self.forget(id, connection.purpose, out);
        }
    }

    fn forget(&mut self, id: ConnectionId, purpose: Purpose, out: &mut Outputs) {
        self.endings.remove(id);
        self.claims.remove(&id);
        match purpose {
            Purpose::Link(link) => self.link_went_down(link, out),
            Purpose::Peer(peer) => {
                // Its answers may have been on their way.
                self.end_passed_to(peer, out);
                self.is_membership_new = true;
            }
            Purpose::Client => self.forget_client(id, out),
            Purpose::Stranger => {}
        }
    }

    fn end(&mut self, id: ConnectionId, ending: Ending, out: &mut Outputs) {
        match ending {
            Ending::Undecodable(_) | Ending::Bad => out.push(Output::Note(Note::BadBytes(id))),
            Ending::Rejected(by, why) => {
                self.is_told_removed |= why == Reject::Removed;
                out.push(Output::Note(Note::RefusedBy(by, why)));
                if matches!(why, Reject::StaleIncarnation | Reject::StaleBoot) {
                    return self.be_disowned(by, why, out);
                }
            }
            Ending::Foreign(why) => {
                out.push(Output::Note(Note::Refused(id, why)));
                self.say(id, |bytes| Handshake::Reject(why).encode(bytes));
            }
            Ending::Reject(why) => {
                out.push(Output::Note(Note::Refused(id, why)));
                self.say(id, |bytes| {
                    bytes.extend_from_slice(&MAGIC);
                    Handshake::Reject(why).encode(bytes);
                });
            }
        }
        self.close(id, out);
    }

    fn decode(&mut self, id: ConnectionId, out: &mut Outputs) -> Result<(), Ending> {
        let frames = Decoder::new(self.config.frame_bytes_max);
        let buffer_bytes = self.connections.get(&id).map_or(0, |it| it.input.capacity());
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return Ok(()) };
            if !connection.is_ours {
                match Opening::recognise(&connection.input) {
                    None => return Ok(()),
                    Some(Opening::Quorate) => {
                        let _magic = connection.input.split_to(MAGIC.len());
                        connection.is_ours = true;
                    }
                    Some(_) => return Err(Ending::Bad),
                }
            }
            let has_greeted = match connection.purpose {
                Purpose::Stranger => false,
                Purpose::Link(link) => self.links.get(&link).and_then(Link::connection) == Some(id),
                Purpose::Peer(_) | Purpose::Client => true,
            };
            let decoder = if has_greeted { frames } else { Decoder::HANDSHAKE };
            let mut frame = match decoder.decode(&mut connection.input) {
                Ok(Some(frame)) => frame,
                Ok(None) => return Ok(()),
                Err(why) if why.is_ignorable() => continue,
                Err(why) => return Err(why.into()),
            };
            detach(&mut frame, buffer_bytes);
            let purpose = connection.purpose;
            match self.handle_frame(id, purpose, &frame, out) {
                Err(Ending::Undecodable(why)) if why.is_ignorable() => {}
                handled => handled?,
            }
        }
    }

    fn handle_frame(
        &mut self,
        id: ConnectionId,
        purpose: Purpose,
        frame: &Frame,
        out: &mut Outputs,
    ) -> Result<(), Ending> {
        match (purpose, frame.service) {
            (Purpose::Stranger, Service::Handshake) => match Handshake::decode(frame)? {
                Handshake::Hello(hello) => self.welcome_peer(id, &hello, None, out),
                Handshake::JoinedHello(JoinedHello { hello, joined }) => {
                    self.welcome_peer(id, &hello, Some(joined), out)
                }
                Handshake::ClientHello(hello) => self.welcome_client(id, hello),
                _ => Err(Ending::Bad),
            },
            (Purpose::Link(link), Service::Handshake) => match Handshake::decode(frame)? {
                Handshake::Welcome(welcome) => self.handle_welcome(link, id, (&welcome, None), out),
                Handshake::JoinedWelcome(JoinedWelcome { welcome, joined }) => {
                    self.handle_welcome(link, id, (&welcome, Some(joined)), out)
                }
                Handshake::Reject(why) => Err(Ending::Rejected(link.peer, why)),
                _ => Err(Ending::Bad),
            },
            // A link carries what we say; all that comes back is a sign of life.
            (Purpose::Link(_), Service::Peer) => match PeerMessage::decode(frame)? {
                PeerMessage::KeepAlive => Ok(()),
                _ => Err(Ending::Bad),
            },
            (Purpose::Peer(from), Service::Handshake) => match Handshake::decode(frame)? {
                Handshake::Reject(why) => Err(Ending::Rejected(from, why)),
                _ => Err(Ending::Bad),
            },
            (Purpose::Peer(from), Service::Raft) => self.handle_raft(from, frame),
            (Purpose::Peer(from), Service::Peer) => {
                self.handle_peer_message(from, PeerMessage::decode(frame)?, out);
                Ok(())
            }
            (Purpose::Client, Service::Client) => match ClientMessage::decode(frame)? {
                ClientMessage::Request(request) => {
                    let origin = Origin::Client { connection: id, id: request.id };
                    self.serve(origin, request.body, out);
                    Ok(())
                }
                ClientMessage::Response(_) => Err(Ending::Bad),
            },
            _ => Err(Ending::Bad),
        }
    }

    fn handle_raft(&mut self, from: NodeId, frame: &Frame) -> Result<(), Ending> {
        let message = Message::decode(frame)?;
        // Whoever shook hands speaks for itself only.
        if message.from != from || frame.group != self.config.group {
            return Err(Ending::Bad);
        }
        self.events.push(Event::Receive(message));
        Ok(())
    }

    fn welcome_peer(
        &mut self,
        id: ConnectionId,
        hello: &Hello,
        joined: Option<u64>,
        out: &mut Outputs,
    ) -> Result<(), Ending> {
        let Hello { incarnation, boot, .. } = *hello;
        let disk = DiskName { incarnation, joined, boot };
        let wire = self.vet(hello, &disk).map_err(Ending::Reject)?;
        let from = Purpose::Peer(hello.from);
        if self.count(from) >= FROM_PEER_MAX
            && let Some(oldest) = self.oldest(from)
        {
            self.close(oldest, out);
        }
        let welcome = Welcome {
            wire,
            cluster: self.config.cluster,
            from: self.config.raft.id,
            to: hello.from,
            incarnation: self.config.incarnation,
            boot: self.config.boot,
            frame_bytes_max: self.config.frame_bytes_max,
        };
        self.repurpose(id, from);
        self.expect_priority(hello.from, disk);
        // It may be one that is linked to for no other reason.
        self.is_membership_new = true;
        self.claims.insert(id, disk);
        self.make_room(out);
        self.greet(
            id,
            &match self.config.joined {
                None => Handshake::Welcome(welcome),
                Some(joined) => Handshake::JoinedWelcome(JoinedWelcome { welcome, joined }),
            },
        );
        Ok(())
    }

    /// Is this a peer, and does it mean us?
    fn vet(&self, hello: &Hello, disk: &DiskName) -> Result<u16, Reject> {
        let (wire_min, wire_max) = (Handshake::WIRE_MIN, Handshake::WIRE_MAX);
        let wire = Handshake::agreed_wire(hello.wire_min, hello.wire_max)
            .ok_or(Reject::UnsupportedVersion { wire_min, wire_max })?;
        if hello.cluster != self.config.cluster {
            return Err(Reject::WrongCluster);
        }
        if hello.to != self.config.raft.id {
            return Err(Reject::WrongNode);
        }
        self.know_peer(hello.from)?;
        // Unknown until the peer's own address has answered: whoever comes first might lie.
        self.disks.check(hello.from, disk).map(|()| wire)
    }

    fn welcome_client(&mut self, id: ConnectionId, hello: ClientHello) -> Result<(), Ending> {
        let (wire_min, wire_max) = (Handshake::WIRE_MIN, Handshake::WIRE_MAX);
        let Some(wire) = Handshake::agreed_wire(hello.wire_min, hello.wire_max) else {
            return Err(Ending::Reject(Reject::UnsupportedVersion { wire_min, wire_max }));
        };
        if hello.cluster.is_some_and(|cluster| cluster != self.config.cluster) {
            return Err(Ending::Reject(Reject::WrongCluster));
        }
        let is_full = self.count(Purpose::Client) >= self.config.connections_max;
        if is_full || self.phase != Phase::Serving {
            return Err(Ending::Reject(Reject::Busy));
        }
        let welcome = ClientWelcome {
            wire,
            cluster: self.config.cluster,
            from: self.config.raft.id,
            frame_bytes_max: self.config.frame_bytes_max,
        };
        self.repurpose(id, Purpose::Client);
        self.greet(id, &Handshake::ClientWelcome(welcome));
        Ok(())
    }

    fn handle_welcome(
        &mut self,
        link: LinkId,
        id: ConnectionId,
        (welcome, joined): (&Welcome, Option<u64>),
        out: &mut Outputs,
    ) -> Result<(), Ending> {
        let state = self.links.get(&link).map(|link| link.state);
        let peer = link.peer;
        let is_expected = matches!(state, Some(LinkState::Greeting { connection, .. }) if connection == id)
            && welcome.cluster == self.config.cluster
            && welcome.from == peer
            && welcome.to == self.config.raft.id;
        if !is_expected {
            return Err(Ending::Bad);
        }
        let Welcome { incarnation, boot, .. } = *welcome;
        let disk = DiskName { incarnation, joined, boot };
        self.disks.learn(peer, disk).map_err(Ending::Foreign)?;
        self.end_false_claims(peer, out);
        let (bytes_max, needed) = (welcome.frame_bytes_max, self.config.frame_bytes_needed());
        if u64::from(bytes_max) < needed {
            return Err(Ending::Foreign(Reject::FrameTooSmall { bytes_max, needed }));
        }
        self.link_came_up(link, id, bytes_max, out);
        Ok(())
    }

    /// Ends a link of ours that cannot carry what we have to say.
    pub(super) fn refuse_link(&mut self, id: ConnectionId, why: Reject, out: &mut Outputs) {
        self.end(id, Ending::Foreign(why), out);
    }

    /// Lets go of those who came in the name of a peer, and of another disk than the peer has.
    fn end_false_claims(&mut self, peer: NodeId, out: &mut Outputs) {
        let connections = &self.connections;
        let is_false = |entry: &(&ConnectionId, &DiskName)| {
            let is_peer = connections[entry.0].purpose == Purpose::Peer(peer);
            is_peer && self.disks.check(peer, entry.1).is_err()
        };
        let ids: Vec<_> = self.claims.iter().filter(is_false).map(|entry| *entry.0).collect();
        for id in ids {
            out.push(Output::Note(Note::Refused(id, Reject::StaleIncarnation)));
            self.close(id, out);
        }
    }

    fn repurpose(&mut self, id: ConnectionId, purpose: Purpose) {
        match purpose {
            Purpose::Peer(_) => self.endings.set(id, self.now.after(self.config.link_timeout)),
            _ => self.endings.remove(id),
        };
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.purpose = purpose;
        }
    }

    pub(super) fn greet(&mut self, id: ConnectionId, handshake: &Handshake) {
        self.say(id, |bytes| {
            bytes.extend_from_slice(&MAGIC);
            handshake.encode(bytes);
        });
    }

    /// The group that all messages of this node concern.
    pub(super) fn group(&self) -> GroupId {
        self.config.group
    }
}
