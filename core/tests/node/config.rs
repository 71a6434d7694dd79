//! Limits that make no sense.

use std::time::Duration;

use quorate_core::node::{NodeConfig, NodeConfigError};

use crate::world::config;

#[test]
fn a_limit_of_zero_that_would_allow_nothing_is_a_mistake() {
    type Change = fn(&mut NodeConfig);
    let mistakes: [(&str, Change); 9] = [
        ("request_timeout", |config| config.request_timeout = Duration::ZERO),
        ("handshake_timeout", |config| config.handshake_timeout = Duration::ZERO),
        ("link_timeout", |config| config.link_timeout = Duration::ZERO),
        ("redial_min", |config| config.redial_min = Duration::ZERO),
        ("redial_max", |config| config.redial_max = Duration::ZERO),
        ("strangers_max", |config| config.strangers_max = 0),
        ("requests_max", |config| config.requests_max = 0),
        ("unsent_bytes_max", |config| config.unsent_bytes_max = 0),
        ("applying_bytes_max", |config| config.applying_bytes_max = 0),
    ];
    for (name, change) in mistakes {
        let mut config = config(1, 1);
        change(&mut config);
        assert_eq!(config.check(), Err(NodeConfigError::ZeroLimit { name }));
    }
    let mut config = config(1, 1);
    config.stop_timeout = Duration::ZERO;
    config.connections_max = 0;
    config.unapplied_entries_max = 0;
    assert_eq!(config.check(), Ok(()), "none to wait for, to serve, or to be behind by");
}

#[test]
fn frames_that_cannot_hold_the_messages_are_a_mistake() {
    let mut small = config(1, 1);
    small.frame_bytes_max = 1 << 20;
    assert!(matches!(small.check(), Err(NodeConfigError::FrameTooSmall { .. })));
}
