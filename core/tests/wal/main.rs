//! The log on a simulated disk: crashes, rot, and everything else that disks do.

mod support;

mod crash;
