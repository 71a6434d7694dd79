//! Options from a seed, by swarm: first a coin for each class of faults, then how hard it strikes, so
//! that classes meet in all combinations and none is always drowned by the others.

use core::time::Duration;
use std::num::NonZeroU32;

use quorate_core::wal::WalOptions;
use quorate_core::{Config, Lease, Membership, NodeId};

use super::calling::CallingOptions;
use super::names::Leaves;
use super::nemesis_options::NemesisOptions;
use super::options::Options;
use super::profile::Profile;
use super::pump_options::PumpOptions;
use crate::disk::{DiskOptions, Fates, FaultRates, Span, Tearing};
use crate::net::{
    FrameKinds, FrameOptions, Latency, LinkOptions, NetOptions, Overtaking, Rule, StreamOptions,
    Tail,
};
use crate::rng::{Rng, Stream};

const MS: u64 = 1_000_000;

/// How a run's faults are drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mood {
    /// Each class by its coin.
    Swarm,
    /// Only classes whose names begin so, each by its coin.
    Among(&'static [&'static str]),
    /// No faults: bugs of plain operation hide under chaos.
    Healthy,
    /// One class, as hard as it gets.
    Single(&'static str),
    /// A few that belong together, as hard as it gets.
    Staged(&'static [&'static str]),
    /// As in a swarm, and whoever leads, or wants to, falls again and again.
    Upheaval,
    /// All at once.
    Everything,
}

/// What strikes in an upheaval, in any case.
const AT_LEADERS: [&str; 5] = [
    "nemesis.leader",
    "nemesis.candidate",
    "nemesis.sleeper",
    "nemesis.heirs",
    "net.link.frames.replay",
];

/// What only comes to something where little else strikes.
const STAGED: [&[&str]; 2] = [
    // A server stays behind in a term that nobody else has heard of: any other trouble ends that.
    &["nemesis.candidate"],
    // What a leader had read back for a peer comes when it has lost its leadership, and has another.
    &["nemesis.relapse", "raft.cached_bytes_max", "read_back_max"],
];

/// Every draw has a stream of its own, named as the option is: a new option moves no other.
struct Swarm {
    seed: u64,
    mood: Mood,
    /// All classes of faults that were asked for.
    asked: Vec<&'static str>,
}

impl Swarm {
    fn new(seed: u64, mood: Mood) -> Self {
        Self { seed, mood, asked: Vec::new() }
    }

    fn rng(&self, name: &str) -> Rng {
        Rng::named(self.seed, Stream::Options, name)
    }

    fn within(&self, name: &str, lo: u64, hi: u64) -> u64 {
        self.rng(name).within(lo, hi)
    }

    fn log_within(&self, name: &str, lo: u64, hi: u64) -> u64 {
        self.rng(name).log_within(lo, hi)
    }

    fn pick<T: Copy>(&self, name: &str, items: &[T]) -> T {
        self.rng(name).pick(items)
    }

    /// A value of one class: `calm`, or something of `lo..=hi`, which is further from it the harder
    /// it strikes.
    fn fault(&mut self, name: &'static str, calm: u64, lo: u64, hi: u64) -> u64 {
        self.asked.push(name);
        let mut rng = self.rng(name);
        let (coin, value) = (rng.chance(500), rng.log_within(lo, hi));
        let hardest = if calm > hi { lo } else { hi };
        match self.mood {
            Mood::Upheaval if AT_LEADERS.contains(&name) => hi,
            // Elections take their time.
            Mood::Upheaval if coin && name == "disk.sync.max" => hi,
            Mood::Swarm | Mood::Upheaval if coin => value,
            Mood::Among(area) if coin && area.iter().any(|part| name.starts_with(part)) => value,
            Mood::Everything => value,
            Mood::Single(only) if only == name => hardest,
            Mood::Staged(only) if only.contains(&name) => hardest,
            _ => calm,
        }
    }

    fn small(&mut self, name: &'static str, calm: u64, lo: u64, hi: u64) -> u32 {
        u32::try_from(self.fault(name, calm, lo, hi)).expect("a small number")
    }

