//! What each class of faults draws when its time has come.

use core::time::Duration;

use super::action::{Action, Limits, Role, Strike, Who};
use super::nemesis_options::NemesisOptions;
use super::options::Options;
use crate::disk::{DeathMode, Decay, Fault, Files};
use crate::net::FrameKinds;
use crate::rng::{Rng, Stream};

/// A class of faults.
pub(super) struct Class {
    /// Its stream of chance.
    pub(super) name: &'static str,
    pub(super) weight: fn(&NemesisOptions) -> u64,
    pub(super) draw: fn(&mut Draw<'_>),
}

pub(super) const CLASSES: [Class; 31] = [
    Class { name: "partition", weight: |of| of.partition, draw: |it| it.partition() },
    Class { name: "lonely", weight: |of| of.lonely, draw: |it| it.lonely() },
    Class { name: "leader", weight: |of| of.leader, draw: |it| it.leader() },
    Class { name: "candidate", weight: |of| of.candidate, draw: |it| it.candidate() },
    Class { name: "sleeper", weight: |of| of.sleeper, draw: |it| it.sleeper() },
    Class { name: "heirs", weight: |of| of.heirs, draw: |it| it.heirs() },
    Class { name: "relapse", weight: |of| of.relapse, draw: |it| it.relapse() },
    Class { name: "flap", weight: |of| of.flap, draw: |it| it.flap() },
    Class { name: "clog", weight: |of| of.clog, draw: |it| it.clog() },
    Class { name: "swizzle", weight: |of| of.swizzle, draw: |it| it.swizzle() },
    Class { name: "filter", weight: |of| of.filter, draw: |it| it.filter() },
    Class { name: "slow_link", weight: |of| of.slow_link, draw: |it| it.slow_link() },
    Class { name: "shut", weight: |of| of.shut, draw: |it| it.shut() },
    Class { name: "reroute", weight: |of| of.reroute, draw: |it| it.reroute() },
    Class { name: "kill", weight: |of| of.kill, draw: |it| it.kill() },
    Class { name: "stop", weight: |of| of.stop, draw: |it| it.stop() },
    Class { name: "transfer", weight: |of| of.transfer, draw: |it| it.transfer() },
    Class { name: "reconfigure", weight: |of| of.reconfigure, draw: |it| it.reconfigure() },
    Class { name: "power", weight: |of| of.power, draw: |it| it.power() },
    Class { name: "torn", weight: |of| of.torn, draw: |it| it.torn() },
    Class { name: "crash_loop", weight: |of| of.crash_loop, draw: |it| it.crash_loop() },
    Class { name: "rolling", weight: |of| of.rolling, draw: |it| it.rolling() },
    Class { name: "pause", weight: |of| of.pause, draw: |it| it.pause() },
    Class { name: "freeze", weight: |of| of.freeze, draw: |it| it.freeze() },
    Class { name: "jump", weight: |of| of.jump, draw: |it| it.jump() },
    Class { name: "slow_cpu", weight: |of| of.slow_cpu, draw: |it| it.slow_cpu() },
    Class { name: "stall", weight: |of| of.stall, draw: |it| it.stall() },
    Class { name: "slow_disk", weight: |of| of.slow_disk, draw: |it| it.slow_disk() },
    Class { name: "disk_error", weight: |of| of.disk_error, draw: |it| it.disk_error() },
    Class { name: "rot", weight: |of| of.rot, draw: |it| it.rot() },
    Class { name: "full", weight: |of| of.full, draw: |it| it.full() },
];

/// One draw: it has chance of its own, so that it depends on no other.
pub(super) struct Draw<'o> {
    pub(super) options: &'o Options,
    pub(super) at: Duration,
    pub(super) rng: Rng,
    pub(super) actions: &'o mut Vec<Action>,
}

