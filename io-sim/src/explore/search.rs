//! Breadth first: what is found is found on a shortest way.

use super::action::Action;
use super::fingerprint::Seen;
use super::options::Options;
use super::report::{Failure, Report};
use super::table::Table;
use super::world::World;
use crate::judge::{Checked, Property, Violation};

/// One of the actions that are possible in a state, and one of the ways to lose what is then too much.
pub type Choice = (u16, u16);

/// How many states lie between two looks of an observer.
const LOOK: u64 = 1 << 16;

/// All states that were found.
struct Search<'a> {
    options: &'a Options,
    table: Table,
    seen: Seen,
    /// For each state, in the order in which they were found: from which one, and how.
    ways: Vec<(u32, Choice)>,
    /// The states of the level that is being found, one behind the other.
    next: Vec<u32>,
    /// Kept for its allocation.
    spilled: Vec<World>,
    report: Report,
}

/// Explores a small world. `observe` is told now and then how it goes.
///
/// # Errors
/// The nearest state in which something does not hold.
pub fn run(options: &Options, mut observe: impl FnMut(&Report)) -> Result<Report, Box<Failure>> {
    let mut search = Search {
        options,
        table: Table::new(true),
        seen: Seen::default(),
        ways: Vec::new(),
        next: Vec::new(),
        spilled: Vec::new(),
        report: Report::default(),
    };
    let first = World::first(&mut search.table, options);
    search.find(&first, (0, (0, 0)));
    let (mut level, mut number) = (Vec::new(), 0);
    let mut actions = Vec::new();
    while !search.next.is_empty() && search.report.states < u64::from(options.states) {
        core::mem::swap(&mut level, &mut search.next);
        search.next.clear();
        let (mut rest, found) = (level.as_slice(), search.report.states);
        while !rest.is_empty() && search.report.states < u64::from(options.states) {
            let world;
            (world, rest) = World::from_words(rest, options);
            Action::all(&world, &search.table, options, &mut actions);
            for (choice, &action) in actions.iter().enumerate() {
                let choice = u16::try_from(choice).expect("few things may happen");
                let gone = search.go(&world, action, (number, choice));
                gone.map_err(|why| search.failure(why, (number, (choice, 0))))?;
            }
            number += 1;
            if u64::from(number).is_multiple_of(LOOK) {
                search.measure(level.capacity());
                observe(&search.report);
            }
        }
        search.report.is_complete = search.next.is_empty();
        search.report.widest = search.report.widest.max(search.report.states - found);
        search.report.depth += u32::from(search.report.states > found);
        search.measure(level.capacity());
    }
    Ok(search.report)
}

impl Search<'_> {
    fn go(&mut self, world: &World, action: Action, (from, choice): (u32, u16)) -> Checked {
        let next = world.after(action, &mut self.table, self.options)?;
        if !next.is_within(&self.table, self.options) {
            self.report.transitions += 1;
            self.report.beyond += 1;
            return Ok(());
        }
        let mut all = core::mem::take(&mut self.spilled);
        next.spilled(self.options, &mut all);
        for (loss, next) in all.iter().enumerate() {
            self.report.transitions += 1;
            let loss = u16::try_from(loss).expect("few things are lost");
            if self.find(next, (from, (choice, loss))) {
                self.count(world, next);
            }
        }
        self.spilled = all;
        Ok(())
    }

    /// Takes note of a state unless it is known.
    fn find(&mut self, world: &World, way: (u32, Choice)) -> bool {
        let is_new = self.seen.insert(world.name());
        if is_new {
            self.report.states += 1;
            self.ways.push(way);
            world.words(|word| self.next.push(word));
        }
        is_new
    }

    /// An exploration that never comes to these proves nothing.
    fn count(&mut self, before: &World, after: &World) {
        let [was, is] = [before, after].map(|world| self.table.history(world.history));
        self.report.elections += u64::from(is.elections() > was.elections());
        self.report.commits += u64::from(is.committed() > was.committed());
        let pairs = before.nodes.iter().zip(&after.nodes);
        for (&was, &is) in pairs.filter(|(was, is)| was != is) {
            let [was, is] = [was, is].map(|node| self.table.seat(node));
            self.report.cuts += u64::from(was.is_cut(is));
            self.report.compactions += u64::from(was.is_compacted(is));
            self.report.restores += u64::from(was.is_restored(is));
        }
        self.report.reads += u64::from(after.waits() < before.waits());
    }

    fn measure(&mut self, level_words: usize) {
        let [servers, messages, histories, steps] = self.table.sizes();
        let words = (level_words + self.next.capacity()) * size_of::<u32>();
        let ways = self.ways.capacity() * size_of::<(u32, Choice)>();
        let bytes = self.seen.bytes() + words + ways;
        self.report = Report { servers, messages, histories, steps, bytes, ..self.report };
    }

    /// The whole way, gone again by real servers of their own.
    fn failure(&mut self, violation: Violation, way: (u32, Choice)) -> Box<Failure> {
        let mut choices = vec![way.1];
        let mut at = way.0;
        while at > 0 {
            let (from, choice) = self.ways[at as usize];
            choices.push(choice);
            at = from;
        }
        choices.reverse();
        let (trace, again) = replay(self.options, &choices);
        let violation = if again.as_ref() == Err(&violation) {
            violation
        } else {
            let evidence = format!("gone again, the way ends with {again:?}; before: {violation}");
            Violation { property: Property::Determinism, evidence }
        };
        let options = self.options.clone();
        Box::new(Failure { violation, options, choices, trace, report: self.report })
    }
}

/// Goes one way from the first state, with a server of its own in each place: nothing that merges
/// states has a part in it. Tells a line for each action, and what does not hold at the end.
pub fn replay(options: &Options, choices: &[Choice]) -> (Vec<String>, Checked) {
    let mut table = Table::new(false);
    let mut world = World::first(&mut table, options);
    let mut trace = Vec::new();
    let (mut actions, mut all) = (Vec::new(), Vec::new());
    for (step, &(choice, loss)) in choices.iter().enumerate() {
        Action::all(&world, &table, options, &mut actions);
        let Some(&action) = actions.get(usize::from(choice)) else {
            trace.push(format!("{step:3} there is no choice {choice} of {}", actions.len()));
            break;
        };
        let told = format!("{:3} {}", step + 1, action.tell(&world, &table));
        match world.after(action, &mut table, options) {
            Ok(next) => {
                let sent = next.net.clone();
                next.spilled(options, &mut all);
                let Some(next) = all.get(usize::from(loss)).cloned() else {
                    trace.push(format!("{step:3} there is no loss {loss} of {}", all.len()));
                    break;
                };
                trace.push(format!("{told} => {}", next.tell_news(&world, &table)));
                trace.extend(next.tell_lost(&sent, &table).map(|line| format!("      {line}")));
                world = next;
            }
            Err(violation) => {
                trace.push(told);
                trace.extend(
                    world.tell(&table).into_iter().map(|line| format!("      before: {line}")),
                );
                return (trace, Err(violation));
            }
        }
    }
    trace.extend(world.tell(&table).into_iter().map(|line| format!("      at the end: {line}")));
    (trace, Ok(()))
}