    fn ppm(&mut self, name: &'static str, hi: u64) -> u32 {
        self.small(name, 0, 100, hi)
    }

    fn weight(&mut self, name: &'static str) -> u64 {
        self.fault(name, 0, 1, 4)
    }

    /// Something that one engine only does: no class of faults that could be the only one.
    fn habit(&self, name: &str, often: u64, (lo, hi): (u64, u64)) -> Option<u64> {
        let mut rng = self.rng(name);
        let (coin, value) = (rng.chance(often), rng.log_within(lo, hi));
        let does = match self.mood {
            Mood::Swarm => coin,
            Mood::Everything => true,
            _ => false,
        };
        does.then_some(value)
    }

    fn is_so(&mut self, name: &'static str) -> bool {
        self.fault(name, 0, 1, 1) == 1
    }
}

impl Options {
    /// Draws a run.
    ///
    /// # Panics
    /// Never: whatever is drawn makes sense.
    pub fn from_seed(seed: u64) -> Self {
        Self::of_profile(seed, Profile::Mixed)
    }

    /// Draws a run of a profile.
    ///
    /// # Panics
    /// Never: whatever is drawn makes sense.
    pub fn of_profile(seed: u64, profile: Profile) -> Self {
        let mut rng = Rng::named(seed, Stream::Options, "mood");
        let drawn_mood = rng.below(20);
        let mut single = || {
            let classes = classes();
            Mood::Single(classes[rng.index(classes.len())])
        };
        let mood = match (profile, profile.area()) {
            (_, Some(area)) => Mood::Among(area),
            (Profile::AlmostHealthy, _) => Mood::Healthy,
            (Profile::SingleFault, _) => single(),
            (Profile::Everything, _) => Mood::Everything,
            (Profile::Mixed, _) => match drawn_mood {
                0 | 1 => Mood::Healthy,
                2 | 3 => single(),
                4 => Mood::Everything,
                5..=7 => Mood::Upheaval,
                8 | 9 => Mood::Staged(STAGED[usize::from(drawn_mood == 9)]),
                _ => Mood::Swarm,
            },
            _ => Mood::Swarm,
        };
        drawn(&mut Swarm::new(seed, mood))
    }

    /// The options, by name, in which this run is worse off than a healthy one of its seed.
    ///
    /// # Panics
    /// If the options fail their [`check`](Self::check).
    pub fn faults(&self) -> Vec<String> {
        let healthy = Self::of_profile(self.seed, Profile::AlmostHealthy);
        let mut faults = Leaves::of(self).beyond(&Leaves::of(&healthy)).names();
        // What follows from the weights; and what says which world it is.
        let is_none = [
            "nemesis.every",
            "seed",
            "membership",
            "spares",
            "chaos",
            "callers",
            "sabotage",
            "raft.lease",
            "raft.time_resolution_ms",
            "priority_step",
        ];
        faults.retain(|name| !is_none.contains(&name.as_str()) && !name.starts_with("calling."));
        faults
    }
}

fn classes() -> Vec<&'static str> {
    let mut swarm = Swarm::new(0, Mood::Healthy);
    drawn(&mut swarm);
    swarm.asked
}

