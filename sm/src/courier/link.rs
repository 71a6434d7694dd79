//! The connection to one server: handshake, frames, and what is owed on it.

use core::time::Duration;

use bytes::{Bytes, BytesMut};
use quorate_core::Instant;
use quorate_core::wire::{
    ClientHello, ClientMessage, Decoder, Frame, Handshake, MAGIC, Opening, Reject, Request,
    RequestBody, Response, Service,
};
use quorate_core::{ClusterId, GroupId, NodeId};

/// Names a connection; never reused by one client.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ConnectionId(pub(crate) u64);

/// One connection, from the attempt to make it on.
///
/// ```text
///   Dialing ──► Greeting ──► Up
/// ```
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) connection: ConnectionId,
    stage: Stage,
    input: BytesMut,
    is_ours: bool,
    output: BytesMut,
    /// Calls that wait for the server's answer.
    in_flight: usize,
    /// The server has said something since it was asked the last time. A call whose time is up
    /// waits no longer, and is an answer that is owed all the same.
    is_heard: bool,
    /// The server has said nothing since, or owed nothing before.
    quiet_since: Instant,
    /// The server was asked for a sign of life since it said something.
    is_probed: bool,
    /// Looks in a row at who leads that found nobody.
    pub(crate) leaderless: u32,
}

#[derive(Debug)]
enum Stage {
    Dialing { deadline: Instant },
    Greeting { deadline: Instant },
    Up { frame_bytes_max: u32 },
}

/// What a server says.
#[derive(Debug)]
pub(crate) enum Said {
    /// It takes us.
    Welcome(NodeId),
    /// A call has ended.
    Response(Response),
}

/// Why a connection is of no further use.
#[derive(Debug)]
pub(crate) enum Broken {
    /// The server turned us away.
    Rejected(Reject),
    /// What came over it makes no sense.
    BadBytes,
}

impl Link {
    pub(crate) fn new(connection: ConnectionId, now: Instant, deadline: Instant) -> Self {
        Self {
            connection,
            stage: Stage::Dialing { deadline },
            input: BytesMut::new(),
            is_ours: false,
            output: BytesMut::new(),
            in_flight: 0,
            is_heard: true,
            quiet_since: now,
            is_probed: false,
            leaderless: 0,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.stage, Stage::Up { .. })
    }

    /// Does the server owe an answer?
    pub(crate) fn owes(&self) -> bool {
        self.in_flight > 0 || !self.is_heard
    }

    /// The longest frame that the server takes.
    pub(crate) fn frame_bytes_max(&self) -> Option<u32> {
        match self.stage {
            Stage::Up { frame_bytes_max } => Some(frame_bytes_max),
            Stage::Dialing { .. } | Stage::Greeting { .. } => None,
        }
    }

    /// The connection stands: says who we are.
    pub(crate) fn handle_opened(&mut self, cluster: Option<ClusterId>) {
        let Stage::Dialing { deadline } = self.stage else { return };
        self.stage = Stage::Greeting { deadline };
        self.output.extend_from_slice(&MAGIC);
        let (wire_min, wire_max) = (Handshake::WIRE_MIN, Handshake::WIRE_MAX);
        Handshake::ClientHello(ClientHello { wire_min, wire_max, cluster })
            .encode(&mut self.output);
    }

    pub(crate) fn handle_received(&mut self, now: Instant, bytes: BytesMut) {
        self.quiet_since = now;
        self.is_heard = true;
        self.is_probed = false;
        if self.input.is_empty() {
            self.input = bytes;
        } else {
            self.input.unsplit(bytes);
        }
    }

