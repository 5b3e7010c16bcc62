//! The one switch between the real atomics and the model checkers', so that the models run the code that ships, and
//! counted ones for unit tests. (But an arena's pointer to its state, and the notes of `hardened`, are std's own: no
//! points of a schedule.)
//!
//! Under `cfg(loom)` small types are explored with loom's atomics and its memory model. Under `cfg(shuttle)` the whole
//! crate runs on threads that shuttle schedules: the atomics are the real ones, and every operation is a point at which
//! another thread may go on.
//!
//! A leaf. [`Cell32`] and its kin are words with one writer at a time that others may read at any moment: plain
//! loads and stores on every machine, yet no data race.

#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) mod counted;
#[cfg(shuttle)]
mod scheduled;

#[cfg(not(loom))]
pub(crate) use core::sync::atomic::fence;
#[cfg(not(any(test, loom, shuttle)))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(all(test, not(any(loom, shuttle))))]
pub(crate) use counted::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence};
#[cfg(shuttle)]
pub(crate) use scheduled::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(shuttle)]
pub(crate) use shuttle::thread_local;
#[cfg(not(any(loom, shuttle, target_arch = "x86_64")))]
pub(crate) use std::thread_local;

/// One step of a wait that should be short.
#[inline]
pub(crate) fn spin() {
    #[cfg(not(any(loom, shuttle)))]
    core::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
    #[cfg(shuttle)]
    shuttle::thread::yield_now();
}

macro_rules! single_writer_cell {
    ($name:ident, $atomic:ident, $word:ty) => {
        /// A word with one writer at a time (the heap's owner, or whoever holds the lock named where it is declared).
        #[repr(transparent)]
        pub(crate) struct $name($atomic);

        #[cfg_attr(loom, allow(dead_code))]
        impl $name {
            #[cfg(not(loom))]
            pub(crate) const fn new(value: $word) -> Self {
                Self($atomic::new(value))
            }

            #[cfg(loom)]
            pub(crate) fn new(value: $word) -> Self {
                Self($atomic::new(value))
            }

            #[inline(always)]
            pub(crate) fn get(&self) -> $word {
                // Relaxed: the writer reads its own word; other readers want a recent value, not an order.
                self.0.load(Ordering::Relaxed)
            }

            #[inline(always)]
            pub(crate) fn set(&self, value: $word) {
                // Relaxed: see `get`; what must be ordered goes through a lock or a release store elsewhere.
                self.0.store(value, Ordering::Relaxed)
            }
        }
    };
}

single_writer_cell!(Cell32, AtomicU32, u32);
single_writer_cell!(CellUsize, AtomicUsize, usize);

/// Explores all interleavings of a model, and prints how many there are and the bound that they were cut at.
#[cfg(all(test, loom))]
pub(crate) fn explored(name: &str, model: impl Fn() + Sync + Send + 'static) {
    use std::sync::atomic::AtomicU64 as Count;
    static BOUND: std::sync::Once = std::sync::Once::new();
    let builder = loom::model::Builder::new();
    let bound = builder.preemption_bound.map_or("none".into(), |most| most.to_string());
    BOUND.call_once(|| println!("\nfigure loom_preemption_bound {bound}"));
    let count = std::sync::Arc::new(Count::new(0));
    let counter = std::sync::Arc::clone(&count);
    builder.check(move || {
        counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        model();
    });
    println!("\nfigure {name}_executions {}", count.load(std::sync::atomic::Ordering::Relaxed));
}
