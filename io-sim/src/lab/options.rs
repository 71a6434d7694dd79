//! What one run is made of, drawn from its seed.

use core::time::Duration;
use std::num::NonZeroU32;

use quorate_core::{Config, Lease, Membership, NodeId};

use super::sabotage::Sabotage;
use crate::rng::{Rng, Stream};

/// Everything that a run depends on: equal options, equal runs.
///
/// Faults are drawn by swarm: first a coin for each class, then how hard it strikes, so that
/// classes meet in all combinations and none is always drowned by the others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Where all chance comes from.
    pub seed: u64,
    /// Who belongs to the cluster; servers are numbered from 1.
    pub membership: Membership,
    /// Servers that do not belong to it from the beginning.
    pub spares: Vec<NodeId>,
    /// What happens before the faults end.
    pub steps: u64,
    /// Tuning of every server; the name and the seed are filled in for each.
    pub config: Config,
    /// The links between them.
    pub network: NetworkOptions,
    /// From a write to its answer, at most.
    pub disk_delay_max: Duration,
    /// How far a clock's speed is from real time, at most, in thousandths.
    pub clock_drift_permille: u64,
    /// How likely an event waits for the next one, to be handled together with it.
    pub batching_permille: u64,
    /// How much of the log a restarted server has in memory, in entries.
    pub recovered_tail_max: u64,
    /// How likely a server that has applied something takes a snapshot, in thousandths.
    pub snapshots_permille: u64,
    /// The faults that strike from outside.
    pub nemesis: NemesisOptions,
    /// Between two requests of clients, at most.
    pub request_interval_max: Duration,
    /// Requests at once, at most.
    pub request_burst_max: u64,
    /// The longest command.
    pub command_bytes_max: u64,
    /// What is broken on purpose.
    pub sabotage: Option<Sabotage>,
    /// Leaves out the checks that look into disks, to see that the others notice too.
    pub blind_to_disks: bool,
}

/// The links between servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetworkOptions {
    /// From sending to arrival, at least and at most.
    pub delay: (Duration, Duration),
    /// How likely a message takes up to [`NetworkOptions::detour_max`] longer.
    pub detour_permille: u64,
    /// See above.
    pub detour_max: Duration,
    /// How likely a message is lost.
    pub loss_permille: u64,
    /// How likely a message arrives twice.
    pub duplicate_permille: u64,
    /// How likely sending a message brings back an old one too.
    pub replay_permille: u64,
    /// May messages overtake one another?
    pub reorders: bool,
}

/// Faults that strike from outside; weights of zero leave one out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NemesisOptions {
    /// Between two strikes, at most.
    pub interval_max: Duration,
    /// How long a strike lasts, at most.
    pub duration_max: Duration,
    /// Some servers are cut off.
    pub partition: u64,
    /// A server, or all, crash.
    pub crash: u64,
    /// A server stands still.
    pub pause: u64,
    /// A disk hangs, for up to four times what its server puts up with.
    pub disk_hang: u64,
    /// A server is told that it lost a connection.
    pub unreachable: u64,
    /// A timer fires that was not set.
    pub spurious_timeout: u64,
    /// A server is told to hand leadership over.
    pub transfer: u64,
    /// A server is told that the membership shall change.
    pub reconfigure: u64,
    /// A disk is lost, or an old copy is put back, and its server knows that: at most one at a time,
    /// and none without which there would be no quorum.
    pub lose_disk: u64,
    /// How likely a leader crashes or is cut off as soon as it is elected, in thousandths.
    pub regicide_permille: u64,
}

/// How a run's faults are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mood {
    /// Each class by its coin.
    Swarm,
    /// No faults: bugs of plain operation hide under chaos.
    Healthy,
    /// One class, as hard as it gets.
    Single(u64),
    /// All at once.
    Everything,
    /// Leaders hardly live: logs diverge, and old entries are carried on by new leaders, as in
    /// thesis Figure 3.7.
    Turmoil,
}

/// Draws faults, counting the classes asked for.
struct Swarm {
    rng: Rng,
    mood: Mood,
    asked: u64,
}

