//! The index: words and lines to their chains, the clock of commits, and the snapshots open on it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use crossbeam_skiplist::SkipMap;

use crate::chain::{Chain, Version};

pub(crate) type Table = SkipMap<Arc<str>, Arc<Chain>>;

#[derive(Default)]
pub(crate) struct Index {
    pub(crate) words: Table,
    pub(crate) lines: Table,
    /// How many words the index holds in all: what the counts of a snapshot must add up to.
    ledger: Chain,
    committing: Mutex<()>,
    /// The last commit that is whole. Released after its versions are in place, acquired by every snapshot.
    committed: AtomicU64,
    snapshots: Mutex<Vec<u64>>,
    snapshot_closed: Condvar,
}

/// A version on its way to its chain.
pub(crate) struct Edit {
    pub(crate) chain: Arc<Chain>,
    pub(crate) version: Box<Version>,
}

/// The chains in which one commit superseded a version.
pub(crate) struct Retired {
    pub(crate) commit: u64,
    pub(crate) chains: Vec<Arc<Chain>>,
}

impl Index {
    /// Publishes `edits` as one commit that holds `words` words more, the last of them in `line`.
    pub(crate) fn commit(&self, edits: Vec<Edit>, words: usize, line: &Arc<str>) -> Retired {
        let total = Version::unborn(words, Arc::clone(line));
        let mut chains = Vec::with_capacity(edits.len());

        let _one_at_a_time = self.committing.lock().unwrap();
        let commit = self.committed.load(Ordering::Relaxed) + 1;
        self.ledger.push(commit, total);
        for Edit { chain, version } in edits {
            if chain.push(commit, version) {
                chains.push(chain);
            }
        }
        self.committed.store(commit, Ordering::Release);
        Retired { commit, chains }
    }

    /// Frees the versions that `retired` superseded, once no snapshot can see them; how many.
    pub(crate) fn collect(&self, retired: &Retired) -> u64 {
        let oldest = self.wait_until_unseen(retired.commit);
        let chains = retired.chains.iter().map(|chain| chain.trim(oldest));
        chains.sum::<u64>() + self.ledger.trim(oldest)
    }

    /// Waits for the snapshots older than `commit` to close; the oldest that is left, or could still be opened.
    fn wait_until_unseen(&self, commit: u64) -> u64 {
        let mut snapshots = self.snapshots.lock().unwrap();
        loop {
            let latest = self.committed.load(Ordering::Acquire);
            let oldest = snapshots.iter().copied().min().unwrap_or(latest);
            if oldest >= commit {
                return oldest;
            }
            snapshots = self.snapshot_closed.wait(snapshots).unwrap();
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot<'_> {
        // Read under the lock: the collector must not pass a commit between its reading and its listing.
        let mut snapshots = self.snapshots.lock().unwrap();
        let at = self.committed.load(Ordering::Acquire);
        snapshots.push(at);
        Snapshot { index: self, at }
    }

    /// How many chains there are, the ledger being one.
    pub(crate) fn chains(&self) -> usize {
        self.words.len() + self.lines.len() + usize::from(self.committed.load(Ordering::Acquire) > 0)
    }
}

/// The chain of `key`, which is empty, and so unseen by everybody, if it is new.
pub(crate) fn chain_of(table: &Table, key: &str) -> Arc<Chain> {
    let entry = table.get(key).unwrap_or_else(|| table.get_or_insert_with(key.into(), Arc::default));
    Arc::clone(entry.value())
}

/// The index as it was at one commit, for as long as the snapshot is held.
pub(crate) struct Snapshot<'i> {
    index: &'i Index,
    at: u64,
}

impl Snapshot<'_> {
    /// How often `word` had been seen.
    pub(crate) fn count(&self, word: &str) -> u64 {
        self.index.words.get(word).and_then(|entry| self.count_in(entry.value())).unwrap_or(0)
    }

    /// Each word that had been seen, and how often, in order.
    pub(crate) fn words(&self) -> impl Iterator<Item = (Arc<str>, u64)> {
        self.index.words.iter().filter_map(|entry| Some((Arc::clone(entry.key()), self.count_in(entry.value())?)))
    }

    /// How many words the writers had committed.
    pub(crate) fn total(&self) -> u64 {
        self.count_in(&self.index.ledger).unwrap_or(0)
    }

    /// The line `word` was last seen in.
    pub(crate) fn line(&self, word: &str) -> Option<Arc<str>> {
        self.index.words.get(word)?.value().seen_at(self.at, |version| Arc::clone(&version.line))
    }

    fn count_in(&self, chain: &Chain) -> Option<u64> {
        chain.seen_at(self.at, |version| version.count)
    }
}

impl Drop for Snapshot<'_> {
    fn drop(&mut self) {
        let mut snapshots = self.index.snapshots.lock().unwrap();
        let place = snapshots.iter().position(|&at| at == self.at).unwrap();
        snapshots.swap_remove(place);
        self.index.snapshot_closed.notify_all();
    }
}
