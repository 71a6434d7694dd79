//! How sabotage is done, see [`Sabotage`].

use bytes::Bytes;
use quorate_core::{
    AppendEntriesReply, AppendOutcome, Entries, Entry, Event, Index, Message, Payload,
    ReplicationId, RequestVoteReply, Round, Rpc,
};

use super::sabotage::Sabotage;
use super::world::{Happening, World};

impl World<'_> {
    /// Changes what a disk kept, before its server starts.
    pub(crate) fn sabotage_disk(&mut self, at: usize) {
        let server = &mut self.servers[at];
        let mut image = server.disk.durable().clone();
        match self.options.sabotage {
            Some(Sabotage::ForgottenVotes) => image.hard_state.vote = None,
            Some(Sabotage::OldHardStates) => {
                image.hard_state.vote = None;
                image.hard_state.term = image.last().term;
            }
            Some(Sabotage::LostTails) => {
                let lost = self.sabotage_rng.within(1, 3);
                image.cut(Index(image.last().index.0.saturating_sub(lost)));
            }
            _ => return,
        }
        server.disk.restore(image);
    }

    /// Changes what is said, or has it answered by nobody.
    pub(crate) fn sabotage_message(&mut self, message: Message) -> Message {
        match (self.options.sabotage, &message.rpc) {
            (Some(Sabotage::ForgedVotes), Rpc::RequestVote(_)) => {
                self.forge(&message, Rpc::RequestVoteReply(RequestVoteReply { granted: true }));
                message
            }
            (Some(Sabotage::ForgedAcknowledgements), Rpc::AppendEntries(append)) => {
                let last = append.entries.last_id().unwrap_or(append.prev).index;
                self.forge_match(&message, append.replication, append.round, last);
                message
            }
            (Some(Sabotage::ForgedHeartbeats), Rpc::Heartbeat(heartbeat)) => {
                self.forge_match(&message, heartbeat.replication, heartbeat.round, Index(0));
                message
            }
            (Some(Sabotage::AlteredCommands), Rpc::AppendEntries(append)) => {
                let mut altered = append.clone();
                if self.sabotage_rng.chance(20) {
                    altered.entries = alter(&append.entries);
                }
                Message { rpc: Rpc::AppendEntries(altered), ..message }
            }
            _ => message,
        }
    }

    fn forge_match(
        &mut self,
        question: &Message,
        replication: ReplicationId,
        round: Round,
        matched: Index,
    ) {
        let outcome = AppendOutcome::Match(matched);
        let reply = AppendEntriesReply { replication, round, outcome };
        self.forge(question, Rpc::AppendEntriesReply(reply));
    }

    /// An answer that the asked server never gave, and that arrives at once.
    fn forge(&mut self, question: &Message, rpc: Rpc) {
        let Message { from: to, to: from, term, .. } = *question;
        let body = self.body(self.place(to));
        let forged = Event::Receive(Message { from, to, term, rpc });
        if self.sabotage_rng.chance(300) {
            self.queue.plan(self.now, Happening::Tell(body, forged));
        }
    }
}

fn alter(entries: &[Entry]) -> Entries {
    let altered = entries.iter().cloned().map(|mut entry| {
        if let Payload::Command(command) = &mut entry.payload {
            let mut bytes = command.to_vec();
            bytes.push(1);
            *command = Bytes::from(bytes);
        }
        entry
    });
    Entries::new(altered).expect("terms and indexes are as they were")
}
