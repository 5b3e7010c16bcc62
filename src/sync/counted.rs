//! The real atomics, which in unit tests also count what their thread does with them.

use core::cell::Cell;
use core::sync::atomic;
pub(crate) use core::sync::atomic::Ordering;

std::thread_local! {
    static EXCHANGES: Cell<u64> = const { Cell::new(0) };
    static LOADS: Cell<u64> = const { Cell::new(0) };
}

/// Atomic read-modify-writes of the calling thread while `work` ran: what costs, and takes a cache line from others.
pub(crate) fn exchanges(work: impl FnOnce()) -> u64 {
    let before = EXCHANGES.get();
    work();
    EXCHANGES.get() - before
}

/// Words that the calling thread read while `work` ran, of those that others may write.
pub(crate) fn loads(work: impl FnOnce()) -> u64 {
    let before = LOADS.get();
    work();
    LOADS.get() - before
}

macro_rules! counted {
    ($name:ident, $word:ty, { $($method:ident($($argument:ident),*)),* }) => {
        #[derive(Debug, Default)]
        #[repr(transparent)]
        pub(crate) struct $name(atomic::$name);

        #[allow(dead_code)]
        impl $name {
            pub(crate) const fn new(value: $word) -> Self {
                Self(atomic::$name::new(value))
            }

            #[inline(always)]
            pub(crate) fn load(&self, order: Ordering) -> $word {
                LOADS.set(LOADS.get() + 1);
                self.0.load(order)
            }

            #[inline(always)]
            pub(crate) fn store(&self, value: $word, order: Ordering) {
                self.0.store(value, order)
            }

            pub(crate) fn as_ptr(&self) -> *mut $word {
                self.0.as_ptr()
            }

            pub(crate) fn get_mut(&mut self) -> &mut $word {
                self.0.get_mut()
            }

            pub(crate) fn compare_exchange(
                &self, from: $word, to: $word, done: Ordering, failed: Ordering,
            ) -> Result<$word, $word> {
                EXCHANGES.set(EXCHANGES.get() + 1);
                self.0.compare_exchange(from, to, done, failed)
            }

            pub(crate) fn compare_exchange_weak(
                &self, from: $word, to: $word, done: Ordering, failed: Ordering,
            ) -> Result<$word, $word> {
                EXCHANGES.set(EXCHANGES.get() + 1);
                self.0.compare_exchange_weak(from, to, done, failed)
            }

            pub(crate) fn fetch_update(
                &self,
                done: Ordering,
                failed: Ordering,
                step: impl FnMut($word) -> Option<$word>,
            ) -> Result<$word, $word> {
                EXCHANGES.set(EXCHANGES.get() + 1);
                self.0.fetch_update(done, failed, step)
            }

            $(pub(crate) fn $method(&self, $($argument: $word,)* order: Ordering) -> $word {
                EXCHANGES.set(EXCHANGES.get() + 1);
                self.0.$method($($argument,)* order)
            })*
        }
    };
}

counted!(AtomicBool, bool, { swap(value) });
counted!(AtomicU32, u32, { swap(value), fetch_add(value), fetch_sub(value), fetch_and(mask), fetch_or(mask) });
counted!(AtomicU64, u64, { swap(value), fetch_add(value), fetch_sub(value), fetch_and(mask), fetch_or(mask) });
counted!(AtomicUsize, usize, { swap(value), fetch_add(value), fetch_sub(value), fetch_and(mask), fetch_or(mask) });
