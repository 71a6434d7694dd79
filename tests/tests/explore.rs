//! Every state of small worlds of real servers; see `quorate_io_sim::explore`.
//!
//! One or two messages under way are few, and yet every order of deliveries, losses, writes and
//! elections that they leave is tried. Each world has more of something than the others.

use quorate_io_sim::explore::{self, Failure, Options, Report};

#[test]
fn two_servers_that_are_read_on_a_network_that_repeats() {
    let options =
        Options { servers: 2, reads: 2, heartbeats: 1, duplicates: 1, ..Options::default() };
    let report = explore(&options);
    assert!(report.elections > 0 && report.reads > 0, "{report}");
}

#[test]
fn a_million_states_of_two_servers_that_crash() {
    let options = Options { servers: 2, terms: 3, timeouts: 4, crashes: 3, ..Options::default() };
    let report = explore(&options);
    assert!(report.states > 1_000_000, "{report}");
    assert!(report.elections > 0 && report.commits > 0, "{report}");
}

/// Three terms are where old entries meet new ones: thesis Figure 3.7 and its kin.
#[test]
fn three_elections_among_three_servers() {
    let report = explore(&Options { terms: 3, timeouts: 3, ..one_message() });
    assert!(report.elections > 0 && report.cuts > 0, "{report}");
}

/// A log may be longer and yet older (thesis 3.6.1).
#[test]
fn three_elections_and_a_command() {
    let world = Options { terms: 3, timeouts: 3, proposals: 1, ..one_message() };
    let report = explore(&Options { instant_disks: true, ..world });
    assert!(report.elections > 0 && report.cuts > 0, "{report}");
}

#[test]
fn a_command_and_a_crash_at_any_moment_of_two_elections() {
    let report = explore(&Options { proposals: 1, crashes: 1, duplicates: 1, ..one_message() });
    assert!(report.states > 1_000_000, "{report}");
    assert!(report.elections > 0 && report.cuts > 0, "{report}");
}

/// A leader that is deposed does not know, and is asked.
#[test]
fn a_read_and_a_crash_at_any_moment_of_two_elections() {
    let report = explore(&Options { reads: 1, crashes: 1, ..one_message() });
    assert!(report.elections > 0 && report.reads > 0, "{report}");
}

#[test]
fn two_messages_under_way_while_three_servers_elect_twice() {
    let report = explore(&Options { instant_disks: true, ..Options::default() });
    assert!(report.elections > 0 && report.cuts > 0, "{report}");
}

/// Pre-votes, loyal followers, and leaders that hear nobody.
#[test]
fn three_servers_that_ask_before_they_stand() {
    let asking = Options { pre_vote: true, check_quorum: true, ..one_message() };
    let report = explore(&Options { timeouts: 3, lapses: 3, ..asking });
    assert!(report.states > 1_000_000, "{report}");
    assert!(report.elections > 0 && report.commits > 0, "{report}");
}

/// thesis 4: at any moment of two elections the membership changes to any other, and back.
#[test]
fn two_servers_whose_membership_changes() {
    let two = Options { servers: 2, terms: 3, timeouts: 3, entries: 6, ..one_message() };
    let report = explore(&Options { changes: 2, crashes: 1, ..two });
    assert!(report.elections > 0 && report.commits > 0 && report.cuts > 0, "{report}");
}

#[test]
fn a_change_to_any_membership_of_three_servers() {
    let report = explore(&Options { changes: 1, entries: 5, instant_disks: true, ..one_message() });
    assert!(report.elections > 0 && report.commits > 0, "{report}");
}

/// The newcomer learns, catches up and votes.
#[test]
fn a_server_that_joins_another() {
    let joining = Options { servers: 2, spares: 1, terms: 3, timeouts: 3, ..Options::default() };
    let report = explore(&Options { changes: 1, entries: 6, crashes: 1, ..joining });
    assert!(report.elections > 0 && report.commits > 0, "{report}");
}

/// thesis 5: a log is forgotten behind a snapshot, and who lacks something of it begins with that of
/// another, or crashes on the way.
#[test]
fn a_snapshot_and_a_crash_at_any_moment_of_two_elections() {
    let report = explore(&Options { snapshots: 1, crashes: 1, ..one_message() });
    assert!(report.elections > 0 && report.commits > 0 && report.cuts > 0, "{report}");
    assert!(report.compactions > 10_000 && report.restores > 10_000, "{report}");
}

/// Whatever happens between a snapshot and its record: the log is forgotten after that.
#[test]
fn a_snapshot_a_heartbeat_and_a_crash_of_two_servers() {
    let two = Options { servers: 2, heartbeats: 1, crashes: 1, ..one_message() };
    let report = explore(&Options { snapshots: 1, ..two });
    assert!(report.elections > 0 && report.compactions > 1_000, "{report}");
}

/// What cannot be had is offered again.
#[test]
fn a_snapshot_and_a_heartbeat_at_any_moment_of_two_elections() {
    let world = Options { snapshots: 1, heartbeats: 1, ..one_message() };
    let report = explore(&Options { instant_disks: true, ..world });
    assert!(report.elections > 0 && report.cuts > 0, "{report}");
    assert!(report.compactions > 10_000 && report.restores > 10_000, "{report}");
}

/// A newer one is taken while an older one is on its way.
#[test]
fn two_snapshots_and_a_command_at_any_moment_of_two_elections() {
    let world = Options { snapshots: 2, proposals: 1, ..one_message() };
    let report = explore(&Options { instant_disks: true, ..world });
    assert!(report.elections > 0 && report.cuts > 0, "{report}");
    assert!(report.compactions > 10_000 && report.restores > 10_000, "{report}");
}

/// A newcomer begins with a snapshot, which may be from before it belonged to the cluster.
#[test]
fn a_server_that_joins_another_by_a_snapshot() {
    let joining = Options { servers: 2, spares: 1, entries: 5, ..Options::default() };
    let report = explore(&Options { changes: 1, snapshots: 1, ..joining });
    assert!(report.elections > 0 && report.compactions > 10_000, "{report}");
    assert!(report.restores > 500, "{report}");
}

/// thesis 3.10.
#[test]
fn leadership_that_is_handed_over_among_three_servers() {
    let report = explore(&Options { transfers: 1, terms: 3, ..one_message() });
    assert!(report.elections > 0 && report.commits > 0, "{report}");
}

#[test]
fn the_same_world_has_the_same_states() {
    let options = Options { servers: 2, crashes: 1, ..Options::default() };
    assert_eq!(explore(&options), explore(&options));
}

/// A bound of states ends it, and it says so.
#[test]
fn what_is_not_explored_is_not_called_complete() {
    let options = Options { states: 1000, ..Options::default() };
    let report = run(&options).unwrap_or_else(|failure| panic!("{failure}"));
    assert!(!report.is_complete && report.states >= 1000, "{report}");
}

fn one_message() -> Options {
    Options { messages: 1, ..Options::default() }
}

/// All of it.
fn explore(options: &Options) -> Report {
    let report = run(options).unwrap_or_else(|failure| panic!("{failure}"));
    println!("{options:?}: {report}");
    assert!(report.is_complete, "{report}");
    report
}

fn run(options: &Options) -> Result<Report, Box<Failure>> {
    explore::run(options, |_| ())
}
