//! How often a full arena looks for parked memory: before each request fails, but more and more seldom in vain where
//! requests overflow to the system instead, for a look goes through all pools.

use crate::sync::{AtomicU32, Ordering};

/// log2 of the requests that one look serves at most.
const MOST: u32 = 8;

/// See the module. Words that several threads write without order: a look more or less does no harm.
pub(crate) struct Pace {
    overflows: bool,
    /// Requests that found the arena full.
    requests: AtomicU32,
    /// Looks in a row that found nothing.
    vain: AtomicU32,
}

impl Pace {
    pub(crate) fn new(overflows: bool) -> Pace {
        Pace { overflows, requests: AtomicU32::new(0), vain: AtomicU32::new(0) }
    }

    /// Whether a request is to go on without a look.
    pub(crate) fn skips(&self) -> bool {
        // Relaxed, here and below: see the struct.
        let spacing = 1 << self.vain.load(Ordering::Relaxed).min(MOST);
        self.overflows && !self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(spacing)
    }

    /// The next request looks: memory has come back, or the system has none either.
    pub(crate) fn hurry(&self) {
        if self.vain.load(Ordering::Relaxed) != 0 {
            self.vain.store(0, Ordering::Relaxed);
        }
    }

    /// A look found nothing.
    pub(crate) fn looked_in_vain(&self) {
        self.vain.store((self.vain.load(Ordering::Relaxed) + 1).min(MOST), Ordering::Relaxed);
    }
}
