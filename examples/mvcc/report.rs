//! The report: what people see.

use std::io::{self, Write};

use arenal::SlabUsage;
use indicatif::{BinaryBytes, HumanCount, ProgressBar, ProgressState, ProgressStyle};

use crate::corpus::Corpus;
use crate::filler::Refusal;
use crate::index::{Index, Snapshot};
use crate::{ARENA, Outcome, PROBE};

/// How many slabs the table shows.
const BUSIEST: usize = 12;

pub(crate) fn corpus(corpus: &Corpus) {
    let (files, bytes) = (HumanCount(corpus.files() as u64), BinaryBytes(corpus.bytes));
    match corpus.passes {
        1 => println!("Loading {bytes} of text from {files} files"),
        passes => println!("Loading {bytes} of text from {files} files {passes} times, as there is little of it"),
    }
}

/// A progress bar, which shows on a terminal only.
pub(crate) fn bar(corpus: &Corpus) -> ProgressBar {
    let template = "{bar:40} {binary_bytes}/{binary_total_bytes}  {allocated} allocated  {eta} left";
    let allocated = |_: &ProgressState, out: &mut dyn std::fmt::Write| {
        let _ = write!(out, "{}", BinaryBytes(ARENA.info().allocated as u64));
    };
    let style = ProgressStyle::with_template(template).expect("the template is valid");
    ProgressBar::new(corpus.bytes * corpus.passes as u64).with_style(style.with_key("allocated", allocated))
}

pub(crate) fn outcome(outcome: &Outcome, index: &Index) {
    let Outcome { tally, audit, collected, time, peak, full } = outcome;
    if *full {
        println!("Stopped early: what must be kept leaves the arena no room for the rest of the text");
    }
    println!(
        "Loaded {} in {:.1} s: {} words and {} lines, {} and {} of them distinct",
        BinaryBytes(tally.bytes),
        time.as_secs_f64(),
        HumanCount(tally.words),
        HumanCount(tally.lines),
        HumanCount(index.words.len() as u64),
        HumanCount(index.lines.len() as u64),
    );
    println!();
    for (what, count) in [("written", tally.versions), ("read", audit.reads), ("collected", *collected)] {
        let per_second = (count as f64 / time.as_secs_f64()) as u64;
        println!(
            "{:>12} versions {what:<9} {:>11} per second",
            HumanCount(count).to_string(),
            HumanCount(per_second).to_string()
        );
    }
    println!("{:>12} snapshots audited, {} wrong", HumanCount(audit.snapshots).to_string(), audit.wrong);
    println!("{:>12} allocated at the peak", BinaryBytes(*peak as u64).to_string());
}

/// The arena as a whole, and its busiest slabs.
pub(crate) fn arena() {
    println!("\n{}\n", ARENA.info());
    let mut slabs: Vec<SlabUsage> = ARENA.utilization().collect();
    slabs.sort_by_key(|usage| std::cmp::Reverse(usage.allocated));
    println!("{:>10} {:>7} {:>12} {:>12} {:>6}", "slab", "pools", "heap", "allocated", "ratio");
    for usage in slabs.iter().take(BUSIEST) {
        println!(
            "{:>10} {:>7} {:>12} {:>12} {:>5.1}%",
            usage.slab,
            usage.pools,
            BinaryBytes(usage.heap as u64).to_string(),
            BinaryBytes(usage.allocated as u64).to_string(),
            usage.ratio() * 100.0,
        );
    }
    println!();
    // What is buffered must be out before the arena is full.
    let _ = io::stdout().flush();
}

pub(crate) fn refusal(refusal: &Refusal) {
    let Refusal { error, vec_error, info, blocks, bytes } = refusal;
    println!("Filled with {} in {} blocks, until", BinaryBytes(*bytes as u64), HumanCount(*blocks as u64));
    println!("  Arena::allocate said          {error}");
    println!("  Vec::try_reserve_exact said   {vec_error}");
    for (what, bytes) in [("allocated were", info.allocated), ("held in pools were", info.heap)] {
        let percent = bytes as f64 / info.capacity as f64 * 100.0;
        let (bytes, capacity) = (HumanCount(bytes as u64), HumanCount(info.capacity as u64));
        println!("  {what:<29} {bytes} of {capacity} bytes ({percent:.2}%)");
    }
    println!("Freed; now {} are allocated", BinaryBytes(ARENA.info().allocated as u64));
}

pub(crate) fn query(count: u64, snapshot: &Snapshot) {
    println!("{PROBE:?} occurs {} times", HumanCount(count));
    if let Some(line) = snapshot.line(PROBE) {
        println!("  last in: {}", line.trim());
    }
}
