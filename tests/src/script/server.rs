//! One server of a script: a bare core, and the disk under it.

use std::time::Duration;

use quorate_core::invariants::Watch;
use quorate_core::{
    Config, Entries, Index, Instant, Membership, NodeId, PeerMode, Raft, SnapshotMeta, Status,
};
use quorate_io_sim::engine::{Given, Glance, Image, Ledger, Properties, Witness};

use super::parse::Parsed;
use super::words;

pub(super) struct Server {
    pub(super) config: Config,
    pub(super) disk: Ledger,
    /// A copy of it.
    pub(super) copy: Option<Image>,
    /// How often it was started: no life is named like another.
    starts: u64,
    /// Its disk does nothing until it is told to.
    pub(super) is_held: bool,
    /// Reads of its log, for peers, that it was not told of yet.
    pub(super) fetches: Vec<(NodeId, Entries)>,
    /// The snapshot that it wants, and has not got yet.
    pub(super) wanted: Option<Box<SnapshotMeta>>,
    pub(super) life: Option<Life>,
}

/// From a start to a crash.
pub(super) struct Life {
    pub(super) raft: Raft,
    pub(super) watch: Watch,
    /// Where the log that it was started from ended.
    pub(super) recovered: Index,
    /// What it was last told to apply, and what its state machine was given.
    pub(super) applied: Index,
    pub(super) given: Given,
}

impl Server {
    pub(super) fn new(id: NodeId, template: &Config) -> Self {
        let config = Config { id, ..template.clone() };
        Self {
            config,
            disk: Ledger::default(),
            copy: None,
            starts: 0,
            is_held: false,
            fetches: Vec::new(),
            wanted: None,
            life: None,
        }
    }

    /// Starts from what is on its disk.
    pub(super) fn start(
        &mut self,
        founders: &Membership,
        checks: &Properties,
        now: Instant,
    ) -> Parsed {
        let image = self.disk.durable();
        let recovered = image.recovered(founders, u64::MAX);
        let given = checks.restored(recovered.snapshot.last_included);
        let given = given.map_err(|violation| violation.to_string())?;
        let config = Config { seed: self.config.seed + self.starts, ..self.config.clone() };
        self.starts += 1;
        let raft = Raft::new(config, recovered, now).map_err(|e| e.to_string())?;
        self.life = Some(Life {
            watch: Watch::new(&raft),
            recovered: raft.status().last.index,
            applied: raft.status().snapshot.index,
            given,
            raft,
        });
        Ok(())
    }

    /// What can be expected of it, as words.
    pub(super) fn facts(&self) -> Vec<String> {
        let entries = self.disk.written().entries();
        let log: Vec<_> = entries.iter().map(|entry| words::id(entry.id)).collect();
        let mut facts = match &self.life {
            Some(life) => status_facts(&life.raft.status()),
            None => vec!["down".to_owned()],
        };
        facts.push(format!("log {}", log.join(" ")).trim().to_owned());
        let names = entries.iter().map(words::entry);
        let names: Vec<_> = names.filter_map(|it| Some(it.split_once(' ')?.1.to_owned())).collect();
        facts.extend(names.iter().map(|name| format!("has {name}")));
        let applied = self.life.as_ref().map_or(0, |life| life.applied.0);
        let applied = usize::try_from(applied).unwrap_or(usize::MAX);
        facts.extend(names.iter().take(applied).map(|name| format!("applied {name}")));
        facts
    }

    /// How it stands, in a line; and a line for each of a leader's peers.
    pub(super) fn tell(&self) -> Vec<String> {
        let id = format!("{:?}", self.config.id);
        let Some(life) = &self.life else { return vec![format!("{id:<10}down")] };
        let status = life.raft.status();
        let mut lines = vec![format!(
            "{id:<10}{:<13} term {} vote {:<6} knows {:<6} last {:<4} durable {} commit {} {}",
            status.role.as_str(),
            status.hard_state.term.0,
            words::vote(status.hard_state.vote),
            words::vote(status.leader),
            words::id(status.last),
            status.durable.0,
            status.commit.0,
            words::membership(status.membership),
        )];
        for peer in status.peers {
            let (mode, matched, next) =
                (mode(peer.mode()), peer.match_index().0, peer.next_index().0);
            let under_way = peer.inflight_messages();
            let leaving = if peer.is_leaving() { " leaving" } else { "" };
            let forgetful = if peer.is_forgetful() { " forgetful" } else { "" };
            let id = format!("{:?}", peer.id());
            lines.push(format!(
                "    {id:<6}{mode:<9} match {matched} next {next} under way {under_way}{leaving}{forgetful}"
            ));
        }
        lines
    }
}

fn status_facts(status: &Status<'_>) -> Vec<String> {
    let list = |ids: &[NodeId]| ids.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" ");
    let mut facts = vec![
        status.role.as_str().to_owned(),
        format!("term {}", status.hard_state.term.0),
        format!("vote {}", words::vote(status.hard_state.vote)),
        format!("knows {}", words::vote(status.leader)),
        format!("last {}", words::id(status.last)),
        format!("durable {}", status.durable.0),
        format!("commit {}", status.commit.0),
        format!("voters {}", list(status.membership.voters())),
        format!("leaving {}", list(status.membership.outgoing())).trim().to_owned(),
        format!("learners {}", list(status.membership.learners())).trim().to_owned(),
        format!("membership {}", status.membership_index.0),
        format!("snapshot {}", words::id(status.snapshot)),
        format!("log after {}", words::id(status.base)),
        format!("ignored {}", status.ignored_messages),
        format!("transferring {}", words::vote(status.transferring_to)),
    ];
    facts.extend(status.disk_hangs.then(|| "hangs".to_owned()));
    facts.extend(status.hard_state.is_forgetful.then(|| "forgetful".to_owned()));
    for peer in status.peers {
        let id = peer.id();
        facts.extend([
            format!("peer {id:?}"),
            format!("peer {id:?} {}", mode(peer.mode())),
            format!("peer {id:?} match {}", peer.match_index().0),
            format!("peer {id:?} next {}", peer.next_index().0),
            format!("peer {id:?} under way {}", peer.inflight_messages()),
        ]);
        facts.extend(peer.is_forgetful().then(|| format!("peer {id:?} forgetful")));
    }
    facts
}

const fn mode(mode: PeerMode) -> &'static str {
    match mode {
        PeerMode::Probe => "probe",
        PeerMode::Replicate => "replicate",
        PeerMode::Fetching => "fetching",
        PeerMode::Snapshot => "snapshot",
    }
}

/// Settings of a script that sets none: no chance, so that a story says who loses patience.
pub(super) fn defaults() -> Config {
    let id = NodeId::new(1).expect("not zero");
    Config { election_jitter: Duration::ZERO, ..Config::new(id) }
}

impl Witness for Server {
    fn id(&self) -> NodeId {
        self.config.id
    }

    fn ledger(&self) -> &Ledger {
        &self.disk
    }

    fn glance(&self) -> Option<Glance> {
        self.life.as_ref().map(|life| Glance::of(life.raft.status()))
    }
}
