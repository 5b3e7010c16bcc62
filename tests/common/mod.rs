//! What the integration tests share: blocks that know their contents, chains that fill an arena without
//! memory of their own, child processes, and readings of `/proc`.
#![allow(dead_code, unreachable_pub)] // every test binary uses its own part

mod block;
mod bytes;
mod chain;
pub mod keeper;
mod last;
mod process;
mod tally;
pub mod trade;
mod wall;
mod worker;

use std::alloc::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};

use arenal::{Arena, Config};

#[allow(unused_imports)] // every test binary uses its own part
pub use self::{block::*, bytes::*, chain::*, last::*, process::*, tally::*, wall::*, worker::*};

/// 1024 bytes.
pub const KIB: usize = 1 << 10;
/// 1024 KiB.
pub const MIB: usize = 1 << 20;

/// Walks the arena's metadata and panics where an invariant does not hold; no thread is inside the arena.
pub fn verify(arena: &Arena) {
    arena.verify();
}

/// An arena that serves everything itself and never asks the system allocator.
pub fn bounded(capacity: usize) -> Arena {
    watch_once();
    Arena::with_config(Config::new(capacity).system_above(capacity).system_limit(0))
}

/// A layout known to be valid.
pub fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("a valid layout")
}

/// The full count in release builds, a tenth of it (at least one) in debug builds.
pub fn scaled(count: usize) -> usize {
    if cfg!(debug_assertions) { (count / 10).max(1) } else { count }
}

/// About `count` slabs of `arena` up to a sixteenth of its capacity, evenly spread by magnitude.
pub fn spread(arena: &Arena, count: usize) -> Vec<usize> {
    let slabs: Vec<usize> = arena.slabs().filter(|&slab| slab <= arena.capacity() / 16).collect();
    let (first, last) = (slabs[0] as f64, slabs[slabs.len() - 1] as f64);
    let mut picked: Vec<usize> = (0..count)
        .map(|i| {
            let target = first * (last / first).powf(i as f64 / (count - 1) as f64);
            slabs[slabs.partition_point(|&slab| (slab as f64) < target - 0.5).min(slabs.len() - 1)]
        })
        .collect();
    picked.dedup();
    picked
}

/// Random numbers, the same in every run (splitmix64).
pub struct Rng(u64);

impl Rng {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Rng {
        Rng(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x1234_5678_9ABC_DEF0)
    }

    /// The next 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.word() % limit as u64) as usize
    }

    /// A size from 1 to `limit`, each magnitude as likely as any other.
    pub fn size(&mut self, limit: usize) -> usize {
        let bits = self.below(limit.ilog2() as usize + 1);
        ((1 << bits) + self.below(1 << bits)).min(limit)
    }

    /// Any order, in place.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// Runs `body(0..count)` on threads of their own and joins each (so that its destructors have run too).
pub fn threads<T: Send>(count: usize, body: impl Fn(usize) -> T + Sync) -> Vec<T> {
    watch_once();
    std::thread::scope(|scope| {
        let body = &body;
        let handles: Vec<_> = (0..count).map(|i| scope.spawn(move || body(i))).collect();
        let results =
            handles.into_iter().map(|handle| handle.join().unwrap_or_else(|panic| resume_unwind(panic))).collect();
        tally(&THREADS_CHURNED, count as u64);
        results
    })
}

/// Keeps tests of one binary apart that look at the whole process.
pub fn serial() -> MutexGuard<'static, ()> {
    static LOCK: Mutex<()> = Mutex::new(());
    LOCK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The message of the panic `body` must raise.
pub fn panic_message<T>(body: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(body)) else { panic!("no panic where one was promised") };
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .expect("a message")
}
