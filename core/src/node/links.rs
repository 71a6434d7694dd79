//! What is said to others: links that are made and kept, lanes, and output.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::Node;
use super::connection::{Connection, Purpose};
use super::io::{ConnectionId, Note, Output, Outputs};
use super::link::{Lane, Link, LinkId, LinkState};
use crate::config::Config;
use crate::event::Event;
use crate::message::{Message, Rpc};
use crate::types::NodeId;
use crate::wire::{Handshake, Hello, JoinedHello, PeerMessage, Reject, Unknown};

impl Message {
    /// Entries may wait behind entries; everything else may not.
    fn lane(&self) -> Lane {
        match self.rpc {
            Rpc::AppendEntries(_) => Lane::Bulk,
            _ => Lane::Urgent,
        }
    }
}

impl Node {
    /// Dials links whose wait is over, and gives up those that take too long.
    pub(super) fn tend_links(&mut self, out: &mut Outputs) {
        let is_due = |link: &Link| link.deadline().is_some_and(|deadline| deadline <= self.now);
        let due = self.links.iter().filter(|entry| is_due(entry.1));
        let due: Vec<_> = due.map(|entry| (*entry.0, entry.1.state)).collect();
        for (id, state) in due {
            match state {
                LinkState::Down { .. } => self.dial(id, out),
                LinkState::Dialing { connection, .. } => {
                    out.push(Output::Close(connection));
                    self.link_went_down(id, out);
                }
                LinkState::Greeting { connection, .. } => self.close(connection, out),
                LinkState::Up { .. } => {}
            }
        }
    }

    /// Gives signs of life to all peers. Those on their links to us go where there is nothing else
    /// to say, so they are in time however much is under way to us.
    pub(super) fn beat(&mut self) {
        if self.now < self.beat_at {
            return;
        }
        self.beat_at = self.now.after(self.config.link_timeout / 3);
        let group = self.group();
        let is_of_peer = |id: &ConnectionId| {
            !matches!(self.connections[id].purpose, Purpose::Stranger | Purpose::Client)
        };
        let ids: Vec<_> = self.endings.ids().filter(is_of_peer).collect();
        for id in ids {
            self.say(id, |bytes| PeerMessage::KeepAlive.encode(group, bytes));
        }
    }

    fn dial(&mut self, id: LinkId, out: &mut Outputs) {
        let deadline = self.now.after(self.config.handshake_timeout);
        let Some(link) = self.links.get_mut(&id) else { return };
        let connection = ConnectionId::dialed(self.dialed);
        self.dialed += 1;
        link.state = LinkState::Dialing { connection, deadline };
        out.push(Output::Dial(connection, link.address.clone()));
    }

    /// The link for which this connection is being made.
    pub(super) fn dialing(&self, id: ConnectionId) -> Option<LinkId> {
        let is_it = |link: &Link| matches!(link.state, LinkState::Dialing { connection, .. } if connection == id);
        self.links.iter().find(|entry| is_it(entry.1)).map(|entry| *entry.0)
    }

    pub(super) fn handle_opened(&mut self, id: ConnectionId) {
        // If it was given up in the meantime, the driver was told to close it.
        let Some(link_id) = self.dialing(id) else { return };
        let deadline = self.now.after(self.config.handshake_timeout);
        let Some(link) = self.links.get_mut(&link_id) else { return };
        link.state = LinkState::Greeting { connection: id, deadline };
        self.connections.insert(id, Connection::new(Purpose::Link(link_id)));
        let hello = Hello {
            wire_min: Handshake::WIRE_MIN,
            wire_max: Handshake::WIRE_MAX,
            cluster: self.config.cluster,
            from: self.config.raft.id,
            to: link_id.peer,
            incarnation: self.config.incarnation,
            boot: self.config.boot,
            frame_bytes_max: self.config.frame_bytes_max,
        };
        self.greet(
            id,
            &match self.config.joined {
                None => Handshake::Hello(hello),
                Some(joined) => Handshake::JoinedHello(JoinedHello { hello, joined }),
            },
        );
    }

    pub(super) fn link_came_up(
        &mut self,
        link_id: LinkId,
        id: ConnectionId,
        frame_bytes_max: u32,
        out: &mut Outputs,
    ) {
        let since = self.now;
        let Some(link) = self.links.get_mut(&link_id) else { return };
        link.state = LinkState::Up { connection: id, since, frame_bytes_max };
        self.endings.set(id, self.now.after(self.config.link_timeout));
        self.is_told_removed = false;
        let group = self.group();
        let priority = self.config.raft.priority;
        if priority < Config::PRIORITY_MAX {
            self.say(id, |bytes| PeerMessage::Priority(priority).encode(group, bytes));
        }
        if let Some(address) = self.address_of(self.config.raft.id)
            && link_id.lane == Lane::Urgent
        {
            self.say(id, |bytes| PeerMessage::Reachable { address }.encode(group, bytes));
        }
        out.push(Output::Note(Note::LinkUp(link_id.peer)));
    }

