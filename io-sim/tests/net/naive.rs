//! Components as one writes them when one has not met a network: each works on a healthy one.

use quorate_io_sim::net::HostId;

use crate::driver::{Driver, SECOND};

/// Believes that one read is one message.
pub(crate) fn one_read_is_one_message(driver: &mut Driver, from: HostId, to: HostId) -> bool {
    let (client, server) = driver.connected(from, to);
    let said = [&b"set x 1\n"[..], b"set y 2\n", b"get x\n"];
    for line in said {
        driver.send(client, line);
        driver.run_for(SECOND);
    }
    driver.run_for(10 * SECOND);
    let heard: Vec<_> = driver.heard(server).reads.iter().map(|(_, read)| read.to_vec()).collect();
    heard == said
}

/// Asks once, and waits a second for the answer.
pub(crate) fn asks_once(driver: &mut Driver, from: HostId, to: HostId) -> bool {
    let (client, server) = driver.connected(from, to);
    driver.send(client, b"ping");
    driver.run_for(SECOND);
    if driver.bytes(server) == b"ping" {
        driver.send(server, b"pong");
    }
    driver.run_for(SECOND);
    driver.bytes(client) == b"pong"
}

/// Believes every byte.
pub(crate) fn believes_every_byte(driver: &mut Driver, from: HostId, to: HostId) -> bool {
    let (client, server) = driver.connected(from, to);
    driver.send(client, &[7; 1000]);
    driver.run_for(SECOND);
    driver.bytes(server) == [7; 1000]
}
