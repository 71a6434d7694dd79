//! What three servers together allocate once they are warm. The counts depend on nothing but the
//! code, so they are a gate without noise. The bytes of the commands exist before they are
//! proposed and are not counted.

#[expect(unreachable_pub, reason = "another package includes the module, too")]
mod lockstep;

use std::iter::repeat_n;

use allocation_counter::measure;
use bytes::Bytes;

use lockstep::{Lockstep, Moved};

const ROUNDS: u64 = 1_000;
const COMMAND: Bytes = Bytes::from_static(&[7; 16]);

#[test]
fn a_batch_is_one_allocation_on_all_three_servers_together() {
    for batch in [1, 2, 64, 1024] {
        let mut cluster = warm(batch);
        let applied = cluster.applied_bytes();
        let made = allocations_of(|| cluster.commit(repeat_n(COMMAND, batch)));
        // The run of entries. The leader's log, its write, its messages and the logs of its
        // followers share it.
        assert!(made <= ROUNDS, "{made} allocations in {ROUNDS} batches of {batch}");
        let more = ROUNDS * (batch * COMMAND.len()) as u64;
        let expected: Vec<_> = applied.iter().map(|before| before + more).collect();
        assert_eq!(cluster.applied_bytes(), expected);
    }
}

#[test]
fn a_round_of_heartbeats_allocates_nothing() {
    let mut cluster = warm(1);
    assert_eq!(allocations_of(|| cluster.heartbeat()), 0);
    // All the rounds were answered: the leader still leads.
    cluster.commit(repeat_n(COMMAND, 1));
    assert_eq!(cluster.applied_bytes(), [(ROUNDS + 1) * COMMAND.len() as u64; 3]);
}

#[test]
fn a_confirmed_read_allocates_nothing() {
    let mut cluster = warm(1);
    let ready = cluster.reads_ready();
    assert_eq!(allocations_of(|| cluster.read()), 0);
    assert_eq!(cluster.reads_ready(), ready + ROUNDS);
}

/// What a process holds for each of very many groups that have nothing to do: on the heap and, as if
/// it lay there too, the server itself.
#[test]
fn a_server_of_an_idle_group_is_small() {
    for (at, bytes_max) in [(0, 1_800), (1, 1_024)] {
        let mut server = None;
        let held = measure(|| {
            let mut cluster = Lockstep::<Moved>::new(3, 0);
            (0..ROUNDS).for_each(|_| cluster.heartbeat());
            server = cluster.into_servers().nth(at).map(Box::new);
        });
        assert!(server.is_some());
        assert!(held.bytes_current <= bytes_max, "server {at}: {} bytes", held.bytes_current);
    }
}

/// A cluster that has done everything so often that its buffers have their size.
fn warm(batch: usize) -> Lockstep {
    let mut cluster = Lockstep::new(3, 1 << 14);
    for _ in 0..ROUNDS {
        cluster.commit(repeat_n(COMMAND, batch));
        cluster.heartbeat();
        cluster.read();
    }
    cluster
}

fn allocations_of(mut round: impl FnMut()) -> u64 {
    measure(|| (0..ROUNDS).for_each(|_| round())).count_total
}
