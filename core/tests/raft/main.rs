//! One server, step by step: the rules that only show when disk, peers and clock are played by hand.

mod bad_input;
mod bench;
mod cold_peers;
mod durability;
mod elections;
mod forgetful;
mod halts;
mod hung_disk;
mod lease;
mod reads;
mod reconfigure;
mod replication;
mod snapshots;
mod time;
mod transfer;
