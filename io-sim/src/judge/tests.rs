//! Negative controls: crafted servers that break one property each, and the judges notice.

use bytes::Bytes;
use quorate_core::{
    Append, AppendEntries, AppendEntriesReply, AppendOutcome, Config, Entries, Entry, HardState,
    Heartbeat, Index, LogId, Membership, Message, NodeId, Payload, ReplicationId, RequestVoteReply,
    RoleKind, Round, Rpc, Term, Ticket, Write,
};

use super::futures::Place;
use super::image::Image;
use super::violation::Checked;
use super::{Given, Glance, Ledger, Properties, Property, Witness};

/// A server as a test wants it.
struct Double {
    id: NodeId,
    ledger: Ledger,
    glance: Glance,
    tickets: u64,
}

impl Witness for Double {
    fn id(&self) -> NodeId {
        self.id
    }

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn glance(&self) -> Option<Glance> {
        Some(self.glance)
    }
}

fn node(id: u64) -> NodeId {
    NodeId::new(id).expect("not zero")
}

fn at(term: u64, index: u64) -> LogId {
    LogId { term: Term(term), index: Index(index) }
}

fn entry(id: LogId, command: &'static str) -> Entry {
    Entry { id, payload: Payload::Command(Bytes::from_static(command.as_bytes())) }
}

fn glance(role: RoleKind, term: u64) -> Glance {
    Glance {
        role,
        hard_state: HardState { term: Term(term), vote: None, is_forgetful: false },
        last: LogId::ZERO,
        durable: Index(0),
        commit: Index(0),
    }
}

/// Three servers, all followers in term 1 with empty logs, who voted for the first.
fn three() -> (Properties, Vec<Double>) {
    let membership = Membership::of_voters((1..=3).map(node)).expect("three voters");
    let double = |id| Double {
        id: node(id),
        ledger: Ledger::default(),
        glance: glance(RoleKind::Follower, 1),
        tickets: 0,
    };
    let mut doubles: Vec<_> = (1..=3).map(double).collect();
    for double in &mut doubles {
        write(double, Some(1), None, &[]);
        vote(double, 1, 1);
    }
    (Properties::new(membership, true), doubles)
}

/// Writes, without asking the judges.
fn write(double: &mut Double, term: Option<u64>, prev: Option<LogId>, entries: &[Entry]) {
    let entries = Entries::new(entries.to_vec()).expect("a run");
    double.tickets += 1;
    let hard_state =
        term.map(|term| HardState { term: Term(term), vote: None, is_forgetful: false });
    let append = prev.map(|prev| Append { prev, entries });
    let done = double.ledger.write(Write {
        ticket: Ticket(double.tickets),
        snapshot: None,
        hard_state,
        append,
    });
    done.expect("a write that follows");
    double.glance.last = double.ledger.written().last();
    double.glance.hard_state = double.ledger.written().hard_state;
}

/// Votes durably, as long as nothing else is under way.
fn vote(double: &mut Double, term: u64, candidate: u64) {
    double.tickets += 1;
    let hard_state =
        Some(HardState { term: Term(term), vote: Some(node(candidate)), is_forgetful: false });
    let write = Write { ticket: Ticket(double.tickets), snapshot: None, hard_state, append: None };
    double.ledger.write(write).expect("a write that follows");
    sync(double);
    double.glance.hard_state = double.ledger.written().hard_state;
}

fn sync(double: &mut Double) {
    double.ledger.sync(usize::MAX);
    double.glance.durable = double.ledger.durable().last().index;
}

/// A step after which the server is like this.
fn step(properties: &mut Properties, doubles: &mut [Double], who: usize, is: Glance) -> Checked {
    let was = std::mem::replace(&mut doubles[who].glance, is);
    properties.stepped(who, was, is, doubles)
}

fn lead(properties: &mut Properties, doubles: &mut [Double], who: usize) -> Checked {
    let is = Glance { role: RoleKind::Leader, ..doubles[who].glance };
    step(properties, doubles, who, is)
}

fn commit(properties: &mut Properties, doubles: &mut [Double], who: usize, upto: u64) -> Checked {
    let is = Glance { commit: Index(upto), ..doubles[who].glance };
    step(properties, doubles, who, is)
}

fn broken<T: std::fmt::Debug>(checked: Checked<T>) -> Property {
    checked.expect_err("it must be noticed").property
}

#[test]
fn i1_a_second_leader_of_a_term_is_noticed() {
    let (mut properties, mut doubles) = three();
    assert_eq!(lead(&mut properties, &mut doubles, 0), Ok(()));
    assert_eq!(broken(lead(&mut properties, &mut doubles, 1)), Property::ElectionSafety);
}