impl Swarm {
    const CLASSES: u64 = 23;

    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, Stream::Options);
        let mood = match rng.below(20) {
            0 | 1 => Mood::Healthy,
            2 | 3 => Mood::Single(rng.below(Self::CLASSES)),
            4 => Mood::Everything,
            5..9 => Mood::Turmoil,
            _ => Mood::Swarm,
        };
        Self { rng, mood, asked: 0 }
    }

    /// A value of one class: `calm`, or something of `lo..=hi`.
    fn fault(&mut self, calm: u64, lo: u64, hi: u64) -> u64 {
        let class = self.asked;
        self.asked += 1;
        // Both are drawn whatever the mood, so that classes do not move one another's draws.
        let (coin, value) = (self.rng.chance(500), self.rng.log_within(lo, hi));
        let strikes = match self.mood {
            Mood::Swarm => coin,
            Mood::Healthy | Mood::Turmoil => false,
            Mood::Single(only) => only == class,
            Mood::Everything => true,
        };
        if strikes { value } else { calm }
    }

    /// How often an operator asks for something; also in a turmoil, now and then.
    fn operator(&mut self) -> u64 {
        let (coin, weight) = (self.rng.chance(500), self.rng.log_within(1, 8));
        match self.mood {
            Mood::Everything => weight,
            Mood::Swarm if coin => weight,
            Mood::Turmoil => u64::from(coin),
            Mood::Swarm | Mood::Healthy | Mood::Single(_) => 0,
        }
    }

    /// A limit: large, or one that is felt.
    fn limit(&mut self, calm: u64, lo: u64, hi: u64) -> u64 {
        self.fault(calm, lo, hi)
    }
}

impl Options {
    /// Draws a run.
    ///
    /// # Panics
    /// Never: whatever is drawn makes sense.
    pub fn from_seed(seed: u64) -> Self {
        let mut swarm = Swarm::new(seed);
        let membership = membership(&mut swarm.rng);
        let timeout_ms = swarm.rng.within(100, 1000);
        let config = config(&mut swarm, timeout_ms);
        let network = network(&mut swarm, timeout_ms);
        let nemesis = nemesis(&mut swarm, timeout_ms);
        let disk_delay_ms = swarm.fault(1, 2, timeout_ms);
        let request_interval_ms = swarm.rng.log_within(timeout_ms / 20, timeout_ms);
        let clock_drift_permille = swarm.fault(0, 1, 250);
        let batching_permille = swarm.fault(0, 50, 900);
        let recovered_tail_max = swarm.fault(u64::MAX, 1, 20) - 1;
        assert!(swarm.asked == Swarm::CLASSES, "every class can be the only one");
        let mut options = Self {
            seed,
            membership,
            spares: Vec::new(),
            steps: swarm.rng.within(2000, 8000),
            config,
            network,
            disk_delay_max: Duration::from_millis(disk_delay_ms),
            clock_drift_permille,
            batching_permille,
            recovered_tail_max,
            snapshots_permille: 0,
            nemesis,
            request_interval_max: Duration::from_millis(request_interval_ms),
            request_burst_max: swarm.rng.log_within(1, 16),
            command_bytes_max: swarm.rng.log_within(8, 300),
            sabotage: None,
            blind_to_disks: false,
        };
        // Drawn last, and so leave the other draws of old seeds as they were.
        let (coin, weight) = (swarm.rng.chance(500), swarm.rng.log_within(1, 8));
        let patience = options.config.election_timeout * swarm.rng.pick(&[1, 2, 4]);
        let hangs = match swarm.mood {
            Mood::Swarm => coin,
            Mood::Everything => true,
            Mood::Healthy | Mood::Single(_) | Mood::Turmoil => false,
        };
        if hangs {
            options.nemesis.disk_hang = weight;
            options.config.disk_timeout = patience;
        }
        // As are these.
        options.nemesis.transfer = swarm.operator();
        options.nemesis.reconfigure = swarm.operator();
        if options.nemesis.reconfigure > 0 {
            let last = options.membership.members().last().map_or(0, |last| last.get());
            let first = last + 1;
            let last = first + swarm.rng.below(3);
            options.spares = (first..last).filter_map(NodeId::new).collect();
        }
        let (coin, permille) = (swarm.rng.chance(500), swarm.rng.log_within(5, 400));
        let retained = swarm.rng.log_within(1, 100) - 1;
        if coin {
            options.snapshots_permille = permille;
            options.config.retained_entries_max = retained;
        }
        options.nemesis.lose_disk = swarm.operator().min(2);
        if swarm.rng.chance(500) {
            let drift_ppm = u32::try_from(options.clock_drift_permille.max(1) * 1000);
            let drift_ppm = drift_ppm.expect("a part of the whole");
            (options.config.check_quorum, options.config.lease) = (true, Some(Lease { drift_ppm }));
        }
        options.config.time_resolution_ms = NonZeroU32::new(swarm.rng.pick(&[0, 0, 1, 20]));
        if swarm.mood == Mood::Turmoil { options.in_turmoil() } else { options }
    }

    /// See [`Mood::Turmoil`]: what there is to say takes about as long as leaders live.
    fn in_turmoil(mut self) -> Self {
        let timeout = self.config.election_timeout;
        self.config.message_bytes_max = 1;
        self.config.inflight_messages_max = 1;
        self.network.delay.1 = timeout / 4;
        self.disk_delay_max = timeout / 8;
        self.request_interval_max = timeout / 4;
        self.request_burst_max = 2;
        self.nemesis = NemesisOptions {
            interval_max: 4 * timeout,
            duration_max: 4 * timeout,
            partition: 1,
            crash: 1,
            regicide_permille: 900,
            ..self.nemesis
        };
        self
    }
}

