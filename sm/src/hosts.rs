//! The state machines of one log.

use alloc::boxed::Box;
use alloc::vec::Vec;

use quorate_core::LogId;

use crate::clock::Time;
use crate::context::{Context, Desk};
use crate::envelope::{MachineId, SessionId};
use crate::machine::ByteMachine;
use crate::registry::{Registration, Unfit};
use crate::schema::Schema;

/// A machine, and what it has on record.
pub(crate) struct Host {
    pub(crate) id: MachineId,
    pub(crate) name: &'static str,
    pub(crate) machine: Box<dyn ByteMachine>,
    pub(crate) cx: Context,
    /// Is it on the log? If not, nothing happens to it: replicas whose program lacks it go on alike.
    pub(crate) is_on_log: bool,
}

/// All machines of a log, by id.
#[derive(Default)]
pub(crate) struct Hosts(Vec<Host>);

/// How many timers fire in one entry: a crowd of them is spread over many, so that no command waits for
/// all of it.
const TIMERS_PER_ENTRY: usize = 1024;

impl Hosts {
    /// Takes one in.
    ///
    /// # Panics
    /// If there is one of this id or name, or the id is the replica's.
    pub(crate) fn add(&mut self, id: MachineId, name: &'static str, machine: Box<dyn ByteMachine>) {
        assert_ne!(id, MachineId::REPLICA, "a machine that would be the replica itself");
        assert!(self.0.iter().all(|host| host.name != name), "two machines are called {name:?}");
        match self.0.binary_search_by_key(&id, |host| host.id) {
            Ok(_) => panic!("two machines of {id:?}"),
            Err(at) => {
                let cx = Context::of_machine(machine.event_limits());
                self.0
                    .insert(at, Host { id, name, machine, cx, is_on_log: id == MachineId::FIRST });
            }
        }
    }

    /// One that is on the log.
    pub(crate) fn get(&self, id: MachineId) -> Option<&Host> {
        self.position(id).ok().map(|at| &self.0[at]).filter(|host| host.is_on_log)
    }

    pub(crate) fn get_mut(&mut self, id: MachineId) -> Option<&mut Host> {
        self.position(id).ok().map(|at| &mut self.0[at]).filter(|host| host.is_on_log)
    }

    /// Those on the log.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Host> {
        self.0.iter().filter(|host| host.is_on_log)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Host> {
        self.0.iter_mut().filter(|host| host.is_on_log)
    }

    /// All that the program has.
    pub(crate) fn of_program(&self) -> impl Iterator<Item = &Host> {
        self.0.iter()
    }

    /// One that the program has, on the log or not.
    pub(crate) fn of_program_mut(&mut self, id: MachineId) -> Option<&mut Host> {
        self.position(id).ok().map(|at| &mut self.0[at])
    }

    /// What was begun to be loaded comes to nothing.
    pub(crate) fn abandon_loading(&mut self) {
        let loaders = self.0.iter_mut().filter_map(|host| host.machine.loader());
        loaders.for_each(|loader| loader.abandon());
    }

    /// From now on those are on the log for which that is said.
    pub(crate) fn put_on_log(&mut self, is_on_log: impl Fn(MachineId) -> bool) {
        for host in &mut self.0 {
            host.is_on_log = is_on_log(host.id);
        }
    }

    /// Does the program have what the log says of a machine?
    ///
    /// # Errors
    /// If not.
    pub(crate) fn fit(&self, machine: &Registration) -> Result<(), Unfit> {
        let host = self.0.iter().find(|host| host.id == machine.id);
        machine.fits(host.map(|host| (host.name, host.machine.schema())))
    }

    fn position(&self, id: MachineId) -> Result<usize, usize> {
        match self.0.first() {
            // Most logs have one machine.
            Some(first) if first.id == id => Ok(0),
            _ => self.0.binary_search_by_key(&id, |host| host.id),
        }
    }

    pub(crate) fn are_brief(&self) -> bool {
        self.0.iter().all(|host| host.machine.is_brief())
    }

    pub(crate) fn need_time(&self) -> bool {
        self.0.iter().any(|host| host.machine.needs_time())
    }

    /// Fires what is due at `now`, up to a number.
    pub(crate) fn fire(&mut self, at: LogId, now: Time) {
        let mut left = TIMERS_PER_ENTRY;
        for Host { machine, cx, .. } in self.iter_mut() {
            while left > 0
                && let Some(what) = cx.desk.timers.pop_due(now)
            {
                left -= 1;
                cx.enter(at, now, None);
                machine.fire(cx, &what);
            }
        }
    }

    /// A session has ended.
    pub(crate) fn end_session(&mut self, at: LogId, now: Time, session: SessionId) {
        for Host { machine, cx, .. } in self.iter_mut() {
            cx.enter(at, now, Some(session));
            machine.session_ended(cx, session);
        }
    }

    /// When the next timer fires.
    pub(crate) fn due(&self) -> Option<Time> {
        self.iter().filter_map(|host| host.cx.desk.timers.due()).min()
    }

    /// How many timers there are.
    pub(crate) fn timers(&self) -> usize {
        self.iter().map(|host| host.cx.desk.timers.len()).sum()
    }
}

impl Host {
    pub(crate) fn registration(&self) -> Registration {
        Registration::of(self.id, self.name, self.machine.schema())
    }

    /// The first machine is on the log anyway, and of one that was written by hand there is nothing to say.
    pub(crate) fn needs_registration(&self) -> bool {
        self.id != MachineId::FIRST || self.machine.schema() != Schema::UNKNOWN
    }

    pub(crate) fn desk(&self) -> &Desk {
        &self.cx.desk
    }
}
