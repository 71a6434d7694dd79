//! Links the core into a library that has no standard library. Built, never run:
//! `cargo build --manifest-path tests/no-std/Cargo.toml` fails as soon as anything in the core, or in what it
//! depends on, brings `std` along, because `std` has a panic handler of its own.
#![no_std]

extern crate alloc;

use core::alloc::{GlobalAlloc, Layout};
use core::panic::PanicInfo;

use quorate_core::{Config, Effects, Event, Instant, Membership, NodeId, Raft, Recovered};

struct NoMemory;

// SAFETY: never gives out memory, which is always allowed.
unsafe impl GlobalAlloc for NoMemory {
    unsafe fn alloc(&self, _: Layout) -> *mut u8 {
        core::ptr::null_mut()
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static ALLOCATOR: NoMemory = NoMemory;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// Uses the core, so that it is linked.
#[unsafe(no_mangle)]
pub extern "C" fn quorate_step_once() -> bool {
    let Some(id) = NodeId::new(1) else { return false };
    let Ok(membership) = Membership::of_voters([id]) else { return false };
    let started = Raft::new(Config::new(id), Recovered::genesis(membership), Instant(0));
    let Ok(mut raft) = started else { return false };
    let mut effects = Effects::default();
    raft.step(Instant(1), Event::Timeout, &mut effects);
    effects.is_empty()
}