fn drawn(swarm: &mut Swarm) -> Options {
    let calm = Options::calm();
    let count = swarm.pick("membership", &[1, 2, 2, 3, 3, 3, 3, 3, 4, 4, 5, 5, 5, 5, 6, 7]);
    let voters = (1..=count).filter_map(NodeId::new);
    let timeout_ms = swarm.within("raft.election_timeout", 100, 500);
    let (ms, brief) = (Duration::from_millis, Options::APPLY_BRIEF_NS);
    let nemesis = nemesis(swarm, timeout_ms);
    let clock_drift_permille = swarm.fault("clock_drift_permille", 0, 1, 100);
    let lease = lease(swarm, &nemesis, clock_drift_permille);
    Options {
        seed: swarm.seed,
        membership: Membership::of_voters(voters).expect("a few voters"),
        chaos: ms(swarm.within("chaos", 4_000, 20_000)),
        raft: Config { lease, time_resolution_ms: time(swarm), ..raft(swarm, timeout_ms) },
        wal: wal(swarm),
        session_timeout: ms(swarm.fault("session_timeout", 30_000, 2 * timeout_ms, 10_000)),
        disk: disk(swarm, timeout_ms),
        net: net(swarm, timeout_ms),
        clock_drift_permille,
        stir_max_ns: swarm.fault("stir_max", 1_000, 1_000, timeout_ms * MS / 20),
        apply_max_ns: swarm.fault("apply_max", brief, brief, timeout_ms * MS / 4),
        read_back_max_ns: swarm.fault("read_back_max", 0, MS, 8 * timeout_ms * MS),
        snapshot_entries: swarm.fault("snapshot_entries", 0, 2, 300),
        snapshot_piece_bytes: swarm.small("snapshot_piece_bytes", 256 << 10, 64, 4096),
        restart_after: ms(swarm.log_within("restart_after", 10, 4 * timeout_ms)),
        callers: swarm.pick("callers", &[1, 2, 3, 4, 5, 6, 6, 10]),
        calling: CallingOptions {
            workload: calm.calling.workload,
            keys: swarm.within("calling.keys", 1, 5),
            pause_max: ms(swarm.log_within("calling.pause_max", 1, timeout_ms)),
            timeout: ms(timeout_ms * swarm.within("calling.timeout", 2, 20)),
            value_bytes_max: swarm.log_within("calling.value_bytes_max", 8, 6000),
            calls_max: None,
        },
        pump: pump(swarm),
        spares: if nemesis.reconfigure > 0 { swarm.pick("spares", &[0, 1, 1, 2]) } else { 0 },
        replace_after: ms(match nemesis.reconfigure {
            0 => 0,
            _ => timeout_ms * swarm.pick("replace_after", &[0, 0, 4, 20]),
        }),
        priority_step: swarm.pick("priority_step", &[0, 0, 0, 1]),
        nemesis,
        ..calm
    }
}

/// Leaders have leases in half of the worlds whose clocks can be trusted: they drift, and neither stand
/// still nor jump.
fn lease(swarm: &mut Swarm, nemesis: &NemesisOptions, drift_permille: u64) -> Option<Lease> {
    let is_wanted = swarm.pick("raft.lease", &[0, 1]) == 1;
    let can_be_trusted = nemesis.freeze == 0 && nemesis.jump == 0;
    let drift_ppm = u32::try_from(drift_permille.max(1) * 1000).expect("a part of the whole");
    (is_wanted && can_be_trusted).then_some(Lease { drift_ppm })
}

/// In half of the worlds leaders write the time down.
fn time(swarm: &mut Swarm) -> Option<NonZeroU32> {
    NonZeroU32::new(swarm.pick("raft.time_resolution_ms", &[0, 0, 1, 20]))
}

fn raft(swarm: &mut Swarm, timeout_ms: u64) -> Config {
    let calm = Options::calm().raft;
    let heartbeat_ms = timeout_ms / swarm.within("raft.heartbeat_interval", 3, 10);
    let jitter_ms = swarm.within("raft.election_jitter", timeout_ms / 2, timeout_ms);
    Config {
        election_timeout: Duration::from_millis(timeout_ms),
        election_jitter: Duration::from_millis(jitter_ms),
        heartbeat_interval: Duration::from_millis(heartbeat_ms),
        inflight_messages_max: swarm.small("raft.inflight_messages_max", 64, 1, 8),
        message_bytes_max: swarm.fault("raft.message_bytes_max", 1 << 20, 64, 4096),
        cached_bytes_max: swarm.fault("raft.cached_bytes_max", 32 << 20, 1, 20_000),
        retained_entries_max: swarm.fault("raft.retained_entries_max", 100_000, 1, 300) - 1,
        reads_pending_max: swarm.small("raft.reads_pending_max", 65_536, 1, 8),
        ..calm
    }
}

