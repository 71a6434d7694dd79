//! What one run is made of, drawn from its seed.

use core::time::Duration;

use quorate_core::wal::WalOptions;
use quorate_core::{ClusterId, Config, Membership, NodeId};

use super::caller::CallerOptions;
use super::sabotage::Sabotage;
use crate::disk::{DiskOptions, Fates, FaultRates, Span, Tearing};
use crate::net::{
    FrameKinds, FrameOptions, Latency, LinkOptions, NetOptions, Rule, StreamOptions, Tail,
};
use crate::rng::{Rng, Stream};

const MS: u64 = 1_000_000;

/// Everything that a run depends on: equal options, equal runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Where all chance comes from.
    pub seed: u64,
    pub(crate) cluster: ClusterId,
    /// Who belongs to the cluster; servers are numbered from 1.
    pub membership: Membership,
    /// For how long faults strike.
    pub chaos: Duration,
    /// Tuning of every server's core; the name and the seed are filled in for each.
    pub raft: Config,
    /// Sizes of every server's log.
    pub wal: WalOptions,
    /// After this long the session of a silent client ends.
    pub session_timeout: Duration,
    /// The disks.
    pub disk: DiskOptions,
    /// The network.
    pub net: NetOptions,
    /// How far a clock's speed is from real time, at most, in thousandths.
    pub clock_drift_permille: u64,
    /// For how long what has happened waits for more, at most, in nanoseconds.
    pub stir_max_ns: u64,
    /// How long the state machine takes for a portion, at most, in nanoseconds; if that is more
    /// than [`APPLY_BRIEF_NS`](Self::APPLY_BRIEF_NS), it says so.
    pub apply_max_ns: u64,
    /// How many clients there are.
    pub callers: u16,
    pub(crate) calling: CallerOptions,
    /// The faults that strike from outside.
    pub nemesis: NemesisOptions,
    /// What the world does wrong; nothing, unless the checks themselves are tested.
    pub sabotage: Option<Sabotage>,
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
    /// A process is killed.
    pub kill: u64,
    /// A server, or all, lose power.
    pub power: u64,
    /// A server loses power, or is killed, in the middle of an operation of its disk.
    pub torn: u64,
    /// A server stands still.
    pub pause: u64,
    /// A disk hangs.
    pub stall: u64,
    /// A process is told to stop, and starts again.
    pub stop: u64,
}

/// Draws faults: first a coin for each class, then how hard it strikes.
struct Swarm {
    rng: Rng,
    calm: bool,
    everything: bool,
}

impl Swarm {
    fn fault(&mut self, calm: u64, lo: u64, hi: u64) -> u64 {
        let (coin, value) = (self.rng.chance(500), self.rng.log_within(lo, hi));
        if self.everything || coin && !self.calm { value } else { calm }
    }

    fn ppm(&mut self, hi: u64) -> u32 {
        u32::try_from(self.fault(0, 100, hi)).expect("at most a million")
    }
}

impl Options {
    /// How long a state machine may take that calls itself brief.
    pub const APPLY_BRIEF_NS: u64 = 10_000;

    /// Is the state machine brief, see [`StateMachine::BRIEF`](quorate_sm::StateMachine::BRIEF)?
    pub(crate) const fn applies_at_once(&self) -> bool {
        self.apply_max_ns <= Self::APPLY_BRIEF_NS
    }

    /// So many servers that nobody asks for anything, and nothing is in the way.
    ///
    /// # Panics
    /// If there are no servers, or more than a membership may have.
    pub fn idle(servers: u64, span: Duration) -> Self {
        let mut swarm = Swarm { rng: Rng::new(0, Stream::Options), calm: true, everything: false };
        let voters = (1..=servers).filter_map(NodeId::new);
        Self {
            membership: Membership::of_voters(voters).expect("a few voters"),
            chaos: span,
            raft: Config::new(NodeId::new(1).expect("not zero")),
            wal: wal(&mut swarm),
            disk: DiskOptions::default(),
            net: NetOptions::default(),
            callers: 0,
            nemesis: NemesisOptions {
                interval_max: span,
                duration_max: span,
                partition: 0,
                kill: 0,
                power: 0,
                torn: 0,
                pause: 0,
                stall: 0,
                stop: 0,
            },
            clock_drift_permille: 0,
            ..Self::from_seed(0)
        }
    }

