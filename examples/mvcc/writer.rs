//! A writer: reads files and commits every word and every line of them, a few lines at a time.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use indicatif::ProgressBar;

use crate::PROBE;
use crate::chain::Version;
use crate::corpus::Corpus;
use crate::headroom::Headroom;
use crate::index::{Edit, Index, Retired, Table, chain_of};

/// A transaction is committed when it has so many lines, or so many bytes.
const LINES: usize = 16;
const BYTES: usize = 4 << 10;
/// Longer lines are machine-made, and skipped.
const LONGEST_LINE: usize = 64 << 10;

pub(crate) struct Writer<'w> {
    pub(crate) index: &'w Index,
    pub(crate) headroom: &'w Headroom,
    /// To the collector.
    pub(crate) retired: SyncSender<Retired>,
    pub(crate) bar: &'w ProgressBar,
}

/// What was read, counted without the index, and what was written to it.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) words: u64,
    pub(crate) lines: u64,
    pub(crate) probes: u64,
    pub(crate) versions: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    pub(crate) fn plus(self, other: Tally) -> Tally {
        Tally {
            words: self.words + other.words,
            lines: self.lines + other.lines,
            probes: self.probes + other.probes,
            versions: self.versions + other.versions,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Writer<'_> {
    /// Loads files until none is left, or the arena is too full for more.
    pub(crate) fn load(&self, corpus: &Corpus) -> Tally {
        let mut tally = Tally::default();
        while let Some(file) = corpus.take() {
            if !self.headroom.wait() {
                break;
            }
            match file.read() {
                Some(text) => self.load_text(&text, &mut tally),
                None => self.bar.inc(file.bytes),
            }
        }
        tally
    }

    fn load_text(&self, text: &str, tally: &mut Tally) {
        let mut batch = Batch::default();
        for line in text.split_inclusive('\n') {
            batch.bytes += line.len();
            let line = line.trim_end();
            if line.len() <= LONGEST_LINE {
                tally.lines += 1;
                for word in words(line) {
                    tally.words += 1;
                    tally.probes += u64::from(word == PROBE);
                }
                batch.push(line);
            }
            if batch.is_full() && !self.commit(&mut batch, tally) {
                return;
            }
        }
        self.commit(&mut batch, tally);
    }

    /// Whether there is room for more.
    fn commit(&self, batch: &mut Batch, tally: &mut Tally) -> bool {
        self.bar.inc(batch.bytes as u64);
        tally.bytes += batch.bytes as u64;
        let words = batch.words.len();
        let Some(last) = batch.texts.last().cloned() else {
            batch.clear();
            return true;
        };
        let mut edits = Vec::with_capacity(words + batch.lines.len());
        stage(&self.index.words, &mut batch.words, &batch.texts, &mut edits);
        stage(&self.index.lines, &mut batch.lines, &batch.texts, &mut edits);
        batch.clear();
        tally.versions += edits.len() as u64 + 1;

        let retired = self.index.commit(edits, words, &last);
        self.headroom.backlog_grew();
        self.retired.send(retired).expect("the collector outlives the writers");
        self.headroom.wait()
    }
}

/// A key and the line, by number in its batch, in which it was seen.
type Sighting<'t> = (&'t str, usize);

/// The lines of a transaction, and every key in them.
#[derive(Default)]
struct Batch<'t> {
    words: Vec<Sighting<'t>>,
    lines: Vec<Sighting<'t>>,
    texts: Vec<Arc<str>>,
    bytes: usize,
}

impl<'t> Batch<'t> {
    fn push(&mut self, line: &'t str) {
        let number = self.texts.len();
        self.words.extend(words(line).map(|word| (word, number)));
        self.lines.push((line, number));
        self.texts.push(line.into());
    }

    fn is_full(&self) -> bool {
        self.lines.len() >= LINES || self.bytes >= BYTES
    }

    fn clear(&mut self) {
        self.words.clear();
        self.lines.clear();
        self.texts.clear();
        self.bytes = 0;
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

/// One edit for each distinct key among `sightings`.
fn stage(table: &Table, sightings: &mut [Sighting], texts: &[Arc<str>], edits: &mut Vec<Edit>) {
    sightings.sort_unstable();
    for same in sightings.chunk_by(|one, other| one.0 == other.0) {
        let (key, last) = same[same.len() - 1];
        let version = Version::unborn(same.len(), Arc::clone(&texts[last]));
        edits.push(Edit { chain: chain_of(table, key), version });
    }
}