fn wal(swarm: &mut Swarm) -> WalOptions {
    WalOptions {
        segment_bytes: swarm.fault("wal.segment_bytes", 16, 1, 8) * (32 << 10),
        align_bytes: if swarm.is_so("wal.align_bytes") { 512 } else { 4096 },
        batch_bytes_max: swarm.fault("wal.batch_bytes_max", 1 << 20, 512, 16 << 10),
        tail_bytes_max: swarm.fault("wal.tail_bytes_max", 32 << 20, 1, 4096),
    }
}

fn disk(swarm: &mut Swarm, timeout_ms: u64) -> DiskOptions {
    let sync_max = swarm.fault("disk.sync.max", 1, 2, timeout_ms) * MS;
    let even = Fates { lost: 1, prefix: 1, subset: 1, kept: 1 };
    let fates = [Fates::ALL_LOST, Fates::ANY_SUBSET, Fates::A_PREFIX, Fates::ALL_KEPT];
    let fates = [&fates[..], &[even; 4]].concat();
    let tearing = [Tearing::Sectors, Tearing::Sectors, Tearing::Blocks, Tearing::Never];
    DiskOptions {
        sync_ns: Span { min: 50_000, max: sync_max },
        spikes_per_million: swarm.fault("disk.spikes_per_million", 0, 100, 50_000),
        spike_ns: timeout_ms * MS,
        fates: swarm.pick("disk.fates", &fates),
        tearing: swarm.pick("disk.tearing", &tearing),
        rates: FaultRates {
            write_error: swarm.fault("disk.rates.write_error", 0, 10, 2000),
            sync_error: swarm.fault("disk.rates.sync_error", 0, 10, 2000),
            ..FaultRates::default()
        },
        ..DiskOptions::default()
    }
}

fn net(swarm: &mut Swarm, timeout_ms: u64) -> NetOptions {
    let (calm, timeout) = (timeout_ms * MS / 100, timeout_ms * MS);
    let spread = swarm.fault("net.link.latency.spread", calm, MS / 10, timeout / 8);
    let kinds = FrameKinds::CONSENSUS;
    // Votes are rare among all that is said: old ones come back where little else does, and also
    // while there is nothing to say.
    let quiet = FrameKinds::KEEP_ALIVES;
    let replayed = [kinds, FrameKinds::VOTES | quiet, FrameKinds::ACKNOWLEDGEMENTS | quiet];
    let replayed = swarm.pick("net.link.frames.replay.kinds", &replayed);
    let mut rule = |name, hi| Rule { ppm: swarm.ppm(name, hi), kinds };
    let frames = FrameOptions {
        lose: rule("net.link.frames.lose", 200_000),
        duplicate: rule("net.link.frames.duplicate", 200_000),
        reorder: rule("net.link.frames.reorder", 200_000),
        overtaking: Overtaking::Tame,
        reorder_window: 4,
        reorder_wait_max_ns: timeout / 4,
        replay: Rule { kinds: replayed, ..rule("net.link.frames.replay", 300_000) },
        replay_age_min_ns: timeout,
    };
    let stream = StreamOptions {
        cut_ppm: swarm.ppm("net.link.stream.cut_ppm", 500_000),
        single_byte_ppm: swarm.ppm("net.link.stream.single_byte_ppm", 20_000),
        cut_gap_max_ns: MS,
        coalesce_ppm: swarm.ppm("net.link.stream.coalesce_ppm", 300_000),
        coalesce_wait_ns: timeout / 50,
        corrupt_ppm: swarm.ppm("net.link.stream.corrupt_ppm", 5_000),
        reset_ppm: swarm.ppm("net.link.stream.reset_ppm", 10_000),
        stall_ppm: swarm.ppm("net.link.stream.stall_ppm", 5_000),
        stall_max_ns: timeout * 2,
        deaf_ppm: swarm.ppm("net.link.stream.deaf_ppm", 20_000),
    };
    NetOptions {
        link: LinkOptions {
            latency: Latency { min_ns: 20_000, spread_ns: spread, tail: tail(swarm) },
            spike_ppm: swarm.ppm("net.link.spike_ppm", 20_000),
            spike_max_ns: timeout,
            loss_ppm: swarm.ppm("net.link.loss_ppm", 20_000),
            bytes_per_second: swarm.fault("net.link.bytes_per_second", 0, 20_000, 2_000_000),
            stream,
            frames,
        },
        retransmit_min_ns: timeout / 4,
        retransmit_max_ns: timeout * 4,
        give_up_ns: timeout * 40,
        connect_timeout_ns: timeout * 20,
        ..NetOptions::default()
    }
}

