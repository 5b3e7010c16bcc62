//! A reader: takes snapshots, and checks that each is whole and stays as it is while the writers go on.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::index::{Index, Snapshot};

/// How many snapshots a reader holds open, to look at them again when they are old.
const HELD: usize = 3;

#[derive(Default)]
pub(crate) struct Audit {
    pub(crate) snapshots: u64,
    pub(crate) reads: u64,
    /// Snapshots that contradicted themselves.
    pub(crate) wrong: u64,
}

/// What a scan of all words saw.
#[derive(PartialEq)]
struct Sight {
    sum: u64,
    hash: u64,
}

impl Audit {
    /// Audits one snapshot after another, the last of them after `loaded`.
    pub(crate) fn until(loaded: &AtomicBool, index: &Index) -> Audit {
        let mut audit = Audit::default();
        let mut held = VecDeque::with_capacity(HELD + 1);
        loop {
            let last = loaded.load(Ordering::Acquire);
            let snapshot = index.snapshot();
            let sight = audit.scan(&snapshot);
            held.push_back((snapshot, sight));
            let keep = if last { 0 } else { HELD };
            let old = held.len().saturating_sub(keep);
            for (snapshot, sight) in held.drain(..old) {
                audit.compare(&snapshot, sight);
            }
            if last {
                return audit;
            }
        }
    }

    pub(crate) fn plus(self, other: Audit) -> Audit {
        Audit {
            snapshots: self.snapshots + other.snapshots,
            reads: self.reads + other.reads,
            wrong: self.wrong + other.wrong,
        }
    }

    /// Whether the counts of all words add up to the total.
    pub(crate) fn adds_up(&mut self, snapshot: &Snapshot) -> bool {
        self.scan(snapshot).sum == snapshot.total()
    }

    /// Scans an old snapshot again: it must show what it showed when it was new.
    fn compare(&mut self, snapshot: &Snapshot, sight: Sight) {
        let right = sight.sum == snapshot.total() && sight == self.scan(snapshot);
        self.snapshots += 1;
        self.wrong += u64::from(!right);
    }

    fn scan(&mut self, snapshot: &Snapshot) -> Sight {
        let mut sum = 0;
        let mut hasher = DefaultHasher::new();
        for (word, count) in snapshot.words() {
            self.reads += 1;
            sum += count;
            (word, count).hash(&mut hasher);
        }
        let hash = hasher.finish();
        Sight { sum, hash }
    }
}
