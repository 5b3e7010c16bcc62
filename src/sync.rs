//! The one switch between the real atomics, loom's, so that the models run the code that ships, and counted ones for
//! unit tests.
//!
//! A leaf. [`Cell32`] and its kin are words with one writer at a time that others may read at any moment: plain
//! loads and stores on every machine, yet no data race.

#[cfg(all(test, not(loom)))]
pub(crate) mod counted;

#[cfg(not(any(test, loom)))]
pub(crate) use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(all(test, not(loom)))]
pub(crate) use counted::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};

/// One step of a wait that should be short.
#[inline]
pub(crate) fn spin() {
    #[cfg(not(loom))]
    core::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
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