fn pump(swarm: &Swarm) -> PumpOptions {
    let permille = |name, range| swarm.habit(name, 500, range).unwrap_or(0);
    PumpOptions {
        short_permille: permille("pump.short_permille", (20, 400)),
        accept_fails_permille: permille("pump.accept_fails_permille", (5, 40)),
        abandon_permille: permille("pump.abandon_permille", (10, 60)),
        renew_permille: permille("pump.renew_permille", (5, 40)),
        errand_permille: permille("pump.errand_permille", (20, 300)),
        room_bytes: swarm.habit("pump.room_bytes", 300, (64, 16 << 10)),
    }
}

/// In fewer worlds than other faults: whatever rots, or stays broken, is for the others.
fn reconfigure(swarm: &mut Swarm) -> u64 {
    let is_rare = matches!(swarm.mood, Mood::Swarm | Mood::Upheaval);
    let weight = swarm.weight("nemesis.reconfigure");
    let rarely = swarm.pick("nemesis.reconfigure, and not too often", &[0, 1]);
    if is_rare { weight * rarely } else { weight }
}

fn tail(swarm: &mut Swarm) -> Tail {
    let is_long = swarm.is_so("net.link.latency.tail");
    let tails = [Tail::Exponential, Tail::Exponential, Tail::Heavy];
    let tail = swarm.pick("net.link.latency.tail of its kind", &tails);
    if is_long { tail } else { Tail::Even }
}

