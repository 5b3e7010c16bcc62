//! A small lock for slow paths: spins briefly, then sleeps in the kernel.
//!
//! A leaf above `sync` and `os`. Used instead of `std::sync::Mutex` because it must be usable inside an allocator,
//! live in zeroed memory, and be reset in the child of a fork.
//!
//! | state | meaning                         |
//! |-------|---------------------------------|
//! | 0     | free                            |
//! | 1     | held                            |
//! | 2     | held, and somebody may be asleep|

use crate::os;
#[cfg(not(loom))]
use crate::sync::AtomicUsize;
use crate::sync::{AtomicU32, Ordering, spin};

const FREE: u32 = 0;
const HELD: u32 = 1;
const AWAITED: u32 = 2;
/// Short: two threads may share one core, and then spinning only delays the holder.
const SPINS: u32 = if cfg!(any(loom, shuttle)) { 0 } else { 60 };

/// See the module. All-zero bytes are a free lock.
#[repr(transparent)]
pub(crate) struct Lock(AtomicU32);

/// Holds a [`Lock`] until dropped; `None`: until the fork is over, see [`Fork`].
pub(crate) struct Guard<'a>(Option<&'a Lock>);

/// The thread that forks holds all locks from before the fork until after it. Meanwhile other fork handlers of the
/// program may run in it, and may allocate: what it locks then is locked already, for it alone.
pub(crate) struct Fork;

/// Mark of the thread that forks; 0: none does.
#[cfg(not(loom))]
static FORKS: AtomicUsize = AtomicUsize::new(0);

impl Fork {
    /// The calling thread has all locks by [`Lock::lock_for_fork`].
    #[cfg(not(loom))]
    pub(crate) fn begin() {
        // Relaxed, here and below: only the thread itself, and its copy in the child, will find its mark.
        FORKS.store(os::thread_mark(), Ordering::Relaxed);
    }

    /// Before the first of them is unlocked.
    #[cfg(not(loom))]
    pub(crate) fn end() {
        FORKS.store(0, Ordering::Relaxed);
    }

    /// Whether the calling thread has all locks, for a fork.
    #[cfg(not(loom))]
    pub(crate) fn is_callers() -> bool {
        let forks = FORKS.load(Ordering::Relaxed);
        forks != 0 && forks == os::thread_mark()
    }

    #[cfg(loom)]
    pub(crate) fn is_callers() -> bool {
        false
    }
}

impl Lock {
    #[cfg(not(loom))]
    pub(crate) const fn new() -> Lock {
        Lock(AtomicU32::new(FREE))
    }

    #[cfg(loom)]
    pub(crate) fn new() -> Lock {
        Lock(AtomicU32::new(FREE))
    }

    #[inline]
    pub(crate) fn lock(&self) -> Guard<'_> {
        // Acquire: sees all that the last holder wrote.
        let free = self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok();
        Guard(if free || self.lock_slow() { Some(self) } else { None })
    }

    /// Takes the lock if that needs no waiting.
    pub(crate) fn try_lock(&self) -> Option<Guard<'_>> {
        // Acquire: as in `lock`.
        self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).ok().map(|_| Guard(Some(self)))
    }

    /// Takes the lock for a fork: released by [`Lock::unlock_after_fork`] in the parent and the child.
    pub(crate) fn lock_for_fork(&self) {
        core::mem::forget(self.lock());
    }

    pub(crate) fn unlock_after_fork(&self) {
        drop(Guard(Some(self)));
    }

    /// `false`: it is the calling thread's already, for a fork.
    #[cold]
    #[inline(never)]
    fn lock_slow(&self) -> bool {
        if Fork::is_callers() {
            return false;
        }
        for _ in 0..SPINS {
            spin();
            // Acquire: as in `lock`.
            if self.0.load(Ordering::Relaxed) == FREE
                && self.0.compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed).is_ok()
            {
                return true;
            }
        }
        // Acquire: as in `lock`. AWAITED, because others may sleep on the word beside us.
        while self.0.swap(AWAITED, Ordering::Acquire) != FREE {
            os::futex_wait(&self.0, AWAITED);
        }
        true
    }
}

impl Drop for Guard<'_> {
    #[inline]
    fn drop(&mut self) {
        let Some(Lock(word)) = self.0 else { return };
        // Release: publishes what was written under the lock.
        if word.swap(FREE, Ordering::Release) == AWAITED {
            os::futex_wake_one(word);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::sync::explored;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    struct Shared(Lock, UnsafeCell<u32>);
    // SAFETY: the cell is reached under the lock only, as the model checks.
    unsafe impl Sync for Shared {}

    #[test]
    fn lock_excludes_and_publishes() {
        explored("loom_lock", || {
            let shared = Arc::new(Shared(Lock::new(), UnsafeCell::new(0)));
            let other = Arc::clone(&shared);
            let bump = |s: &Shared| {
                let _held = s.0.lock();
                // SAFETY: the lock is held.
                s.1.with_mut(|n| unsafe { *n += 1 });
            };
            let thread = loom::thread::spawn(move || bump(&other));
            bump(&shared);
            thread.join().unwrap();
            let _held = shared.0.lock();
            // SAFETY: the lock is held.
            shared.1.with(|n| assert_eq!(unsafe { *n }, 2));
        });
    }
    /// What was written under a lock taken by trying is seen, and a fork's hold is a hold.
    #[test]
    fn trying_and_holding_for_a_fork_exclude() {
        explored("loom_lock_try", || {
            let shared = Arc::new(Shared(Lock::new(), UnsafeCell::new(0)));
            let other = Arc::clone(&shared);
            let thread = loom::thread::spawn(move || {
                let Some(_held) = other.0.try_lock() else { return 0 };
                // SAFETY: the lock is held.
                other.1.with_mut(|n| unsafe { *n += 1 });
                1
            });
            shared.0.lock_for_fork();
            // SAFETY: the lock is held.
            shared.1.with_mut(|n| unsafe { *n += 1 });
            shared.0.unlock_after_fork();
            let tried = thread.join().unwrap();
            let _held = shared.0.lock();
            // SAFETY: the lock is held.
            shared.1.with(|n| assert_eq!(unsafe { *n }, 1 + tried));
        });
    }
}
