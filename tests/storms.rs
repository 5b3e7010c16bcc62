//! Promise: whatever threads do to each other, every block stays as it was written, the figures are those of the
//! blocks, and at the end nothing is lost: in a private arena and in the one that has the threads' own lists.

mod common;
mod storm;

use std::collections::BTreeMap;
use std::sync::Mutex;

use arenal::{Arena, Config};
use storm::{CAPACITY, STORMS, Storm, Tally};

const CONFIG: Config = Config::new(CAPACITY).system_above(CAPACITY).system_limit(0);

/// First used as a global allocator is, so that the threads' own lists are its.
static GLOBAL: Arena = Arena::with_config(CONFIG);

/// A child that runs the storm of that name.
fn rage(name: &str) {
    common::watchdog(1200);
    let (_, body) = STORMS.into_iter().find(|(storm, _)| *storm == name).expect("a storm of that name");
    let (tally, private) = (Tally::default(), Arena::with_config(CONFIG));
    common::Block::new(&private, common::layout(8, 8), 2).expect("memory").free(&private);
    common::Block::new(&GLOBAL, common::layout(8, 8), 1).expect("memory").free(&GLOBAL);
    let rounds = if std::env::var_os("ARENAL_LONG").is_some() { 20 } else { 3 };
    for seed in 0..common::scaled(rounds) as u64 {
        for arena in [&private, &GLOBAL] {
            Storm { arena, tally: &tally, seed, length: common::scaled(100) }.run(body);
        }
    }
    tally.print("storm");
    println!("\nrole finished");
}

/// Each storm in a process of its own, two at a time.
#[test]
fn every_storm_is_weathered() {
    const NAME: &str = "every_storm_is_weathered";
    if let Some((name, _)) = STORMS.iter().find(|(name, _)| common::is_child(name)) {
        return rage(name);
    }
    common::watchdog(1800);
    let (waiting, sums) = (Mutex::new(STORMS.iter()), Mutex::new(BTreeMap::<String, f64>::new()));
    common::threads(2, |_| {
        loop {
            let Some((name, _)) = waiting.lock().expect("no panic").next() else { break };
            let output = common::child(NAME, name).output().expect("the test binary starts");
            let text = common::transcript(&output);
            assert!(output.status.success() && text.contains("role finished"), "{name}:\n{text}");
            let mut sums = sums.lock().expect("no panic");
            for (figure, value) in common::figures(&output) {
                println!("{name}: {figure} {value}");
                *sums.entry(figure).or_default() += value;
            }
        }
    });
    let sums = sums.into_inner().expect("no panic");
    common::figure("storms", STORMS.len());
    sums.iter().for_each(|(name, value)| common::figure(name, value));
}