fn nemesis(swarm: &mut Swarm, timeout_ms: u64) -> NemesisOptions {
    let lasting_ms = timeout_ms * swarm.within("nemesis.lasting_max", 1, 10);
    let mut options = NemesisOptions {
        every: Duration::ZERO,
        lasting_max: Duration::from_millis(lasting_ms),
        partition: swarm.weight("nemesis.partition"),
        lonely: swarm.weight("nemesis.lonely"),
        leader: swarm.weight("nemesis.leader"),
        candidate: swarm.weight("nemesis.candidate"),
        sleeper: swarm.weight("nemesis.sleeper"),
        heirs: swarm.weight("nemesis.heirs"),
        relapse: swarm.weight("nemesis.relapse"),
        flap: swarm.weight("nemesis.flap"),
        clog: swarm.weight("nemesis.clog"),
        swizzle: swarm.weight("nemesis.swizzle"),
        filter: swarm.weight("nemesis.filter"),
        slow_link: swarm.weight("nemesis.slow_link"),
        shut: swarm.weight("nemesis.shut"),
        reroute: swarm.weight("nemesis.reroute"),
        kill: swarm.weight("nemesis.kill"),
        stop: swarm.weight("nemesis.stop"),
        transfer: swarm.weight("nemesis.transfer"),
        reconfigure: reconfigure(swarm),
        power: swarm.weight("nemesis.power"),
        torn: swarm.weight("nemesis.torn"),
        crash_loop: swarm.weight("nemesis.crash_loop"),
        rolling: swarm.weight("nemesis.rolling"),
        pause: swarm.weight("nemesis.pause"),
        freeze: swarm.weight("nemesis.freeze"),
        jump: swarm.weight("nemesis.jump"),
        slow_cpu: swarm.weight("nemesis.slow_cpu"),
        stall: swarm.weight("nemesis.stall"),
        slow_disk: swarm.weight("nemesis.slow_disk"),
        disk_error: swarm.weight("nemesis.disk_error"),
        rot: swarm.weight("nemesis.rot"),
        full: swarm.weight("nemesis.full"),
    };
    // However many classes there are, together they strike every so often.
    let gap_ms = timeout_ms * swarm.within("nemesis.every", 1, 10) / 2;
    options.every = Duration::from_millis(gap_ms * options.sum().max(1));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_makes_sense_and_fixes_its_options() {
        for seed in 0..2000 {
            let options = Options::from_seed(seed);
            assert_eq!(options.check(), Ok(()), "seed {seed}");
            assert_eq!(options, Options::from_seed(seed));
        }
        assert_eq!(Options::calm().check(), Ok(()));
    }

    #[test]
    fn every_class_of_faults_can_be_the_only_one_and_has_a_name_of_its_own() {
        let healthy = drawn(&mut Swarm::new(7, Mood::Healthy));
        let classes = classes();
        for (at, class) in classes.iter().enumerate() {
            let single = drawn(&mut Swarm::new(7, Mood::Single(class)));
            assert_ne!(single, healthy, "{class}");
            assert!(!classes[..at].contains(class), "{class} is drawn twice");
        }
    }

    #[test]
    fn what_is_staged_is_that_and_nothing_else() {
        let healthy = Leaves::of(&drawn(&mut Swarm::new(7, Mood::Healthy)));
        for staged in STAGED {
            let stage = Leaves::of(&drawn(&mut Swarm::new(7, Mood::Staged(staged))));
            let mut names = stage.beyond(&healthy).names();
            names.retain(|name| name != "nemesis.every");
            names.sort();
            let mut wanted = staged.to_vec();
            wanted.sort_unstable();
            assert_eq!(names, wanted);
        }
    }

    #[test]
    fn a_profile_lets_strike_what_belongs_to_it_and_every_class_has_one() {
        for profile in Profile::ALL {
            assert_eq!(profile.name().parse(), Ok(profile));
            let Some(area) = profile.area() else { continue };
            let of_it = |name: &str| area.iter().any(|part| name.starts_with(part));
            let faults: Vec<_> =
                (0..40).flat_map(|seed| Options::of_profile(seed, profile).faults()).collect();
            assert!(!faults.is_empty() && faults.iter().all(|name| of_it(name)), "{faults:?}");
        }
        let areas: Vec<_> =
            Profile::ALL.iter().filter_map(|it| it.area()).flatten().copied().collect();
        for class in classes() {
            assert!(areas.iter().any(|part| class.starts_with(part)), "{class}");
        }
    }

    #[test]
    fn the_faults_of_a_run_are_told_by_the_names_of_its_options() {
        let healthy = Options::of_profile(7, Profile::AlmostHealthy);
        assert_eq!(healthy.faults(), Vec::<String>::new());
        let mut lossy = healthy.clone();
        lossy.set("net.link.loss_ppm=5").expect("it makes sense");
        assert_eq!(lossy.faults(), ["net.link.loss_ppm"]);
        let all = Options::of_profile(7, Profile::Everything).faults();
        assert!(all.len() > 40 && all.iter().any(|name| name == "nemesis.kill"), "{all:?}");
    }

    #[test]
    fn seeds_are_of_all_moods_and_sizes() {
        let all: Vec<_> = (0..400).map(Options::from_seed).collect();
        let quiet = all.iter().filter(|options| options.nemesis.sum() == 0).count();
        let is_loud = |options: &&Options| {
            super::super::draw::CLASSES.iter().all(|class| (class.weight)(&options.nemesis) > 0)
        };
        let loud = all.iter().filter(is_loud).count();
        assert!((20..90).contains(&quiet) && (8..90).contains(&loud), "{quiet}, {loud}");
        assert!((1..=7).all(|size| all.iter().any(|options| options.servers() == size)));
        assert!(all.iter().any(|options| options.raft.inflight_messages_max == 1));
        assert!(all.iter().any(|options| options.wal.segment_bytes == 32 << 10));
    }
}