    pub(super) fn link_went_down(&mut self, id: LinkId, out: &mut Outputs) {
        let (now, steady) = (self.now, self.config.link_timeout);
        let Some(link) = self.links.get_mut(&id) else { return };
        let was_up = link.is_up();
        link.forgive(now, steady);
        let pause = link.pause(self.config.redial_min, self.config.redial_max);
        let until = self.jittered(pause);
        if let Some(link) = self.links.get_mut(&id) {
            link.go_down(until);
        }
        if !was_up {
            return;
        }
        out.push(Output::Note(Note::LinkDown(id.peer)));
        if id.lane == Lane::Bulk {
            self.events.push(Event::Unreachable(id.peer));
            self.end_passed_to(id.peer, out);
        }
    }

    /// What was passed on to a peer may be lost, or its answer.
    pub(super) fn end_passed_to(&mut self, peer: NodeId, out: &mut Outputs) {
        for id in self.requests.passed_to(peer) {
            self.end_without_answer(id, Unknown::ConnectionLost, out);
        }
    }

    pub(super) fn send_message(&mut self, message: &Message) {
        let group = self.group();
        let Some((id, bytes_max)) = self.way_to(message.to, message.lane()) else { return };
        let said = self.say_within(id, bytes_max, |bytes| message.encode(group, bytes));
        // The handshake has made sure of our own limits: an entry that does not fit is from days
        // of others. It would be sent again and again, so somebody has to be told.
        if let Err(needed) = said
            && let Some(connection) = self.connections.get_mut(&id)
        {
            connection.refusal = Some(Reject::FrameTooSmall { bytes_max, needed });
        }
    }

    /// `false` if there is no way to the peer now, or none for a message of this length: clients
    /// may ask for anything, which must not cost a link.
    pub(super) fn send_peer_message(
        &mut self,
        to: NodeId,
        lane: Lane,
        message: &PeerMessage,
    ) -> bool {
        let group = self.group();
        match self.way_to(to, lane) {
            Some((id, bytes_max)) => {
                self.say_within(id, bytes_max, |bytes| message.encode(group, bytes)).is_ok()
            }
            None => false,
        }
    }

    /// The link to a peer, if it is up and not congested: a message that cannot leave soon is
    /// better lost, as a network may lose it, than piled up.
    fn way_to(&self, peer: NodeId, lane: Lane) -> Option<(ConnectionId, u32)> {
        let way = self.links.get(&LinkId { peer, lane })?.way()?;
        let waiting = self.connections.get(&way.0)?.waiting_bytes();
        (waiting < self.config.unsent_bytes_max).then_some(way)
    }

    /// Says it if it is at most so long; else takes it back and says how long it is.
    fn say_within(
        &mut self,
        id: ConnectionId,
        bytes_max: u32,
        write: impl FnOnce(&mut BytesMut),
    ) -> Result<(), u64> {
        let mut said = Ok(());
        self.say(id, |bytes| {
            let start = bytes.len();
            write(bytes);
            let frame_bytes = (bytes.len() - start) as u64;
            if frame_bytes > u64::from(bytes_max) {
                bytes.truncate(start);
                said = Err(frame_bytes);
            }
        });
        said
    }

    /// Adds to what goes out on a connection at the end of this step.
    pub(super) fn say(&mut self, id: ConnectionId, write: impl FnOnce(&mut BytesMut)) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.output.is_empty() {
            self.unflushed.push(id);
        }
        write(&mut connection.output);
    }

    /// Hands all output of this step to the driver, and lets go of clients that do not read, and of
    /// links that cannot carry what there is to say.
    pub(super) fn flush(&mut self, out: &mut Outputs) {
        while let Some(id) = self.unflushed.pop() {
            self.flush_one(id, out);
            let Some(connection) = self.connections.get(&id) else { continue };
            if let Some(why) = connection.refusal {
                self.refuse_link(id, why, out);
                continue;
            }
            let is_client = matches!(connection.purpose, Purpose::Client);
            if is_client && connection.unsent_bytes > self.config.unsent_bytes_max {
                out.push(Output::Note(Note::Stuck(id)));
                self.close(id, out);
            }
        }
    }

    pub(super) fn flush_one(&mut self, id: ConnectionId, out: &mut Outputs) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.output.is_empty() {
            return;
        }
        // All of it: what is left of a buffer would keep it alive for as long as nothing is said.
        let bytes = core::mem::take(&mut connection.output).freeze();
        connection.unsent_bytes += bytes.len() as u64;
        out.push(Output::Send(id, bytes));
    }
}