#[test]
fn i1_a_leader_without_a_quorum_of_votes_in_its_term_is_noticed() {
    let (mut properties, mut doubles) = three();
    vote(&mut doubles[1], 2, 2);
    write(&mut doubles[1], Some(2), None, &[]);
    assert_eq!(broken(lead(&mut properties, &mut doubles, 1)), Property::ElectionSafety);
    let (mut properties, mut doubles) = three();
    doubles[..2].iter_mut().for_each(|double| vote(double, 2, 2));
    assert_eq!(lead(&mut properties, &mut doubles, 1), Ok(()));
}

#[test]
fn i2_a_leader_that_overwrites_is_noticed() {
    let (properties, mut doubles) = three();
    write(&mut doubles[0], None, Some(LogId::ZERO), &[entry(at(1, 1), "a")]);
    let leads = Glance { role: RoleKind::Leader, ..doubles[0].glance };
    let append = Append { prev: LogId::ZERO, entries: Entries::EMPTY };
    let cut = Write { ticket: Ticket(9), snapshot: None, hard_state: None, append: Some(append) };
    let written = properties.writes(&cut, leads, leads, &doubles[0].ledger);
    assert_eq!(broken(written), Property::LeaderAppendOnly);
}

#[test]
fn i3_two_entries_of_one_name_are_noticed() {
    let (mut properties, mut doubles) = three();
    for (who, command) in [(0, "a"), (1, "b")] {
        let entries = [entry(at(1, 1), command)];
        write(&mut doubles[who], None, Some(LogId::ZERO), &entries);
        let wrote = properties.wrote(&entries, doubles[who].ledger.written()).map(drop);
        assert_eq!(wrote.is_err(), who == 1);
        if who == 1 {
            assert_eq!(broken(wrote), Property::LogMatching);
        }
    }
}

/// The first entry is committed by server 1 in term 1; server 3 has not heard of it.
fn one_is_committed() -> (Properties, Vec<Double>) {
    let (mut properties, mut doubles) = three();
    for double in &mut doubles[..2] {
        write(double, None, Some(LogId::ZERO), &[entry(at(1, 1), "a")]);
        sync(double);
    }
    assert_eq!(lead(&mut properties, &mut doubles, 0), Ok(()));
    assert_eq!(commit(&mut properties, &mut doubles, 0, 1), Ok(()));
    (properties, doubles)
}

#[test]
fn i4_a_leader_that_lacks_a_committed_entry_is_noticed() {
    let (mut properties, mut doubles) = one_is_committed();
    doubles[1..].iter_mut().for_each(|double| vote(double, 2, 3));
    assert_eq!(broken(lead(&mut properties, &mut doubles, 2)), Property::LeaderCompleteness);
}

/// Thesis Figure 3.8 up to (c): an entry of term 1 is on two of three disks, and the third server has
/// led in term 2.
fn one_of_an_earlier_term() -> (Properties, Vec<Double>) {
    let (properties, mut doubles) = three();
    for double in &mut doubles[..2] {
        write(double, None, Some(LogId::ZERO), &[entry(at(1, 1), "a")]);
        sync(double);
    }
    write(&mut doubles[2], Some(2), Some(LogId::ZERO), &[entry(at(2, 1), "b")]);
    sync(&mut doubles[2]);
    doubles[..2].iter_mut().for_each(|double| vote(double, 3, 1));
    (properties, doubles)
}

#[test]
fn i4_a_commit_that_a_later_leader_may_lack_is_noticed() {
    let (mut properties, mut doubles) = one_of_an_earlier_term();
    assert_eq!(lead(&mut properties, &mut doubles, 0), Ok(()));
    let committed = commit(&mut properties, &mut doubles, 0, 1);
    assert_eq!(broken(committed), Property::LeaderCompleteness);
}

#[test]
fn i4_a_leader_that_counts_copies_of_earlier_terms_is_noticed() {
    let (_, doubles) = one_of_an_earlier_term();
    let was = Glance { role: RoleKind::Leader, ..doubles[0].glance };
    let counts = |upto| {
        let is = Glance { commit: Index(upto), ..was };
        Properties::counts_its_own(was, is, &doubles[0].ledger)
    };
    assert_eq!(counts(0), Ok(()));
    assert_eq!(broken(counts(1)), Property::LeaderCompleteness);
    let learned = Glance { commit: Index(1), role: RoleKind::Follower, ..was };
    assert_eq!(Properties::counts_its_own(was, learned, &doubles[0].ledger), Ok(()));
}