impl Draw<'_> {
    fn strike(&mut self, what: Strike) {
        self.strike_after(Duration::ZERO, what);
    }

    fn strike_after(&mut self, wait: Duration, what: Strike) {
        self.actions.push(Action { at: self.at + wait, what });
    }

    fn server(&mut self) -> u16 {
        1 + self.place(self.options.servers())
    }

    fn place(&mut self, below: u16) -> u16 {
        u16::try_from(self.rng.below(below.into())).expect("below a u16")
    }

    fn who(&mut self) -> Who {
        Who::Server(self.server())
    }

    /// Now and then all of them.
    fn one_or_all(&mut self) -> Who {
        let one = self.who();
        if self.rng.chance(100) { Who::Role(Role::All) } else { one }
    }

    fn order(&mut self) -> Vec<u16> {
        let mut order: Vec<u16> = (1..=self.options.servers()).collect();
        self.rng.shuffle(&mut order);
        order
    }

    /// Everybody but the hub, dealt to so many sides; some may be empty.
    fn sides(&mut self, count: usize, hub: Option<u16>) -> Vec<Vec<u16>> {
        let mut sides = vec![Vec::new(); count];
        let order = self.order();
        let is_even = count == 2;
        for (at, server) in order.into_iter().filter(|&server| Some(server) != hub).enumerate() {
            let side = if is_even { at % 2 } else { self.rng.index(count) };
            sides[side].push(server);
        }
        sides.iter_mut().for_each(|side| side.sort_unstable());
        sides.retain(|side| !side.is_empty());
        sides
    }

    fn span(&mut self, max: Duration) -> Duration {
        super::plan::drawn_span(&mut self.rng, max)
    }

    fn lasts(&mut self) -> Duration {
        self.span(self.options.nemesis.lasting_max)
    }

    /// A part of the election timeout, or some of them.
    fn timeouts(&mut self, max_permille: u32) -> Duration {
        self.span(self.options.raft.election_timeout * max_permille / 1000)
    }

    fn partition(&mut self) {
        let lasts = self.lasts();
        let hub = self.server();
        let strike = match self.rng.below(7) {
            0 | 1 => Strike::Split { sides: self.sides(2, None), lasts },
            2 => Strike::Split { sides: self.sides(3, None), lasts },
            3 => Strike::Bridge { hub, sides: self.sides(2, Some(hub)), lasts },
            4 => Strike::Ring { order: self.order(), lasts },
            5 => Strike::Chain { order: self.order(), lasts },
            _ => Strike::Star { hub, lasts },
        };
        self.strike(strike);
    }

    fn lonely(&mut self) {
        let (who, lasts) = (self.who(), self.lasts());
        let strike = match self.rng.below(5) {
            0 | 1 => Strike::Isolate { who, lasts },
            2 => Strike::Deaf { who, lasts },
            3 => Strike::Mute { who, lasts },
            _ => {
                let mut sides = self.sides(2, None).into_iter();
                let (from, to) = (sides.next(), sides.next());
                let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
                Strike::OneWay { from, to, lasts }
            }
        };
        self.strike(strike);
    }

    fn leader(&mut self) {
        let (who, lasts) = (Who::Role(Role::Leader), self.lasts());
        let strike = match self.rng.below(10) {
            0 | 1 => Strike::Isolate { who, lasts },
            2 => Strike::Deaf { who, lasts },
            3 => Strike::Mute { who, lasts },
            4 => Strike::Kill { who, down: lasts, limits: None },
            5 => Strike::Power { who, down: lasts, limits: None },
            6 => Strike::Stall { who, lasts },
            7 => Strike::Clog { who, lasts },
            8 => self.still(who, lasts),
            _ => Strike::Pause { who, lasts },
        };
        self.strike(strike);
    }

    /// Whoever leads falters for about as long as the others wait, so that one of them stands; that
    /// one is struck before it is heard, and the old leader is there again.
    fn candidate(&mut self) {
        let timeout = self.options.raft.election_timeout;
        let patience = timeout + self.timeouts(1000);
        let who = Who::Role(Role::Leader);
        let falters = match self.rng.below(3) {
            0 => Strike::Mute { who, lasts: patience },
            1 => self.still(who, patience),
            _ => Strike::Pause { who, lasts: patience },
        };
        self.strike(falters);
        let (who, lasts) = (Who::Role(Role::Candidate), self.timeouts(4000));
        let strike = match self.rng.below(8) {
            0 => Strike::Isolate { who, lasts },
            1 | 2 => Strike::Mute { who, lasts },
            3 => Strike::Clog { who, lasts },
            4 => Strike::Stall { who, lasts },
            5 => Strike::Pause { who, lasts },
            6 => Strike::Kill { who, down: lasts, limits: None },
            _ => Strike::Power { who, down: lasts, limits: None },
        };
        self.strike_after(timeout / 2, strike);
    }

    /// It believes that it still leads when it wakes up, and what it hears first is of that time.
    fn sleeper(&mut self) {
        let timeout = self.options.raft.election_timeout;
        let (wait, sleep) = (self.timeouts(600), timeout * 5 / 4 + self.timeouts(1000));
        let by = sleep + self.timeouts(800);
        let who = Who::Role(Role::Leader);
        self.strike(Strike::Lag { who, by, lasts: sleep + timeout });
        let stands_still = self.still(who, sleep);
        self.strike_after(wait, stands_still);
    }

    /// Some server, which may lead, is heard by one other only, which then stays alone with what it
    /// has heard. By then another one leads, and falls in its turn.
    fn heirs(&mut self) {
        let timeout = self.options.raft.election_timeout;
        let lasts = timeout * 5 / 2 + self.timeouts(1000);
        let parted = timeout / 2 + self.timeouts(500);
        let falls = [1300, 1500, 1500].map(|permille| self.timeouts(permille));
        let order = self.order();
        let kept = order.len().min(2);
        let (from, to) = (order[..1].to_vec(), order[kept..].to_vec());
        self.strike(Strike::OneWay { from, to, lasts });
        let who = Who::Server(order[kept - 1]);
        self.strike_after(parted, Strike::Isolate { who, lasts: timeout * 8 });
        let mut wait = timeout * 5 / 4;
        for fall in falls {
            wait += fall;
            let (who, lasts) = (Who::Role(Role::Leader), timeout * 2);
            self.strike_after(wait, Strike::Isolate { who, lasts });
        }
    }

    /// Whoever leads is left with one that has slept, and that it helps to catch up. Then nobody hears
    /// it any more: it learns that another one leads, which falls in its turn. So it may lead again
    /// before everything is over that it began when it led before.
    fn relapse(&mut self) {
        let timeout = self.options.raft.election_timeout;
        let (hub, who) = (self.server(), Who::Role(Role::Leader));
        let sleep = timeout + self.timeouts(2000);
        let parted = sleep - timeout / 10 - self.timeouts(200);
        let muted = parted + timeout / 2 + self.timeouts(300);
        self.strike(Strike::Pause { who: Who::Server(hub), lasts: sleep });
        self.strike_after(parted, Strike::Star { hub, lasts: muted - parted });
        let lasts = timeout * 3 / 2 + self.timeouts(1000);
        self.strike_after(muted, Strike::Mute { who, lasts });
        let mut wait = muted + timeout * 3 / 4;
        for permille in [1300, 1500, 1500] {
            wait += self.timeouts(permille);
            self.strike_after(wait, Strike::Isolate { who, lasts: timeout * 2 });
        }
    }

    fn flap(&mut self) {
        let between = [self.server(), self.server()];
        let (stretch, lasts) = (self.timeouts(2000), self.lasts());
        self.strike(Strike::Flap { between, stretch, lasts });
    }

    fn clog(&mut self) {
        let (who, lasts) = (self.who(), self.lasts());
        self.strike(Strike::Clog { who, lasts });
    }

    fn swizzle(&mut self) {
        let (clogged, released) = (self.order(), self.order());
        let count = 1 + self.rng.index(clogged.len());
        let step = self.timeouts(1000);
        let rank = |order: &[u16], server| order.iter().position(|&other| other == server);
        for (at, &server) in (0_u32..).zip(&clogged[..count]) {
            let last = rank(&released, server).expect("both have all");
            let last = u32::try_from(last).expect("a few servers");
            let lasts = step * (u32::from(self.options.servers()) + last - at);
            self.strike_after(step * at, Strike::Clog { who: Who::Server(server), lasts });
        }
    }

    fn filter(&mut self) {
        let who = self.one_or_all();
        let kinds = self.rng.pick(&[
            FrameKinds::VOTES,
            FrameKinds::ENTRIES,
            FrameKinds::ACKNOWLEDGEMENTS,
            FrameKinds::HEARTBEATS,
        ]);
        let lose_ppm = self.rng.pick(&[1_000_000, 500_000]);
        let lasts = self.lasts();
        self.strike(Strike::Filter { who, kinds, lose_ppm, lasts });
    }

    fn slow_link(&mut self) {
        let (from, to) = (self.server(), self.server());
        let (by, lasts) = (self.timeouts(1000), self.lasts());
        self.strike(Strike::SlowLink { from, to, by, lasts });
    }

    fn shut(&mut self) {
        let (one, lasts) = (self.who(), self.lasts());
        let who = if self.rng.chance(400) { Who::Role(Role::All) } else { one };
        self.strike(Strike::Shut { who, lasts });
    }

    fn reroute(&mut self) {
        let (from, to, lasts) = (self.server(), self.server(), self.lasts());
        self.strike(Strike::Reroute { from, to, lasts });
    }

    fn kill(&mut self) {
        let (who, down) = (self.one_or_all(), self.lasts());
        self.strike(Strike::Kill { who, down, limits: None });
    }

    fn stop(&mut self) {
        let (who, down) = (self.one_or_all(), self.lasts());
        self.strike(Strike::Stop { who, down });
    }

    fn transfer(&mut self) {
        let (heir, is_named) = (self.server(), self.rng.chance(500));
        let who = Who::Role(Role::Leader);
        self.strike(Strike::Transfer { who, to: is_named.then_some(heir) });
    }

    /// Any servers, in any number.
    fn reconfigure(&mut self) {
        let (mut order, who) = (self.order(), Who::Role(Role::Leader));
        let count = 1 + self.rng.index(order.len());
        let mut learners = order.split_off(count);
        learners.truncate(self.rng.index(learners.len() + 1));
        let force = self.rng.chance(200);
        order.sort_unstable();
        learners.sort_unstable();
        self.strike(Strike::Reconfigure { who, voters: order, learners, force });
    }

    fn power(&mut self) {
        let (who, down) = (self.one_or_all(), self.lasts());
        self.strike(Strike::Power { who, down, limits: None });
    }

    fn torn(&mut self) {
        let (who, after) = (self.who(), self.rng.within(1, 30));
        let by = if self.rng.chance(700) { DeathMode::PowerLoss } else { DeathMode::Kill };
        let down = self.lasts();
        self.strike(Strike::Torn { who, after, by, down });
    }

    fn crash_loop(&mut self) {
        let who = self.who();
        let crashes = self.rng.within(2, 5);
        let mut wait = Duration::ZERO;
        for _ in 0..crashes {
            let down = self.timeouts(300);
            self.strike_after(wait, Strike::Kill { who, down, limits: None });
            if self.rng.chance(500) {
                let after = self.rng.within(1, 12);
                let torn = Strike::Torn { who, after, by: DeathMode::PowerLoss, down };
                self.strike_after(wait + down / 2, torn);
            }
            wait += down + self.timeouts(500);
        }
    }

    fn rolling(&mut self) {
        let limits = Some(Limits {
            message_bytes_max: self.rng.log_within(1, 1 << 20),
            inflight_messages_max: u32::try_from(self.rng.log_within(1, 64)).expect("few"),
            cached_bytes_max: self.rng.log_within(1, 1 << 20) - 1,
            batch_bytes_max: self.rng.log_within(512, 64 << 10),
        });
        let (down, step) = (self.timeouts(500), self.timeouts(4000));
        for (at, server) in (0_u32..).zip(self.order()) {
            let who = Who::Server(server);
            self.strike_after(step * at, Strike::Kill { who, down, limits });
        }
    }

    /// A server stands still, and its clock with it, unless leases rest on clocks.
    fn still(&self, who: Who, lasts: Duration) -> Strike {
        match self.options.raft.lease {
            None => Strike::Freeze { who, lasts },
            Some(_) => Strike::Pause { who, lasts },
        }
    }

    fn pause(&mut self) {
        let (who, lasts) = (self.who(), self.lasts());
        self.strike(Strike::Pause { who, lasts });
    }

    fn freeze(&mut self) {
        let (who, lasts) = (self.who(), self.lasts());
        self.strike(Strike::Freeze { who, lasts });
    }

    fn jump(&mut self) {
        let (who, by) = (self.who(), self.timeouts(20_000));
        self.strike(Strike::Jump { who, by });
    }

    fn slow_cpu(&mut self) {
        let (who, by, lasts) = (self.who(), self.timeouts(100), self.lasts());
        self.strike(Strike::SlowCpu { who, by, lasts });
    }

    fn stall(&mut self) {
        let (who, lasts) = (self.who(), self.lasts());
        self.strike(Strike::Stall { who, lasts });
    }

    fn slow_disk(&mut self) {
        let (who, lasts) = (self.who(), self.lasts());
        let percent = self.rng.log_within(200, 10_000);
        self.strike(Strike::SlowDisk { who, percent, lasts });
    }

    fn disk_error(&mut self) {
        let who = self.who();
        let faults = [Fault::ReadError, Fault::WriteError, Fault::SyncError, Fault::NameError];
        let fault = self.rng.pick(&faults);
        let files = match self.rng.below(3) {
            0 => Files::Segments,
            1 => Files::State,
            _ => Files::Any,
        };
        self.strike(Strike::DiskError { who, fault, files });
    }

    /// Of the same few servers in the whole run, those that the others can do without. Mostly they
    /// start again soon, and have to notice.
    fn rot(&mut self) {
        let mut order: Vec<u16> = (1..=self.options.servers()).collect();
        Rng::named(self.options.seed, Stream::Nemesis, "whose disks rot").shuffle(&mut order);
        order.truncate((order.len() - 1) / 2);
        if order.is_empty() {
            return;
        }
        let who = Who::Server(self.rng.pick(&order));
        let how = self.rng.pick(&Decay::ALL);
        let files = match self.rng.below(8) {
            0 => Files::Ident,
            1 | 2 => Files::State,
            _ => Files::Segments,
        };
        let down = self.lasts();
        match self.rng.below(10) {
            0..6 => {
                self.strike(Strike::Power { who, down, limits: None });
                self.strike_after(down / 2, Strike::Rot { who, how, files });
            }
            6..8 => self.strike(Strike::Rot { who, how, files }),
            _ => self.rot_of_what_is_wanted(),
        }
    }

    /// Somebody falls behind, and on the disk of the leader decays what it would be sent.
    fn rot_of_what_is_wanted(&mut self) {
        let (who, lasts) = (self.who(), self.lasts());
        self.strike(Strike::Isolate { who, lasts });
        for _ in 0..6 {
            let how = self.rng.pick(&[Decay::FlippedBit, Decay::Noise, Decay::Zeros]);
            let who = Who::Role(Role::Leader);
            self.strike_after(lasts * 3 / 4, Strike::Rot { who, how, files: Files::Segments });
        }
    }

    fn full(&mut self) {
        let (who, lasts) = (self.who(), self.lasts());
        self.strike(Strike::Full { who, lasts });
    }
}
