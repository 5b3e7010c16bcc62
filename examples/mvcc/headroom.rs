//! The headroom: makes the writers wait for the collector, or stop, before the arena is full.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::ARENA;

/// How many questions are answered without a look at the arena.
const LOOK_EVERY: usize = 64;

/// Full for the writers; the rest is for chunks in pools that fit no other slab, and for what grows meanwhile.
const FULL_PERCENT: usize = 60;

#[derive(Default)]
pub(crate) struct Headroom {
    questions: AtomicUsize,
    /// Commits whose superseded versions are not freed yet.
    backlog: AtomicUsize,
    peak: AtomicUsize,
    full: AtomicBool,
}

impl Headroom {
    /// Waits until there is room for one more transaction; false: there is none, and waiting will not help.
    pub(crate) fn wait(&self) -> bool {
        let question = self.questions.fetch_add(1, Ordering::Relaxed);
        if !question.is_multiple_of(LOOK_EVERY) {
            return !self.is_full();
        }
        while !self.is_full() {
            // Read before the look: a version freed in between must not be taken for one that is alive.
            let backlog = self.backlog.load(Ordering::Acquire);
            if self.look() <= ARENA.capacity() / 100 * FULL_PERCENT {
                return true;
            }
            self.full.fetch_or(backlog == 0, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(1));
        }
        false
    }

    fn look(&self) -> usize {
        let allocated = ARENA.info().allocated;
        self.peak.fetch_max(allocated, Ordering::Relaxed);
        allocated
    }

    /// Whether what must be kept leaves no room: then the writers have stopped.
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    /// The most that was allocated at any look.
    pub(crate) fn peak(&self) -> usize {
        self.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn backlog_grew(&self) {
        self.backlog.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn backlog_shrank(&self) {
        self.backlog.fetch_sub(1, Ordering::Release);
    }
}