#[test]
fn h7_a_void_request_that_can_still_be_committed_is_noticed() {
    let (properties, mut doubles) = one_of_an_earlier_term();
    let void = |doubles: &[Double], who| {
        let place = Place { at: at(1, 1), author: node(1) };
        properties.is_void(&[place], node(who), doubles)
    };
    assert_eq!(broken(void(&doubles, 3)), Property::OneTrueAnswer, "1 and 2 have it");
    write(&mut doubles[0], None, Some(LogId::ZERO), &[entry(at(2, 1), "b")]);
    assert_eq!(broken(void(&doubles, 3)), Property::OneTrueAnswer, "1 may lose power");
    sync(&mut doubles[0]);
    assert_eq!(void(&doubles, 3), Ok(()), "2 has it, and cannot win");
    assert_eq!(broken(void(&doubles, 1)), Property::OneTrueAnswer, "1 cannot know that");
    write(&mut doubles[1], None, Some(LogId::ZERO), &[entry(at(2, 1), "b")]);
    sync(&mut doubles[1]);
    assert_eq!(broken(void(&doubles, 1)), Property::OneTrueAnswer, "nor that nobody has it");
    assert_eq!(void(&doubles, 3), Ok(()), "it is gone");
    doubles[0].glance.commit = Index(1);
    assert_eq!(void(&doubles, 1), Ok(()));
}

#[test]
fn i5_two_committed_entries_at_one_index_are_noticed() {
    let (mut properties, mut doubles) = one_is_committed();
    write(&mut doubles[2], None, Some(LogId::ZERO), &[entry(at(1, 1), "b")]);
    let committed = commit(&mut properties, &mut doubles, 2, 1);
    assert_eq!(broken(committed), Property::StateMachineSafety);
}

#[test]
fn i5_i9_a_state_machine_that_is_given_something_else_is_noticed() {
    let (properties, _) = one_is_committed();
    let give = |entries: &[Entry], commit| {
        let mut given = Given::NOTHING;
        properties.gives(&mut given, entries, Index(commit))
    };
    assert_eq!(give(&[entry(at(1, 1), "a")], 1), Ok(()));
    assert_eq!(broken(give(&[entry(at(1, 1), "b")], 1)), Property::StateMachineSafety);
    assert_eq!(broken(give(&[entry(at(1, 2), "a")], 2)), Property::StateMachineSafety);
    assert_eq!(broken(give(&[entry(at(1, 1), "a")], 0)), Property::StateMachineSafety);
}

#[test]
fn i6_terms_votes_and_commits_that_go_back_are_noticed() {
    let (mut properties, mut doubles) = one_is_committed();
    let back = commit(&mut properties, &mut doubles, 0, 0);
    assert_eq!(broken(back), Property::NothingGoesBack);

    let (properties, doubles) = three();
    let is = doubles[0].glance;
    let writes = |term, vote| {
        let hard_state = Some(HardState { term: Term(term), vote, is_forgetful: false });
        let write = Write { ticket: Ticket(9), snapshot: None, hard_state, append: None };
        properties.writes(&write, is, is, &doubles[0].ledger)
    };
    assert_eq!(broken(writes(0, None)), Property::NothingGoesBack);
    assert_eq!(writes(1, Some(node(1))), Ok(()));
    let mut voted = Ledger::default();
    let hard_state = Some(HardState { term: Term(1), vote: Some(node(2)), is_forgetful: false });
    let vote = Write { ticket: Ticket(1), snapshot: None, hard_state, append: None };
    assert_eq!(voted.write(vote), Ok(false));
    let other = Some(HardState { term: Term(1), vote: Some(node(3)), is_forgetful: false });
    let other = Write { ticket: Ticket(2), snapshot: None, hard_state: other, append: None };
    assert_eq!(broken(properties.writes(&other, is, is, &voted)), Property::OneVotePerTerm);
    let committed = Glance { commit: Index(1), ..is };
    let append = Append { prev: LogId::ZERO, entries: Entries::EMPTY };
    let cut = Write { ticket: Ticket(3), snapshot: None, hard_state: None, append: Some(append) };
    let cut = properties.writes(&cut, committed, committed, &voted);
    assert_eq!(broken(cut), Property::StateMachineSafety);
}

