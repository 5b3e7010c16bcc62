//! Misuses an arena in the way its first argument names, after printing the address the message must name.
//! `tests/misuse.rs` builds and runs it in the dev profile; `tests/compile_error.rs` gives it a bad capacity.

use std::alloc::{GlobalAlloc, Layout};
use std::ptr::NonNull;

use arenal::{Arena, Config};

static ARENA: Arena = Arena::new(if option_env!("ARENAL_BAD_CAPACITY").is_some() {
    1000
} else {
    1 << 30
});

/// Pools begin at multiples of it.
const UNIT: usize = 16 << 10;

/// Frees `ptr` in the way the second argument names.
fn free(ptr: NonNull<u8>, layout: Layout) {
    println!("{ptr:p}");
    // SAFETY: none: this program breaks the contract on purpose and is expected to be stopped.
    unsafe {
        match std::env::args().nth(2).as_deref() {
            Some("sized") => ARENA.deallocate(ptr, layout),
            Some("global") => GlobalAlloc::dealloc(&ARENA, ptr.as_ptr(), layout),
            _ => ARENA.free(ptr),
        }
    }
}

/// The same on a thread of its own.
fn free_elsewhere(ptr: NonNull<u8>, layout: Layout) {
    let address = ptr.as_ptr().expose_provenance();
    std::thread::spawn(move || {
        free(
            NonNull::new(std::ptr::with_exposed_provenance_mut(address)).expect("not null"),
            layout,
        );
    })
    .join()
    .expect("no panic");
}

fn main() {
    let layout = Layout::from_size_align(200, 8).expect("valid");
    let chunk = || ARENA.allocate(layout).expect("memory");
    let (kept, ptr) = (chunk(), chunk());
    match std::env::args().nth(1).as_deref() {
        Some("none") => free(ptr, layout),
        Some("double-free") => {
            // SAFETY: live; the second free below is the misuse.
            unsafe { ARENA.deallocate(ptr, layout) };
            free(ptr, layout);
        }
        Some("double-free-later") => {
            let others: Vec<_> = (0..1000).map(|_| chunk()).collect();
            // SAFETY: live; the second free of `ptr` below is the misuse.
            unsafe { ARENA.deallocate(ptr, layout) };
            for other in others {
                // SAFETY: live.
                unsafe { ARENA.deallocate(other, layout) };
            }
            free(ptr, layout);
        }
        Some("double-free-elsewhere") => {
            // SAFETY: live; the second free below is the misuse.
            unsafe { ARENA.deallocate(ptr, layout) };
            free_elsewhere(ptr, layout);
        }
        Some("double-free-both-elsewhere") => {
            free_elsewhere(ptr, layout);
            free_elsewhere(ptr, layout);
        }
        Some("double-free-span") => {
            let layout = Layout::from_size_align(5 << 20, 8).expect("valid");
            let ptr = ARENA.allocate(layout).expect("memory");
            // SAFETY: live; the second free below is the misuse.
            unsafe { ARENA.deallocate(ptr, layout) };
            free(ptr, layout);
        }
        Some("foreign") => free(NonNull::from(Box::leak(Box::new([0_u64; 25]))).cast(), layout),
        Some("stack") => free(NonNull::from(&mut [0_u64; 25]).cast(), layout),
        // SAFETY: stays within the chunk.
        Some("misaligned") => free(unsafe { ptr.add(1) }, layout),
        // SAFETY: stays within the chunk.
        Some("interior") => free(unsafe { ptr.add(64) }, layout),
        Some("interior-of-span") => {
            let layout = Layout::from_size_align(5 << 20, 8).expect("valid");
            // SAFETY: stays within the span.
            free(unsafe { ARENA.allocate(layout).expect("memory").add(1 << 20) }, layout);
        }
        Some("never-allocated") => {
            // An address of the arena's that no pool covers yet.
            // SAFETY: never dereferenced; within the reservation of 1 GiB or beyond it, a misuse in both cases.
            free(
                unsafe { NonNull::new_unchecked(ptr.as_ptr().wrapping_add(24 << 20)) },
                layout,
            );
        }
        Some("before-the-first-chunk") => {
            // Pools of buffers begin at several places of a page.
            let layout = Layout::from_size_align(4096, 8).expect("valid");
            let chunks: Vec<_> = (0..400).map(|_| ARENA.allocate(layout).expect("memory")).collect();
            let addresses: Vec<usize> = chunks.iter().map(|chunk| chunk.addr().get()).collect();
            // They lie a cache line further apart than they are long.
            let late = chunks.iter().zip(&addresses).find(|&(_, at)| {
                (64..4096).contains(&(at % UNIT)) && !addresses.contains(&(at - (4096 + 64)))
            });
            let (first, _) = late.expect("a pool that begins late");
            let first = first.as_ptr();
            // SAFETY: never dereferenced; the pool's start.
            free(
                unsafe { NonNull::new_unchecked(first.wrapping_sub(first.addr() % UNIT)) },
                layout,
            );
        }
        Some("wrong-arena") => {
            let other = Arena::new(64 << 20);
            free(other.allocate(layout).expect("memory"), layout);
        }
        Some("system-of-wrong-arena") => {
            let other = Arena::with_config(Config::new(64 << 20).system_above(0));
            free(other.allocate(layout).expect("memory"), layout);
        }
        _ => panic!("which misuse?"),
    }
    // What was put aside for its owner is met here at the latest.
    let again: Vec<_> = (0..10_000).map(|_| chunk()).collect();
    for ptr in again.into_iter().chain([kept]) {
        // SAFETY: live, if nothing was misused.
        unsafe { ARENA.deallocate(ptr, layout) };
    }
    println!("unnoticed");
}
