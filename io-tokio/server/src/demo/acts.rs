//! The acts: what is done to the group while callers use it.

use std::time::{Duration, Instant};

use super::stage::Stage;
use super::tear;
use crate::diagnostic::Diagnostic;

/// What happens in an act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Act {
    /// Nothing.
    Steady,
    /// The leader's process is killed.
    KillLeader,
    /// The leader is cut off from the others, and later let back.
    CutOff,
    /// All processes are killed at once.
    KillAll,
    /// A follower is killed, and the last record of its log is cut in half.
    Tear,
}

/// All of them, in order.
pub(super) const ACTS: [Act; 5] =
    [Act::Steady, Act::KillLeader, Act::CutOff, Act::KillAll, Act::Tear];

/// How long a group may take to elect a leader.
const PATIENCE: Duration = Duration::from_secs(20);

impl Act {
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Steady => "steady load",
            Self::KillLeader => "kill -9 the leader",
            Self::CutOff => "cut the leader off",
            Self::KillAll => "kill -9 all three",
            Self::Tear => "cut a log's last record",
        }
    }

    /// Plays the act for about `span`; what there is to tell of it.
    pub(super) async fn play(
        self,
        stage: &mut Stage,
        span: Duration,
    ) -> Result<String, Box<Diagnostic>> {
        let end = Instant::now() + span;
        tokio::time::sleep(span / 4).await;
        let told = match self {
            Self::Steady => String::new(),
            Self::KillLeader => kill_leader(stage, span / 4).await?,
            Self::CutOff => cut_off(stage, span / 4).await?,
            Self::KillAll => kill_all(stage).await?,
            Self::Tear => tear_one(stage).await?,
        };
        tokio::time::sleep(end.saturating_duration_since(Instant::now())).await;
        Ok(told)
    }
}

async fn kill_leader(stage: &mut Stage, down: Duration) -> Result<String, Box<Diagnostic>> {
    let old = stage.group.wait_for_leader(&stage.client, PATIENCE).await?;
    let killed = Instant::now();
    stage.group.servers[old].kill();
    let new = stage.group.wait_for_leader(&stage.client, PATIENCE).await?;
    let elected = killed.elapsed().as_millis();
    tokio::time::sleep(down).await;
    stage.group.servers[old].start()?;
    let [old, new] = [old, new].map(|at| stage.group.servers[at].id);
    Ok(format!("server {new} leads after {old}, seen after {elected} ms"))
}

async fn cut_off(stage: &mut Stage, cut: Duration) -> Result<String, Box<Diagnostic>> {
    let old = stage.group.wait_for_leader(&stage.client, PATIENCE).await?;
    stage.network.isolate(old);
    tokio::time::sleep(cut).await;
    let new = stage.group.wait_for_leader(&stage.client, PATIENCE).await?;
    stage.network.heal(old);
    let [old, new] = [old, new].map(|at| stage.group.servers[at].id);
    Ok(format!("server {new} leads while {old} is alone"))
}

async fn kill_all(stage: &mut Stage) -> Result<String, Box<Diagnostic>> {
    let killed = Instant::now();
    stage.group.kill_all();
    stage.group.start_all()?;
    let leader = stage.group.wait_for_leader(&stage.client, PATIENCE).await?;
    let leader = stage.group.servers[leader].id;
    Ok(format!("server {leader} leads, seen after {} ms", killed.elapsed().as_millis()))
}

/// The last record must be one that a power loss could have interrupted: it spans sectors, and
/// nothing on the disk says that it was durable. Under load that is soon found.
const ATTEMPTS: usize = 10;

async fn tear_one(stage: &mut Stage) -> Result<String, Box<Diagnostic>> {
    let leader = stage.group.wait_for_leader(&stage.client, PATIENCE).await?;
    let victim = (leader + 1) % stage.group.servers.len();
    for _ in 0..ATTEMPTS {
        let server = &mut stage.group.servers[victim];
        server.kill();
        let torn = tear::tear(&server.directory)?;
        server.start()?;
        if let Some(torn) = torn {
            let caught_up = caught_up(stage, victim, torn.lost).await;
            let id = stage.group.servers[victim].id;
            return Ok(format!(
                "server {id}: {} bytes cut, entries {} to {} fetched anew{}",
                torn.bytes,
                torn.kept + 1,
                torn.lost,
                if caught_up { "" } else { ", not yet" },
            ));
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    Ok("the last record never spanned sectors: nothing was cut".into())
}

/// Does the server have entry `index` again, applied?
async fn caught_up(stage: &Stage, server: usize, index: u64) -> bool {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let statuses = stage.group.statuses(&stage.client).await;
        if statuses[server].as_ref().is_some_and(|status| status.applied.0 >= index) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