#[test]
fn i7_a_commit_without_a_durable_quorum_is_noticed() {
    let (mut properties, mut doubles) = three();
    for double in &mut doubles {
        write(double, None, Some(LogId::ZERO), &[entry(at(1, 1), "a")]);
    }
    sync(&mut doubles[0]);
    assert_eq!(lead(&mut properties, &mut doubles, 0), Ok(()));
    let committed = commit(&mut properties, &mut doubles, 0, 1);
    assert_eq!(broken(committed), Property::CommitIsDurable);
}

fn say(properties: &mut Properties, doubles: &[Double], from: usize, rpc: Rpc) -> Checked {
    let is = doubles[from].glance;
    let (sender, to) = (doubles[from].id, doubles[(from + 1) % 3].id);
    let message = Message { from: sender, to, term: is.term(), rpc };
    properties.said(&message, is, &Config::new(sender), doubles)
}

fn matches(index: u64) -> Rpc {
    let outcome = AppendOutcome::Match(Index(index));
    let (replication, round) = (ReplicationId(1), Round(1));
    Rpc::AppendEntriesReply(AppendEntriesReply { replication, round, outcome })
}

#[test]
fn i8_a_vote_that_is_not_durable_is_noticed() {
    let (mut properties, mut doubles) = three();
    let grant = Rpc::RequestVoteReply(RequestVoteReply { granted: true });
    doubles[0].ledger.sync(1);
    let said = say(&mut properties, &doubles, 0, grant);
    assert_eq!(broken(said), Property::NothingUndurableIsSaid);
}

#[test]
fn i8_an_acknowledgement_that_is_not_durable_is_noticed() {
    let (mut properties, mut doubles) = three();
    sync(&mut doubles[1]);
    write(&mut doubles[1], None, Some(LogId::ZERO), &[entry(at(1, 1), "a")]);
    let said = say(&mut properties, &doubles, 1, matches(1));
    assert_eq!(broken(said), Property::NothingUndurableIsSaid);
    sync(&mut doubles[1]);
    assert_eq!(say(&mut properties, &doubles, 1, matches(1)), Ok(()));
    assert_eq!(broken(say(&mut properties, &doubles, 1, matches(2))), Property::MessagesAreTrue);
}

/// Server 1 leads and has one entry, which server 2 has, too.
#[test]
fn a_successor_that_never_had_all_is_noticed() {
    let (mut properties, mut doubles) = one_is_committed();
    assert_eq!(say(&mut properties, &doubles, 0, Rpc::TimeoutNow), Ok(()));
    doubles[1].ledger.lose(Image::default());
    assert_eq!(say(&mut properties, &doubles, 0, Rpc::TimeoutNow), Ok(()), "nobody has told yet");
    write(&mut doubles[0], None, Some(at(1, 1)), &[entry(at(1, 2), "b")]);
    sync(&mut doubles[0]);
    let said = say(&mut properties, &doubles, 0, Rpc::TimeoutNow);
    assert_eq!(broken(said), Property::MessagesAreTrue);
}

#[test]
fn what_is_not_in_the_log_of_a_leader_is_noticed() {
    let (mut properties, doubles) = one_is_committed();
    let append = |entries: Vec<Entry>| {
        Rpc::AppendEntries(AppendEntries {
            replication: ReplicationId(1),
            round: Round(1),
            prev: LogId::ZERO,
            commit: Index(0),
            entries: Entries::new(entries).expect("a run"),
        })
    };
    let right = append(vec![entry(at(1, 1), "a")]);
    assert_eq!(say(&mut properties, &doubles, 0, right.clone()), Ok(()));
    let wrong = append(vec![entry(at(1, 1), "b")]);
    assert_eq!(broken(say(&mut properties, &doubles, 0, wrong)), Property::MessagesAreTrue);
    let usurped = say(&mut properties, &doubles, 1, right);
    assert_eq!(broken(usurped), Property::MessagesAreTrue, "it was never elected");
    let heartbeat = Heartbeat {
        replication: ReplicationId(1),
        round: Round(1),
        matched: at(1, 2),
        commit: Index(0),
    };
    let beyond = say(&mut properties, &doubles, 0, Rpc::Heartbeat(heartbeat));
    assert_eq!(broken(beyond), Property::MessagesAreTrue);
}

#[test]
fn i11_a_leader_that_counts_on_what_is_not_there_is_noticed() {
    let (properties, doubles) = one_is_committed();
    let believes = |peer, matched| {
        properties.believes(0, doubles[0].glance, (node(peer), Index(matched)), &doubles)
    };
    assert_eq!((believes(2, 1), believes(3, 0)), (Ok(()), Ok(())));
    assert_eq!(broken(believes(3, 1)), Property::PeersMatch);
}
