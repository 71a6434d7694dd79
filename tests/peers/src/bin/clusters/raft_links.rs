//! What the servers of the bare cluster and its clients send each other, and how it arrives.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use protobuf::Message as _;
use raft::eraftpb::Message;

use crate::Fallible;
use crate::figures::Work;
use crate::frames::{self, Frames};

/// The first frame on a connection: who opened it.
pub(crate) const PEER: &[u8] = b"peer";
pub(crate) const CLIENT: &[u8] = b"client";

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// What arrives at a server.
pub(crate) enum Event {
    Messages(Vec<Message>),
    Requests(Vec<Request>),
    /// A client wants its answers here.
    Client(TcpStream),
}

/// What a client asks for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Request {
    pub(crate) client: u32,
    pub(crate) work: Work,
    /// The command to write, or the key to read.
    pub(crate) body: Bytes,
}

impl Request {
    /// Appends it as a frame.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        let work = if self.work == Work::Write { b"w" } else { b"r" };
        frames::put(out, &[&self.client.to_le_bytes(), work, &self.body]);
    }

    fn parse(frame: &Bytes) -> Fallible<Self> {
        let (client, rest) = frame.split_first_chunk().ok_or("a short request")?;
        let work = match rest.first() {
            Some(b'w') => Work::Write,
            Some(b'r') => Work::Read,
            other => return Err(format!("a request for {other:?}").into()),
        };
        Ok(Self { client: u32::from_le_bytes(*client), work, body: frame.slice(5..) })
    }
}

/// A command that sets a key.
pub(crate) fn command(key: &[u8], value: &[u8]) -> Bytes {
    let length = u8::try_from(key.len()).expect("keys are short");
    [&[length], key, value].concat().into()
}

/// The key that a command sets, and its value.
pub(crate) fn key_and_value(command: &Bytes) -> Fallible<(Bytes, Bytes)> {
    let value_at = 1 + usize::from(*command.first().ok_or("an empty command")?);
    if value_at > command.len() {
        return Err("a command that lost its key".into());
    }
    Ok((command.slice(1..value_at), command.slice(value_at..)))
}

/// Connects as soon as somebody listens.
pub(crate) fn connect(address: SocketAddr, who: &[u8]) -> io::Result<TcpStream> {
    let started = Instant::now();
    let mut stream = loop {
        match TcpStream::connect(address) {
            Ok(stream) => break stream,
            Err(why) if started.elapsed() > PATIENCE => return Err(why),
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    };
    stream.set_nodelay(true)?;
    let mut hello = Vec::new();
    frames::put(&mut hello, &[who]);
    stream.write_all(&hello)?;
    Ok(stream)
}

/// Listens, and reads every connection on a thread of its own, which ends with the connection.
pub(crate) fn listen(address: SocketAddr) -> io::Result<Receiver<Event>> {
    let listener = TcpListener::bind(address)?;
    let (sender, events) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let sender = sender.clone();
            thread::spawn(move || {
                if let Err(why) = receive(stream, &sender) {
                    eprintln!("a connection ended: {why}");
                }
            });
        }
    });
    Ok(events)
}

fn receive(stream: TcpStream, events: &Sender<Event>) -> Fallible<()> {
    stream.set_nodelay(true)?;
    let mut frames = Frames::new(stream.try_clone()?);
    let mut arrived = frames.next()?.into_iter();
    let is_client = arrived.next().is_some_and(|hello| hello == CLIENT);
    if is_client {
        events.send(Event::Client(stream))?;
    }
    let mut arrived: Vec<_> = arrived.collect();
    loop {
        events.send(if is_client {
            Event::Requests(arrived.iter().map(Request::parse).collect::<Result<_, _>>()?)
        } else {
            let parse = |frame: &Bytes| Message::parse_from_bytes(frame);
            Event::Messages(arrived.iter().map(parse).collect::<Result<_, _>>()?)
        })?;
        arrived = frames.next()?;
        if arrived.is_empty() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_commands_arrive_as_they_were_sent() {
        let sent = Request { client: 300, work: Work::Write, body: command(b"key", b"value") };
        let mut out = Vec::new();
        sent.put(&mut out);
        let arrived = Frames::new(&out[..]).next().unwrap();
        let arrived = Request::parse(&arrived[0]).unwrap();
        assert_eq!(arrived, sent);
        assert_eq!(key_and_value(&arrived.body).unwrap(), ("key".into(), "value".into()));
        assert!(key_and_value(&Bytes::from_static(&[9, 1])).is_err());
        assert!(Request::parse(&Bytes::from_static(b"1234x")).is_err());
    }
}