fn membership(rng: &mut Rng) -> Membership {
    let servers = rng.pick(&[1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 7]);
    let ids: Vec<_> = (1..=servers).filter_map(NodeId::new).collect();
    let (voters, outgoing, learners) = match rng.below(20) {
        // Two majorities that share some servers.
        0..3 => {
            let kept = rng.index(ids.len());
            let left = rng.index(ids.len());
            (&ids[..=kept], &ids[left..], &ids[..0])
        }
        3..6 if servers > 1 => {
            let split = ids.len() - 1;
            (&ids[..split], &ids[..0], &ids[split..])
        }
        _ => (&ids[..], &ids[..0], &ids[..0]),
    };
    let of = |ids: &[NodeId]| ids.to_vec();
    Membership::new(of(voters), of(outgoing), of(learners)).expect("drawn to make sense")
}

fn config(swarm: &mut Swarm, timeout_ms: u64) -> Config {
    let id = NodeId::new(1).expect("one is not zero");
    let calm = Config::new(id);
    let heartbeat_ms = timeout_ms / swarm.rng.within(2, 8);
    let inflight = swarm.limit(u64::from(calm.inflight_messages_max), 1, 4);
    let reads = swarm.limit(u64::from(calm.reads_pending_max), 1, 8);
    Config {
        election_timeout: Duration::from_millis(timeout_ms),
        election_jitter: Duration::from_millis(swarm.rng.within(timeout_ms / 2, timeout_ms)),
        heartbeat_interval: Duration::from_millis(heartbeat_ms),
        pre_vote: swarm.rng.chance(500),
        check_quorum: swarm.rng.chance(500),
        command_bytes_max: swarm.limit(calm.command_bytes_max, 8, 300),
        message_bytes_max: swarm.limit(calm.message_bytes_max, 1, 1000),
        inflight_messages_max: u32::try_from(inflight).expect("at most the default"),
        inflight_bytes_max: swarm.limit(calm.inflight_bytes_max, 1, 3000),
        uncommitted_bytes_max: swarm.limit(calm.uncommitted_bytes_max, 1, 5000),
        cached_bytes_max: swarm.limit(calm.cached_bytes_max, 1, 1000) - 1,
        reads_pending_max: u32::try_from(reads).expect("at most the default"),
        ..calm
    }
}

fn network(swarm: &mut Swarm, timeout_ms: u64) -> NetworkOptions {
    NetworkOptions {
        delay: (Duration::ZERO, Duration::from_millis(swarm.fault(2, 3, timeout_ms / 2))),
        detour_permille: swarm.fault(0, 5, 300),
        detour_max: Duration::from_millis(5 * timeout_ms),
        loss_permille: swarm.fault(0, 5, 300),
        duplicate_permille: swarm.fault(0, 5, 300),
        replay_permille: swarm.fault(0, 2, 100),
        reorders: swarm.fault(0, 1, 1) == 1,
    }
}

fn nemesis(swarm: &mut Swarm, timeout_ms: u64) -> NemesisOptions {
    let interval_ms = swarm.rng.log_within(timeout_ms, 16 * timeout_ms);
    // Mostly shorter: a cluster that is always down has nothing to lose.
    let duration_ms = swarm.rng.log_within(timeout_ms / 8, interval_ms);
    NemesisOptions {
        interval_max: Duration::from_millis(interval_ms),
        duration_max: Duration::from_millis(duration_ms),
        partition: swarm.fault(0, 1, 8),
        crash: swarm.fault(0, 1, 8),
        pause: swarm.fault(0, 1, 8),
        disk_hang: 0,
        transfer: 0,
        reconfigure: 0,
        lose_disk: 0,
        unreachable: swarm.fault(0, 1, 8),
        spurious_timeout: swarm.fault(0, 1, 8),
        regicide_permille: swarm.fault(0, 50, 700),
    }
}

#[cfg(test)]
mod tests {
    use super::{Mood, Options, Swarm};

    #[test]
    fn every_seed_makes_sense_and_fixes_its_options() {
        for seed in 0..2000 {
            let options = Options::from_seed(seed);
            assert_eq!(options.config.check(), Ok(()), "seed {seed}");
            assert_eq!(options, Options::from_seed(seed));
        }
    }

    #[test]
    fn every_class_of_faults_can_be_the_only_one() {
        let struck = |only| {
            let mut swarm = Swarm::new(0);
            swarm.mood = Mood::Single(only);
            (0..Swarm::CLASSES).position(|_| swarm.fault(0, 1, 9) > 0)
        };
        assert!((0..Swarm::CLASSES).all(|class| Some(class) == struck(class).map(|at| at as u64)));
    }
}
