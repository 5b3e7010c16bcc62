//! Promise: whatever threads do to each other, every block stays as it was written, the figures are those of the blocks,
//! and at the end nothing is lost: in a private arena and in the one that has the threads' own lists.

mod common;
mod storm;

use arenal::{Arena, Config};
use storm::{CAPACITY, STORMS, Storm, Tally};

const CONFIG: Config = Config::new(CAPACITY).system_above(CAPACITY).system_limit(0);

/// First used as a global allocator is, so that the threads' own lists are its.
static GLOBAL: Arena = Arena::with_config(CONFIG);

/// The storm of that name, in a process of its own.
fn rage(name: &str) {
    common::in_child(name, || {
        common::watchdog(600);
        let (_, body) = STORMS.into_iter().find(|(storm, _)| *storm == name).expect("a storm of that name");
        let (tally, private) = (Tally::default(), Arena::with_config(CONFIG));
        common::Block::new(&private, common::layout(8, 8), 2).expect("memory").free(&private);
        common::Block::new(&GLOBAL, common::layout(8, 8), 1).expect("memory").free(&GLOBAL);
        let rounds = if std::env::var_os("ARENAL_LONG").is_some() { 10 } else { 1 };
        for seed in 0..rounds {
            for arena in [&private, &GLOBAL] {
                Storm { arena, tally: &tally, seed, length: common::scaled(100) }.run(body);
            }
        }
        tally.print(&format!("storm_{name}"));
    });
}

macro_rules! storms {
    ($($name:ident)*) => { $(#[test] fn $name() { rage(stringify!($name)); })* };
}

storms! { pipeline ring all_to_all free_only orphans nested_exits hoarders signals cancellation forks }