    /// Draws a run.
    ///
    /// # Panics
    /// Never: whatever is drawn makes sense.
    pub fn from_seed(seed: u64) -> Self {
        let mut rng = Rng::new(seed, Stream::Options);
        let mood = rng.below(20);
        let mut swarm = Swarm { rng, calm: mood < 2, everything: mood == 2 };
        let count = swarm.rng.pick(&[1, 2, 3, 3, 3, 3, 4, 5, 5, 7]);
        let voters = (1..=count).filter_map(NodeId::new);
        let timeout_ms = swarm.rng.within(100, 500);
        Self {
            seed,
            cluster: ClusterId(0x51),
            membership: Membership::of_voters(voters).expect("a few voters"),
            chaos: Duration::from_secs(swarm.rng.within(5, 30)),
            raft: raft(&mut swarm, timeout_ms),
            wal: wal(&mut swarm),
            session_timeout: Duration::from_millis(swarm.fault(30_000, 1_000, 10_000)),
            disk: disk(&mut swarm, timeout_ms),
            net: net(&mut swarm, timeout_ms),
            clock_drift_permille: swarm.fault(0, 1, 100),
            stir_max_ns: swarm.fault(1_000, 1_000, timeout_ms * MS / 20),
            apply_max_ns: swarm.fault(Self::APPLY_BRIEF_NS, 10_000, timeout_ms * MS / 4),
            callers: u16::try_from(swarm.rng.within(1, 6)).expect("a few"),
            calling: CallerOptions {
                keys: swarm.rng.within(1, 5),
                pause_max: Duration::from_millis(swarm.rng.log_within(1, timeout_ms)),
                timeout: Duration::from_millis(timeout_ms * swarm.rng.within(2, 20)),
                value_bytes_max: swarm.rng.log_within(8, 6000),
            },
            nemesis: NemesisOptions {
                interval_max: Duration::from_millis(timeout_ms * swarm.rng.within(1, 10)),
                duration_max: Duration::from_millis(timeout_ms * swarm.rng.within(1, 10)),
                partition: swarm.fault(0, 1, 4),
                kill: swarm.fault(0, 1, 4),
                power: swarm.fault(0, 1, 4),
                torn: swarm.fault(0, 1, 4),
                pause: swarm.fault(0, 1, 4),
                stall: swarm.fault(0, 1, 4),
                stop: swarm.fault(0, 1, 4),
            },
            sabotage: None,
        }
    }
}

fn raft(swarm: &mut Swarm, timeout_ms: u64) -> Config {
    let mut config = Config::new(NodeId::new(1).expect("not zero"));
    config.election_timeout = Duration::from_millis(timeout_ms);
    config.heartbeat_interval = Duration::from_millis(timeout_ms / swarm.rng.within(3, 10));
    config.inflight_messages_max = u32::try_from(swarm.fault(256, 1, 8)).expect("a small number");
    config.message_bytes_max = swarm.fault(1 << 20, 64, 4096);
    config.cached_bytes_max = swarm.fault(32 << 20, 1, 20_000);
    config
}

fn wal(swarm: &mut Swarm) -> WalOptions {
    WalOptions {
        segment_bytes: swarm.fault(16, 1, 8) * (32 << 10),
        align_bytes: if swarm.fault(0, 1, 1) == 1 { 512 } else { 4096 },
        batch_bytes_max: swarm.fault(16 << 10, 512, 16 << 10),
        tail_bytes_max: swarm.fault(1 << 20, 1, 4096),
    }
}

fn disk(swarm: &mut Swarm, timeout_ms: u64) -> DiskOptions {
    let sync_max = swarm.fault(1, 2, timeout_ms) * MS;
    let fates = [Fates::ALL_LOST, Fates::ANY_SUBSET, Fates::A_PREFIX, Fates::ALL_KEPT];
    DiskOptions {
        sync_ns: Span { min: 50_000, max: sync_max },
        fates: if swarm.rng.chance(500) {
            swarm.rng.pick(&fates)
        } else {
            Fates { lost: 1, prefix: 1, subset: 1, kept: 1 }
        },
        tearing: swarm.rng.pick(&[
            Tearing::Sectors,
            Tearing::Sectors,
            Tearing::Blocks,
            Tearing::Never,
        ]),
        rates: FaultRates {
            write_error: swarm.fault(0, 10, 2000),
            sync_error: swarm.fault(0, 10, 2000),
            ..FaultRates::default()
        },
        ..DiskOptions::default()
    }
}

fn net(swarm: &mut Swarm, timeout_ms: u64) -> NetOptions {
    let spread = swarm.fault(timeout_ms * MS / 100, MS / 10, timeout_ms * MS / 8);
    let kinds = FrameKinds::CONSENSUS;
    let frames = FrameOptions {
        lose: Rule { ppm: swarm.ppm(200_000), kinds },
        duplicate: Rule { ppm: swarm.ppm(200_000), kinds },
        reorder: Rule { ppm: swarm.ppm(200_000), kinds },
        reorder_window: 4,
        reorder_wait_max_ns: timeout_ms * MS / 4,
        replay: Rule { ppm: swarm.ppm(50_000), kinds },
        replay_age_min_ns: timeout_ms * MS,
        ..FrameOptions::default()
    };
    let stream = StreamOptions {
        cut_ppm: swarm.ppm(500_000),
        single_byte_ppm: swarm.ppm(20_000),
        cut_gap_max_ns: MS,
        coalesce_ppm: swarm.ppm(300_000),
        coalesce_wait_ns: timeout_ms * MS / 50,
        corrupt_ppm: swarm.ppm(5_000),
        reset_ppm: swarm.ppm(10_000),
        stall_ppm: swarm.ppm(5_000),
        stall_max_ns: timeout_ms * MS * 2,
        deaf_ppm: swarm.ppm(20_000),
    };
    NetOptions {
        link: LinkOptions {
            latency: Latency { min_ns: 20_000, spread_ns: spread, tail: Tail::Even },
            spike_ppm: swarm.ppm(20_000),
            spike_max_ns: timeout_ms * MS,
            loss_ppm: swarm.ppm(20_000),
            bytes_per_second: swarm.fault(0, 20_000, 2_000_000),
            stream,
            frames,
        },
        retransmit_min_ns: timeout_ms * MS / 4,
        retransmit_max_ns: timeout_ms * MS * 4,
        give_up_ns: timeout_ms * MS * 40,
        connect_timeout_ns: timeout_ms * MS * 20,
        ..NetOptions::default()
    }
}
