//! The real atomics, with a point before each operation at which shuttle may let another thread go on.
//!
//! As large as the real ones and valid when zero, so that they can live in the arena's metadata and in chunks.
//! Orderings are not explored: every execution is sequentially consistent.

pub(crate) use core::sync::atomic::Ordering;

/// Another thread may go on here.
fn point() {
    static POINT: shuttle::sync::atomic::AtomicBool = shuttle::sync::atomic::AtomicBool::new(false);
    if !std::thread::panicking() {
        POINT.load(Ordering::SeqCst);
    }
}

macro_rules! scheduled {
    ($name:ident, $word:ty) => {
        #[repr(transparent)]
        pub(crate) struct $name(core::sync::atomic::$name);

        #[allow(dead_code)]
        impl $name {
            pub(crate) const fn new(value: $word) -> Self {
                Self(core::sync::atomic::$name::new(value))
            }

            pub(crate) fn as_ptr(&self) -> *mut $word {
                self.0.as_ptr()
            }

            pub(crate) fn load(&self, order: Ordering) -> $word {
                point();
                self.0.load(order)
            }

            pub(crate) fn store(&self, value: $word, order: Ordering) {
                point();
                self.0.store(value, order)
            }

            pub(crate) fn swap(&self, value: $word, order: Ordering) -> $word {
                point();
                self.0.swap(value, order)
            }

            pub(crate) fn compare_exchange(
                &self,
                old: $word,
                new: $word,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$word, $word> {
                point();
                self.0.compare_exchange(old, new, success, failure)
            }

            pub(crate) fn compare_exchange_weak(
                &self,
                old: $word,
                new: $word,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$word, $word> {
                self.compare_exchange(old, new, success, failure)
            }

            pub(crate) fn fetch_and(&self, mask: $word, order: Ordering) -> $word {
                point();
                self.0.fetch_and(mask, order)
            }

            pub(crate) fn fetch_or(&self, mask: $word, order: Ordering) -> $word {
                point();
                self.0.fetch_or(mask, order)
            }
        }
    };
}

macro_rules! counting {
    ($name:ident, $word:ty) => {
        #[allow(dead_code)]
        impl $name {
            pub(crate) fn fetch_add(&self, more: $word, order: Ordering) -> $word {
                point();
                self.0.fetch_add(more, order)
            }

            pub(crate) fn fetch_sub(&self, less: $word, order: Ordering) -> $word {
                point();
                self.0.fetch_sub(less, order)
            }

            pub(crate) fn fetch_update(
                &self,
                set: Ordering,
                fetch: Ordering,
                update: impl FnMut($word) -> Option<$word>,
            ) -> Result<$word, $word> {
                point();
                self.0.fetch_update(set, fetch, update)
            }
        }
    };
}

scheduled!(AtomicBool, bool);
scheduled!(AtomicU32, u32);
scheduled!(AtomicU64, u64);
scheduled!(AtomicUsize, usize);
counting!(AtomicU32, u32);
counting!(AtomicU64, u64);
counting!(AtomicUsize, usize);
