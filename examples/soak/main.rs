//! Storms over two arenas for as long as asked, every block verified; then what was done, and whether resident memory
//! grew.
//!
//! ```console
//! $ cargo run --release --example soak -- --seconds 60
//! ended behind signals, seed 7
//! figure soak_operations 33870976
//! figure soak_bytes_verified 29448039552
//! figure soak_threads_churned 21610
//! figure soak_forks_survived 432
//! figure soak_signals_delivered 58664
//! figure soak_threads_cancelled 720
//! figure soak_rounds 136
//! figure soak_seconds 63
//! figure soak_resident_bytes 19324928
//! figure soak_resident_slope_bytes_per_minute 2676462
//! ```

#[path = "../../tests/common/mod.rs"]
mod common;
mod slope;
#[path = "../../tests/storm/mod.rs"]
mod storm;

use std::time::{Duration, Instant};

use arenal::{Arena, Config};
use clap::Parser;
use slope::Slope;
use storm::{CAPACITY, STORMS, Storm, Tally};

const CONFIG: Config = Config::new(CAPACITY).system_above(CAPACITY).system_limit(0);

/// First used as a global allocator is, so that the threads' own lists are its.
static GLOBAL: Arena = Arena::with_config(CONFIG);
static PRIVATE: Arena = Arena::with_config(CONFIG);

/// Storms of threads over an arena, for as long as asked.
#[derive(Parser)]
struct Options {
    /// How long.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Only storms whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Seed of the first round.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() {
    let options = Options::parse();
    let storms: Vec<_> = STORMS.iter().filter(|(name, _)| name.contains(&options.only)).collect();
    assert!(!storms.is_empty(), "no storm is called so: {:?}", STORMS.map(|(name, _)| name));
    let (start, tally, mut slope) = (Instant::now(), Tally::default(), Slope::default());
    let end = Duration::from_secs(options.seconds);
    common::Block::new(&PRIVATE, common::layout(8, 8), 2).expect("memory").free(&PRIVATE);
    common::Block::new(&GLOBAL, common::layout(8, 8), 1).expect("memory").free(&GLOBAL);
    let mut seed = options.seed;
    while start.elapsed() < end {
        for (name, body) in &storms {
            for arena in [&PRIVATE, &GLOBAL] {
                // A hang ends the process.
                common::watchdog(600);
                Storm { arena, tally: &tally, seed, length: 100 }.run(*body);
            }
            // A tenth of the time is warm-up.
            if start.elapsed() > end / 10 {
                slope.add(start.elapsed().as_secs_f64(), common::rss() as f64);
            }
            if start.elapsed() >= end {
                println!("ended behind {name}, seed {seed}");
                break;
            }
        }
        seed += 1;
    }
    tally.print("soak");
    common::figure("soak_seconds", start.elapsed().as_secs());
    common::figure("soak_resident_bytes", common::rss());
    match slope.per_second() {
        Some(bytes) => common::figure("soak_resident_slope_bytes_per_minute", (bytes * 60.0).round()),
        None => println!("too short for a slope of resident memory"),
    }
}
