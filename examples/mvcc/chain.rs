//! A chain: all retained versions of one key, oldest first.
//!
//! Writers push at the back, snapshots look for the last version old enough for them, the collector pops the front.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What one commit knew about a key.
pub(crate) struct Version {
    commit: u64,
    /// How often the key had been seen by then.
    pub(crate) count: u64,
    /// The line it was last seen in.
    pub(crate) line: Arc<str>,
}

impl Version {
    /// A version to be pushed, with `sightings` more than the one it will supersede.
    pub(crate) fn unborn(sightings: usize, line: Arc<str>) -> Box<Version> {
        Box::new(Version { commit: 0, count: sightings as u64, line })
    }
}

#[derive(Default)]
pub(crate) struct Chain {
    // Boxed, so that each version is memory of its own: taken by a writer, freed by the collector.
    versions: Mutex<VecDeque<Box<Version>>>,
}

impl Chain {
    /// Makes `version` the newest, as of `commit`; whether it superseded another.
    pub(crate) fn push(&self, commit: u64, mut version: Box<Version>) -> bool {
        let mut versions = self.versions.lock().unwrap();
        version.commit = commit;
        version.count += versions.back().map_or(0, |newest| newest.count);
        versions.push_back(version);
        versions.len() > 1
    }

    /// Shows `look` the version a snapshot of commit `at` sees, if the key existed by then.
    pub(crate) fn seen_at<R>(&self, at: u64, look: impl FnOnce(&Version) -> R) -> Option<R> {
        let versions = self.versions.lock().unwrap();
        let visible = versions.partition_point(|version| version.commit <= at);
        Some(look(&versions[visible.checked_sub(1)?]))
    }

    /// Frees what no snapshot of commit `oldest` or later can see; how many versions that were.
    pub(crate) fn trim(&self, oldest: u64) -> u64 {
        let mut versions = self.versions.lock().unwrap();
        let visible = versions.partition_point(|version| version.commit <= oldest);
        versions.drain(..visible.saturating_sub(1)).count() as u64
    }
}
