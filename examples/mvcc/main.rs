//! A multi-version index of text, all of whose memory comes from one arena of 1 GiB.
//!
//! 1. Writers commit every word and every line of a lot of text, as a new version of each (`writer`).
//! 2. Readers meanwhile scan snapshots, which keep showing the versions of their moment (`reader`).
//! 3. A collector frees the versions no snapshot can see any more: memory the writers allocated (`collect`).
//! 4. Last the arena is filled until it refuses, emptied of the filling, and queried once more (`filler`).

#[global_allocator]
static ARENA: arenal::Arena = arenal::Arena::new(1 << 30);

mod chain;
mod corpus;
mod filler;
mod headroom;
mod index;
mod reader;
mod report;
mod writer;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use clap::Parser;

use corpus::Corpus;
use headroom::Headroom;
use index::{Index, Retired};
use reader::Audit;
use writer::{Tally, Writer};

/// The word whose occurrences are counted apart from the index, to check its answers.
const PROBE: &str = "the";

/// Commits that may wait for the collector before the writers must.
const BACKLOG: usize = 32 << 10;

/// Load text into a multi-version index on a bounded arena, while snapshots of it are read.
#[derive(Parser)]
#[command(name = "mvcc")]
struct Options {
    /// Load the text files below this directory [default: sources found on this machine]
    dir: Option<PathBuf>,
    /// Load at most so many MiB
    #[arg(long, value_name = "MIB", default_value_t = 48, value_parser = clap::value_parser!(u64).range(1..=4096))]
    limit: u64,
    /// Threads that load text
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    writers: u8,
    /// Threads that check snapshots
    #[arg(long, value_name = "N", default_value_t = 1)]
    readers: u8,
}

/// What came of a load.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    pub(crate) audit: Audit,
    pub(crate) collected: u64,
    pub(crate) time: Duration,
    pub(crate) peak: usize,
    /// Whether the arena became too full for all of the text.
    pub(crate) full: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(complaint) => {
            eprintln!("mvcc: {complaint}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let corpus = find(options)?;
    report::corpus(&corpus);

    let index = Index::default();
    let outcome = load(options, &corpus, &index);
    report::outcome(&outcome, &index);
    report::arena();
    check(&outcome, &index)?;

    let refusal = filler::fill().ok_or("the arena never refused")?;
    report::refusal(&refusal);
    query(&outcome.tally, &index)
}

fn find(options: &Options) -> Result<Corpus, String> {
    let roots = options.dir.clone().map_or_else(corpus::usual_places, |dir| vec![dir]);
    if let Some(dir) = options.dir.as_ref().filter(|dir| !dir.is_dir()) {
        return Err(format!("{} is no directory", dir.display()));
    }
    let corpus = Corpus::find(&roots, options.limit << 20);
    if corpus.files() == 0 {
        let places: Vec<_> = roots.iter().map(|root| root.display().to_string()).collect();
        return Err(format!("no text file of up to {} MiB below {}", options.limit, places.join(", ")));
    }
    Ok(corpus)
}

/// Runs writers, readers and the collector until everything is loaded and everything superseded is freed.
fn load(options: &Options, corpus: &Corpus, index: &Index) -> Outcome {
    let bar = report::bar(corpus);
    let headroom = Headroom::default();
    let loaded = AtomicBool::new(false);
    let start = Instant::now();

    let (tallies, audits, collected) = thread::scope(|scope| {
        let (retired, to_collect) = sync_channel(BACKLOG);
        let collector = scope.spawn(|| collect(index, to_collect, &headroom));
        let readers = spawn(options.readers, || scope.spawn(|| Audit::until(&loaded, index)));
        let writer = || Writer { index, headroom: &headroom, retired: retired.clone(), bar: &bar };
        let writers = spawn(options.writers, || {
            let writer = writer();
            scope.spawn(move || writer.load(corpus))
        });
        drop(retired);
        let tallies = join(writers);
        loaded.store(true, Ordering::Release);
        (tallies, join(readers), join(vec![collector]))
    });
    bar.finish_and_clear();
    Outcome {
        tally: tallies.expect("no writer panics").into_iter().fold(Tally::default(), Tally::plus),
        audit: audits.expect("no reader panics").into_iter().fold(Audit::default(), Audit::plus),
        collected: collected.expect("the collector does not panic").into_iter().sum(),
        time: start.elapsed(),
        peak: headroom.peak(),
        full: headroom.is_full(),
    }
}

/// Frees what the writers' commits superseded, in the order of the commits; how many versions.
fn collect(index: &Index, retired: Receiver<Retired>, headroom: &Headroom) -> u64 {
    let mut collected = 0;
    for retired in retired {
        collected += index.collect(&retired);
        drop(retired);
        headroom.backlog_shrank();
    }
    collected
}

fn spawn<T>(threads: u8, one: impl Fn() -> T) -> Vec<T> {
    (0..threads).map(|_| one()).collect()
}

/// Waits for the threads to be gone, destructors of thread-locals included: the end of the scope would not wait for
/// those, and they allocate, which must not happen while the arena is filled.
fn join<T>(threads: Vec<ScopedJoinHandle<T>>) -> thread::Result<Vec<T>> {
    threads.into_iter().map(ScopedJoinHandle::join).collect()
}

/// Compares what the threads did with what they left.
fn check(outcome: &Outcome, index: &Index) -> Result<(), String> {
    let Outcome { tally, audit, collected, .. } = outcome;
    if audit.wrong > 0 {
        return Err(format!("{} of {} snapshots contradicted themselves", audit.wrong, audit.snapshots));
    }
    let left = tally.versions - collected;
    let chains = index.chains() as u64;
    if left != chains {
        return Err(format!("{left} versions are left in {chains} chains: one each was expected"));
    }
    Ok(())
}

/// Asks the index what was counted while reading, now that the arena has been full once.
fn query(tally: &Tally, index: &Index) -> Result<(), String> {
    let snapshot = index.snapshot();
    let (count, total) = (snapshot.count(PROBE), snapshot.total());
    report::query(count, &snapshot);
    if count != tally.probes || total != tally.words || !Audit::default().adds_up(&snapshot) {
        let Tally { probes, words, .. } = tally;
        return Err(format!("the index holds {count} × {PROBE:?} of {total} words, but {probes} of {words} were read"));
    }
    Ok(())
}
