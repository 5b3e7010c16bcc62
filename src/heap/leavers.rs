//! Giving threads that may be about to end the time for it.
//!
//! To the program a thread has ended when a `std::thread::scope` has, or when it has sent its result; but it runs a
//! little longer, and leaves its heap last. Until then the lists it has no use for are those of a thread that runs, and
//! not to be taken (see [`steal`](super::steal)). Who finds no memory but such lists sleeps for some moments, and looks
//! again. Whether they are about to end or have much to do yet, nobody can tell: waits in vain are not repeated until
//! another thread has come.

use super::pace::Look;
use crate::os;
use crate::sync::{AtomicU32, Ordering};

/// Naps of one wait. (A schedule that is explored has no time.)
const NAPS: usize = if cfg!(shuttle) { 1 } else { 20 };

/// See the module. Words that several threads write without order: a wait more or less does no harm.
pub(crate) struct Leavers {
    /// Threads that have come to the arena.
    came: AtomicU32,
    /// How many had come when somebody waited in vain.
    vain: AtomicU32,
    /// Whether the last look for parked memory met a thread that ran and had lists it has no use for.
    met: AtomicU32,
}

impl Leavers {
    pub(crate) fn new() -> Leavers {
        Leavers { came: AtomicU32::new(0), vain: AtomicU32::new(0), met: AtomicU32::new(0) }
    }

    /// A thread has come.
    pub(crate) fn come(&self) {
        // Relaxed, here and below: see the struct.
        self.came.fetch_add(1, Ordering::Relaxed);
    }

    /// A look for parked memory begins.
    pub(crate) fn look(&self) {
        self.met.store(0, Ordering::Relaxed);
    }

    /// It meets a thread that runs.
    pub(crate) fn meet(&self) {
        self.met.store(1, Ordering::Relaxed);
    }

    fn has_met(&self) -> bool {
        self.met.load(Ordering::Relaxed) != 0
    }

    /// Has `again` look for parked memory again, after a nap each time, until it yields something or meets nobody who
    /// runs; for some milliseconds at most, and not for a request that the system may serve. The caller holds no lock,
    /// and has looked already.
    pub(crate) fn wait<T>(&self, look: Look, again: impl Fn() -> Option<T>) -> Option<T> {
        let came = self.came.load(Ordering::Relaxed);
        if look == Look::Paced || self.vain.load(Ordering::Relaxed) == came {
            return None;
        }
        for _ in 0..NAPS {
            if !self.has_met() {
                return None;
            }
            os::nap();
            let found = again();
            if found.is_some() {
                return found;
            }
        }
        self.vain.store(came, Ordering::Relaxed);
        None
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use core::cell::Cell;

    #[test]
    fn who_stays_is_waited_for_once() {
        let (leavers, looks) = (Leavers::new(), Cell::new(0));
        let look = || {
            looks.set(looks.get() + 1);
            None::<()>
        };
        leavers.come();
        leavers.wait(Look::Sure, look);
        assert_eq!(looks.get(), 0, "nobody was met");
        leavers.meet();
        leavers.wait(Look::Paced, look);
        assert_eq!(looks.get(), 0, "the system may serve it");
        leavers.wait(Look::Sure, look);
        assert_eq!(looks.replace(0), NAPS);
        leavers.wait(Look::Sure, look);
        assert_eq!(looks.get(), 0, "nobody came since");
        leavers.come();
        leavers.wait(Look::Sure, || {
            look();
            leavers.look();
            None::<()>
        });
        assert_eq!(looks.replace(0), 1, "nobody was met again");
        leavers.meet();
        assert_eq!(leavers.wait(Look::Sure, || Some(7)), Some(7));
        assert_eq!(leavers.wait(Look::Sure, || Some(8)), Some(8), "it was not in vain");
    }
}
