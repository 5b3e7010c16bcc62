//! How often a full arena looks for parked memory: before each request fails, but more and more seldom in vain where
//! requests overflow to the system instead, for a look goes through all heaps.

use crate::sync::{AtomicU32, Ordering};

/// log2 of the requests that one look serves at most.
const MOST: u32 = 8;

/// Whether a request may go on without a look.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Without one it would fail: it always looks.
    Sure,
    /// The system may serve it: looks are spaced out.
    Paced,
}

/// See the module. Words that several threads write without order: a look more or less does no harm.
pub(crate) struct Pace {
    /// Requests that found the arena full.
    requests: AtomicU32,
    /// Looks in a row that found nothing.
    vain: AtomicU32,
}

impl Pace {
    pub(crate) fn new() -> Pace {
        Pace { requests: AtomicU32::new(0), vain: AtomicU32::new(0) }
    }

    /// Whether a request is to go on without a look.
    pub(crate) fn skips(&self, look: Look) -> bool {
        // Relaxed, here and below: see the struct.
        let spacing = 1 << self.vain.load(Ordering::Relaxed).min(MOST);
        look == Look::Paced && !self.requests.fetch_add(1, Ordering::Relaxed).is_multiple_of(spacing)
    }

    /// Memory has come back.
    pub(crate) fn hurry(&self) {
        if self.vain.load(Ordering::Relaxed) != 0 {
            self.vain.store(0, Ordering::Relaxed);
        }
    }

    /// What came of a look.
    pub(crate) fn looked(&self, found: bool) {
        let vain = if found { 0 } else { (self.vain.load(Ordering::Relaxed) + 1).min(MOST) };
        self.vain.store(vain, Ordering::Relaxed);
    }
}
