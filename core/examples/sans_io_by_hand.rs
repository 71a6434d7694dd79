//! Three servers in one process, driven by hand: threads and channels, no runtime, no async.
//!
//! The core decides, a driver carries out. A driver keeps three rules, and no more:
//! 1. writes become durable in the order given, and [`Event::Persisted`] says up to where: [`disk`];
//! 2. messages may be lost, repeated and reordered: [`Server::send`];
//! 3. commits are applied in order, whenever convenient: [`Server::hand_out`].
//!
//! `cargo run -p quorate-core --example sans_io_by_hand`
#![expect(clippy::disallowed_methods, reason = "a core gets its time from its driver")]

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};
use quorate_core::{
    Config, Effect, Effects, Event, Index, Instant, Membership, Message, NodeId, Payload, Raft,
    Recovered, RequestId, Write,
};

/// One server: its core, and channels to all that the core gives orders to.
struct Server {
    raft: Raft,
    /// Everything that happens to this server.
    inbox: Receiver<Event>,
    /// The inboxes of all servers, by id.
    network: Vec<Sender<Event>>,
    messages: u64,
    disk: Sender<Write>,
    state_machine: Sender<Bytes>,
    handed_out: Index,
}

impl Server {
    /// Waits for an event or for time to pass, tells the core, and does what it says.
    fn run(mut self) {
        // The core counts nanoseconds, from wherever its driver likes.
        let epoch = std::time::Instant::now();
        let (mut events, mut effects) = (Vec::new(), Effects::default());
        while let Some(deadline) = self.raft.deadline() {
            let deadline = epoch + deadline.since(Instant(0));
            events.push(self.inbox.recv_deadline(deadline).unwrap_or(Event::Timeout));
            // Whatever else has happened by now is cheap: it shares one write, one message to each
            // peer and one commit.
            events.extend(self.inbox.try_iter().take(1_000));
            let now = Instant(0).after(epoch.elapsed());
            self.raft.step_batch(now, &mut events, &mut effects);
            effects.drain().for_each(|effect| self.carry_out(effect));
        }
    }

    /// All of them may be carried out at once: the core holds back what is not safe yet.
    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Write(write) => self.disk.send(write).expect("the disk is running"),
            Effect::Send(message) => self.send(message),
            Effect::Commit(upto) => self.hand_out(upto),
            Effect::RoleChanged(change) => {
                let id = self.raft.status().id;
                println!("server {id}: {:?} in term {}", change.role, change.term.0);
            }
            // Answers to the client. This one looks at what is applied instead.
            Effect::Accepted { .. } | Effect::Refused { .. } => {}
            other => unreachable!("there is no reason for this here: {other:?}"),
        }
    }

    /// Rule 2: the core copes with any network. This one loses every tenth message.
    fn send(&mut self, message: Message) {
        self.messages += 1;
        if !self.messages.is_multiple_of(10) {
            let inbox = &self.network[position(message.to)];
            inbox.send(Event::Receive(message)).expect("the peer is running");
        }
    }

    /// Rule 3: a commit goes on where the last one ended. What a state machine makes of the
    /// commands, and when, is not the core's business.
    fn hand_out(&mut self, upto: Index) {
        let news = self.raft.cached(self.handed_out.next(), u64::MAX).expect("still in memory");
        for entry in news.up_to(upto).iter() {
            if let Payload::Command(command) = &entry.payload {
                // Towards the end of this example nobody listens any more.
                _ = self.state_machine.send(command.clone());
            }
        }
        self.handed_out = upto;
    }
}

/// Rule 1: one write after the other, while the server goes on. After a restart, [`Recovered`] would
/// be made of what is on the disk.
fn disk(writes: &Receiver<Write>, server: &Sender<Event>) {
    let mut disk = Vec::new();
    while let Ok(write) = writes.recv() {
        disk.push(write);
        disk.extend(writes.try_iter());
        // A real disk syncs here: one sync and one answer are enough for all that waited.
        let newest = disk.last().expect("at least one write").ticket;
        server.send(Event::Persisted(newest)).expect("the server is running");
    }
}

/// The state machine of a server: a list of all commands, which is filled when somebody looks.
struct Applied {
    incoming: Receiver<Bytes>,
    history: Vec<Bytes>,
}

impl Applied {
    /// Applies commands until `wanted` is among them; `false` if none comes for this long.
    fn reaches(&mut self, wanted: &Bytes, patience: Duration) -> bool {
        while !self.history.contains(wanted) {
            let Ok(command) = self.incoming.recv_timeout(patience) else { return false };
            self.history.push(command);
        }
        true
    }
}

/// Starts a server. Nobody stops it: a server may end at any moment, and this one does so with its
/// process.
fn start(
    id: NodeId,
    recovered: Recovered,
    network: &[Sender<Event>],
    inbox: Receiver<Event>,
) -> Applied {
    let (disk_orders, writes) = unbounded();
    let (state_machine, incoming) = unbounded();
    let persisted = network[position(id)].clone();
    let server = Server {
        raft: Raft::new(Config::new(id), recovered, Instant(0)).expect("a sane start"),
        inbox,
        network: network.to_vec(),
        messages: 0,
        disk: disk_orders,
        state_machine,
        handed_out: Index(0),
    };
    thread::spawn(move || disk(&writes, &persisted));
    thread::spawn(move || server.run());
    Applied { incoming, history: Vec::new() }
}

fn main() {
    const LONG: Duration = Duration::from_secs(30);
    let begin = std::time::Instant::now();
    let ids = [1, 2, 3].map(|id| NodeId::new(id).expect("not zero"));
    let newborn = Recovered::genesis(Membership::of_voters(ids).expect("three servers"));
    let (network, inboxes): (Vec<_>, Vec<_>) = ids.map(|_| unbounded()).into_iter().unzip();
    let servers = ids.into_iter().zip(inboxes);
    let mut applied: Vec<_> =
        servers.map(|(id, inbox)| start(id, newborn.clone(), &network, inbox)).collect();

    // The client asks one server after the other, until the one that it has asked applies the
    // command. So a command may be applied twice: to prevent that takes more than a log.
    let commands: Vec<_> = (1..=20).map(|n| Bytes::from(format!("command {n}"))).collect();
    let mut asked = 0;
    for command in &commands {
        loop {
            assert!(begin.elapsed() < LONG, "sooner or later somebody leads");
            let proposal = Event::Propose { id: RequestId(0), command: command.clone() };
            network[asked].send(proposal).expect("the server is running");
            if applied[asked].reaches(command, Duration::from_millis(100)) {
                break;
            }
            asked = (asked + 1) % ids.len();
        }
    }

    let last = commands.last().expect("twenty commands");
    for server in &mut applied {
        assert!(server.reaches(last, LONG), "everybody catches up");
    }
    let history = &applied[0].history;
    assert!(commands.iter().all(|command| history.contains(command)), "nothing is missing");
    assert!(applied.iter().all(|server| server.history == *history), "the same order everywhere");
    println!("three servers applied {} commands in the same order", history.len());
}

fn position(id: NodeId) -> usize {
    usize::try_from(id.get()).expect("one of three") - 1
}

#[test]
fn three_servers_apply_the_same_commands_in_the_same_order() {
    main();
}