    /// The next thing that the server has said in full.
    pub(crate) fn hear(
        &mut self,
        group: GroupId,
        frame_bytes_max: u32,
    ) -> Result<Option<Said>, Broken> {
        if !self.is_ours {
            match Opening::recognise(&self.input) {
                None => return Ok(None),
                Some(Opening::Quorate) => {
                    let _magic = self.input.split_to(MAGIC.len());
                    self.is_ours = true;
                }
                Some(_) => return Err(Broken::BadBytes),
            }
        }
        let frames = if self.is_up() { Decoder::new(frame_bytes_max) } else { Decoder::HANDSHAKE };
        loop {
            return match frames.decode(&mut self.input) {
                Ok(Some(frame)) if self.is_up() => response(&frame, group).map(Some),
                Ok(Some(frame)) => self.handle_welcome(&frame).map(Some),
                Ok(None) => Ok(None),
                Err(why) if why.is_ignorable() => continue,
                Err(_) => Err(Broken::BadBytes),
            };
        }
    }

    fn handle_welcome(&mut self, frame: &Frame) -> Result<Said, Broken> {
        let is_greeting = matches!(self.stage, Stage::Greeting { .. });
        if !is_greeting || frame.service != Service::Handshake {
            return Err(Broken::BadBytes);
        }
        match Handshake::decode(frame) {
            Ok(Handshake::ClientWelcome(welcome)) => {
                self.stage = Stage::Up { frame_bytes_max: welcome.frame_bytes_max };
                Ok(Said::Welcome(welcome.from))
            }
            Ok(Handshake::Reject(why)) => Err(Broken::Rejected(why)),
            Ok(_) | Err(_) => Err(Broken::BadBytes),
        }
    }

    /// Says something that the server owes an answer to.
    pub(crate) fn ask(&mut self, now: Instant, group: GroupId, message: &ClientMessage) {
        if !self.owes() {
            self.quiet_since = now;
        }
        self.is_heard = false;
        self.in_flight += 1;
        self.tell(group, message);
    }

    /// Says something whose answer nobody waits for.
    pub(crate) fn tell(&mut self, group: GroupId, message: &ClientMessage) {
        message.encode(group, &mut self.output);
    }

    /// When a server that owes an answer, and may only be slow, is asked for a sign of life.
    pub(crate) fn probe_at(&self, silence_max: Duration) -> Option<Instant> {
        let wants = self.in_flight > 0 && !self.is_probed;
        wants.then(|| self.quiet_since.after(silence_max / 3))
    }

    /// Asks for a sign of life, which nobody waits for.
    pub(crate) fn probe(&mut self, group: GroupId) {
        self.is_probed = true;
        let body = RequestBody::Status;
        self.tell(group, &ClientMessage::Request(Request { id: u64::MAX, body }));
    }

    /// A call waits no longer.
    pub(crate) fn forget_one(&mut self) {
        self.in_flight = self.in_flight.checked_sub(1).expect("what is forgotten was asked");
    }

    /// What is to leave now.
    pub(crate) fn take_output(&mut self) -> Option<Bytes> {
        if self.output.is_empty() { None } else { Some(self.output.split().freeze()) }
    }

    /// When to give the connection up: the handshake takes too long, an answer is owed too long,
    /// or nobody uses it.
    pub(crate) fn deadline(
        &self,
        silence_max: Duration,
        idle_max: Option<Duration>,
    ) -> Option<Instant> {
        match self.stage {
            Stage::Dialing { deadline } | Stage::Greeting { deadline } => Some(deadline),
            Stage::Up { .. } if self.owes() => Some(self.quiet_since.after(silence_max)),
            Stage::Up { .. } => idle_max.map(|idle_max| self.quiet_since.after(idle_max)),
        }
    }
}

fn response(frame: &Frame, group: GroupId) -> Result<Said, Broken> {
    if frame.service != Service::Client || frame.group != group {
        return Err(Broken::BadBytes);
    }
    match ClientMessage::decode(frame) {
        Ok(ClientMessage::Response(response)) => Ok(Said::Response(response)),
        Ok(ClientMessage::Request(_)) | Err(_) => Err(Broken::BadBytes),
    }
}
