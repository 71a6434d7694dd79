//! `quorate members` and `quorate transfer`: who belongs to a group, and who leads it.

mod change;
mod roster;
mod target;

use std::time::Duration;

use clap::{Args, Subcommand};
use quorate_core::{Index, NodeId};
use serde_json::json;

use crate::arguments::{self, Peer};
use crate::client::{self, ClientArgs};
use crate::diagnostic::Diagnostic;
use crate::exit::Exit;
use crate::output::{self, Format};
use roster::Roster;
use target::{Place, Target};

/// Shows who belongs to the group, or changes it.
///
/// A newcomer is brought up to date first, without a vote, and gets one then. Where more than one
/// voter changes, the old majority and the new one both rule until the change is complete. The group
/// serves all the while. A change that is interrupted can be asked for again.
///
/// Without a command: a table. Exit code 1: the change goes no further. 3: nothing was changed. 4:
/// unknown; look at the table. 7: refused, since the group could be left unable to decide.
///
/// Example: quorate members add 4=10.0.0.4:7100
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Members {
    #[command(subcommand)]
    change: Option<Change>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Subcommand, Debug)]
enum Change {
    Add(Add),
    Remove(Remove),
    Promote(Promote),
    Set(Set),
}

/// Adds servers to the group.
///
/// Each must have been made by `quorate init --join` and run. It gets the whole log first, and a
/// vote when it has caught up.
///
/// Example: quorate members add 4=10.0.0.4:7100 5=10.0.0.5:7100
#[derive(Args, Debug)]
struct Add {
    /// The servers, and where the others find them.
    #[arg(required = true, value_name = "N=HOST:PORT")]
    nodes: Vec<Peer>,
    /// Without a vote: they receive the log, and answer queries.
    #[arg(long)]
    learner: bool,
    /// Only to stand by: they receive nothing until they are needed, to replace a server that has
    /// failed (`replace_after_ms` in the settings) or by another change.
    #[arg(long, conflicts_with = "learner")]
    reserve: bool,
    #[command(flatten)]
    how: How,
}

/// Removes servers from the group; also whoever leads, who hands over.
///
/// They may be stopped as soon as this is done.
///
/// Example: quorate members remove 2
#[derive(Args, Debug)]
struct Remove {
    /// The servers.
    #[arg(required = true, value_name = "N", value_parser = arguments::node)]
    nodes: Vec<NodeId>,
    #[command(flatten)]
    how: How,
}

/// Gives a vote to learners, and to servers in reserve, once they have caught up.
///
/// Example: quorate members promote 4
#[derive(Args, Debug)]
struct Promote {
    /// The servers.
    #[arg(required = true, value_name = "N", value_parser = arguments::node)]
    nodes: Vec<NodeId>,
    #[command(flatten)]
    how: How,
}

/// Makes these servers the group: adds, removes and moves whatever it takes, in one change.
///
/// Example: quorate members set 1=10.0.0.1:7100 4=10.0.0.4:7100 5=10.0.0.5:7100
#[derive(Args, Debug)]
struct Set {
    /// All who shall vote, and where the others find them.
    #[arg(required = true, value_name = "N=HOST:PORT")]
    voters: Vec<Peer>,
    /// All who shall receive the log without a vote.
    #[arg(long, value_name = "N=HOST:PORT", value_delimiter = ',')]
    learners: Vec<Peer>,
    /// All who shall stand by.
    #[arg(long, value_name = "N=HOST:PORT", value_delimiter = ',')]
    reserves: Vec<Peer>,
    #[command(flatten)]
    how: How,
}

/// Under which conditions a change is made.
#[derive(Args, Debug)]
struct How {
    /// Only if the members are still those of this entry; see the table. Else: as they are when this
    /// command looks.
    #[arg(long, value_name = "INDEX")]
    expect: Option<u64>,
    /// Also if no majority of the new voters is heard from now: the group may be left unable to
    /// decide.
    #[arg(long)]
    force: bool,
    /// The most time that the whole change may take.
    #[arg(long, value_name = "SPAN", value_parser = arguments::span, default_value = "5m")]
    wait: Duration,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn members(args: &Members) -> Result<Exit, Box<Diagnostic>> {
    match &args.change {
        None => show(&args.client),
        Some(Change::Add(add)) => add.how.change(Target::adding(&add.nodes, add.place())),
        Some(Change::Remove(remove)) => remove.how.change(Target::removing(&remove.nodes)),
        Some(Change::Promote(promote)) => promote.how.change(Target::promoting(&promote.nodes)),
        Some(Change::Set(set)) => {
            let Set { voters, learners, reserves, how } = set;
            how.change(Target::setting(voters, learners, reserves))
        }
    }
}

impl Add {
    fn place(&self) -> Place {
        match (self.learner, self.reserve) {
            (true, _) => Place::Learner,
            (_, true) => Place::Reserve,
            _ => Place::Voter,
        }
    }
}

impl How {
    fn change(&self, target: Target) -> Result<Exit, Box<Diagnostic>> {
        let servers = self.client.addresses();
        let (expected, force, wait) = (self.expect.map(Index), self.force, self.wait);
        let after = self.client.run(async |kv| {
            change::carry_out(&kv, &servers, &target, change::Terms { expected, force, wait }).await
        })?;
        print(&after, self.client.format)
    }
}

fn show(args: &ClientArgs) -> Result<Exit, Box<Diagnostic>> {
    let servers = args.addresses();
    let roster = args.run(async |kv| Roster::ask(&kv, &servers).await)?;
    print(&roster, args.format)
}

fn print(roster: &Roster, format: Format) -> Result<Exit, Box<Diagnostic>> {
    match format {
        Format::Text => output::print(&roster.table())?,
        Format::Json => output::print_json(&roster.object())?,
    }
    Ok(Exit::Done)
}

/// Makes the leader hand over to another server.
///
/// Writes wait for some milliseconds, and none is lost. A server that is stopped in good order does
/// this by itself.
///
/// Exit code 3: the leader leads on.
///
/// Example: quorate transfer --to 2
#[derive(Args, Debug)]
pub(crate) struct Transfer {
    /// To this one; else to whoever is the closest to the leader's log.
    #[arg(long, value_name = "N", value_parser = arguments::node)]
    to: Option<NodeId>,
    #[command(flatten)]
    client: ClientArgs,
}

pub(crate) fn transfer(args: &Transfer) -> Result<Exit, Box<Diagnostic>> {
    let servers = args.client.addresses();
    let leader = args.client.run(async |kv| {
        let before = Roster::ask(&kv, &servers).await?;
        if args.to.is_none_or(|to| to != before.status.id) {
            let transferred = kv.client().transfer_leadership(args.to).await;
            transferred.map_err(|error| client::not_answered(&error))?;
        }
        change::new_leader(&kv, &servers, &before).await
    })?;
    let shown = json!({ "v": 1, "leader": leader });
    match args.client.format {
        Format::Text => output::print(&format!("server {leader} leads\n"))?,
        Format::Json => output::print_json(&shown)?,
    }
    Ok(Exit::Done)
}
