//! Without faults of frames, every byte arrives once and in order, whatever else happens.

use proptest::prelude::*;
use quorate_io_sim::net::{Latency, LinkOptions, NetOptions, StreamOptions, Tail};

use crate::driver::{A, B, Driver, HostPair, MS, SECOND, pattern};

/// What a driver does with a connection.
#[derive(Clone, Debug)]
enum Step {
    Send { by_dialer: bool, length: usize },
    Wait { nanos: u64 },
    Pause { by_dialer: bool, pauses: bool },
    Block { pair: HostPair, blocks: bool },
    Hold { pair: HostPair },
    Mend,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pair = prop_oneof![Just((A, B)), Just((B, A))];
    let step = prop_oneof![
        6 => (any::<bool>(), 1_usize..5000)
            .prop_map(|(by_dialer, length)| Step::Send { by_dialer, length }),
        6 => (0..30 * MS).prop_map(|nanos| Step::Wait { nanos }),
        1 => (any::<bool>(), any::<bool>())
            .prop_map(|(by_dialer, pauses)| Step::Pause { by_dialer, pauses }),
        1 => (pair.clone(), any::<bool>()).prop_map(|(pair, blocks)| Step::Block { pair, blocks }),
        1 => pair.prop_map(|pair| Step::Hold { pair }),
        1 => Just(Step::Mend),
    ];
    prop::collection::vec(step, 1..40)
}

fn tails() -> impl Strategy<Value = Tail> {
    prop_oneof![Just(Tail::Even), Just(Tail::Exponential), Just(Tail::Heavy)]
}

prop_compose! {
    fn links()(
        tail in tails(),
        min_ns in 0..5 * MS,
        spread_ns in 0..5 * MS,
        loss_ppm in 0_u32..300_000,
        bytes_per_second in prop_oneof![Just(0_u64), 10_000_u64..1_000_000],
        cut_ppm in 0_u32..1_000_000,
        coalesce_ppm in 0_u32..500_000,
        stall_ppm in 0_u32..100_000,
        single_byte_ppm in 0_u32..200_000,
    ) -> LinkOptions {
        LinkOptions {
            latency: Latency { min_ns, spread_ns, tail },
            spike_ppm: 50_000,
            spike_max_ns: 100 * MS,
            loss_ppm,
            bytes_per_second,
            stream: StreamOptions {
                cut_ppm, single_byte_ppm, cut_gap_max_ns: MS, coalesce_ppm, coalesce_wait_ns: MS,
                stall_ppm, stall_max_ns: SECOND, ..StreamOptions::default()
            },
            ..LinkOptions::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_byte_arrives_once_and_in_order(
        seed: u64,
        link in links(),
        window_bytes in 1_u64..20_000,
        steps in steps(),
    ) {
        let patient = NetOptions {
            give_up_ns: u64::MAX,
            connect_timeout_ns: u64::MAX,
            ..NetOptions::default()
        };
        let mut driver = Driver::new(seed, NetOptions { link, window_bytes, ..patient });
        let (dialer, acceptor) = driver.connected(A, B);
        let (mut of_dialer, mut of_acceptor) = (Vec::new(), Vec::new());
        for step in steps {
            let end = |by_dialer| if by_dialer { dialer } else { acceptor };
            match step {
                Step::Send { by_dialer, length } => {
                    let said = if by_dialer { &mut of_dialer } else { &mut of_acceptor };
                    let bytes = &pattern(said.len() + length)[said.len()..];
                    said.extend_from_slice(bytes);
                    driver.send(end(by_dialer), bytes);
                }
                Step::Wait { nanos } => driver.run_for(nanos),
                Step::Pause { by_dialer, pauses: true } => {
                    driver.net.pause_reading(driver.now, end(by_dialer));
                }
                Step::Pause { by_dialer, .. } => {
                    driver.net.resume_reading(driver.now, end(by_dialer));
                }
                Step::Block { pair, blocks: true } => driver.net.block(pair.0, pair.1),
                Step::Block { pair, .. } => driver.net.unblock(pair.0, pair.1),
                Step::Hold { pair } => driver.net.hold(driver.now, pair.0, pair.1, None),
                Step::Mend => driver.net.mend(driver.now),
            }
            // Never more than was sent, and in order.
            prop_assert!(of_dialer.starts_with(&driver.bytes(acceptor)));
            prop_assert!(of_acceptor.starts_with(&driver.bytes(dialer)));
        }
        driver.net.mend(driver.now);
        driver.net.resume_reading(driver.now, dialer);
        driver.net.resume_reading(driver.now, acceptor);
        driver.run_for(100_000 * SECOND);
        prop_assert!(driver.bytes(acceptor) == of_dialer);
        prop_assert!(driver.bytes(dialer) == of_acceptor);
        prop_assert_eq!(driver.heard(dialer).room, of_dialer.len() as u64);
        prop_assert_eq!(driver.heard(acceptor).room, of_acceptor.len() as u64);
        prop_assert_eq!(driver.net.unsent(dialer) + driver.net.unsent(acceptor), 0);

        driver.net.close(driver.now, dialer);
        driver.run_for(SECOND * 1000);
        prop_assert_eq!(driver.ended(acceptor).len(), 1);
        driver.net.close(driver.now, acceptor);
        driver.run_for(SECOND * 1000);
        prop_assert_eq!(driver.net.connections(), 0);
    }
}
