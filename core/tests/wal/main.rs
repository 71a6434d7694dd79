#![allow(clippy::cast_possible_truncation, reason = "small numbers")]
//! The log on a simulated disk: crashes, rot, and everything else that disks do.

mod directory;
mod support;

mod aside;
mod crash;
mod errors;
mod forgetting;
mod golden;
mod heal;
mod inspector;
mod killed;
mod lane;
mod limits;
mod mend;
mod rot;
#[expect(clippy::disallowed_methods, reason = "it measures")]
mod speed;
