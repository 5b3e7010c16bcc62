//! One command that builds every allocator's binary, runs all rows interleaved and prints the comparison.
//!
//! For each profile: build the peers one by one; then for each round and each row run every peer once, in random
//! order, each in a process of its own. Neighbours in time share the machine's mood, so their ratio is steadier than
//! their times.

mod options;
mod peers;
mod process;
mod report;
mod score;
mod table;

use crate::options::Options;
use crate::peers::PEERS;
use crate::report::Report;
use crate::score::{Outcome, Sample};
use rows::rng::Rng;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> ExitCode {
    let options = match options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n{}", options::USAGE);
            return ExitCode::from(2);
        }
    };
    if options.list {
        options.rows.iter().for_each(|row| println!("{:22} {}", row.name, row.operation));
        PEERS.iter().for_each(|peer| println!("{:22} {}", peer.name, peer.what));
        return ExitCode::SUCCESS;
    }
    let machine = process::machine();
    let mut markdown = String::new();
    for profile in &options.profiles {
        let mut race = Race::prepare(&options, profile);
        race.run(&options);
        let outcomes: Vec<Outcome> =
            options.rows.iter().zip(&race.samples).map(|(row, samples)| Outcome::new(row, samples)).collect();
        let report = Report {
            profile,
            rounds: options.rounds,
            machine: &machine,
            peers: &options.peers,
            outcomes: &outcomes,
            troubles: &race.troubles,
        };
        println!("{}", report.render(false));
        markdown += &(report.render(true) + "\n");
    }
    if let Some(path) = options.markdown
        && let Err(error) = std::fs::write(&path, markdown)
    {
        eprintln!("{}: {error}", path.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The binaries of one profile and what they have said so far.
struct Race {
    binaries: Vec<(usize, PathBuf)>,
    /// By row, then by allocator.
    samples: Vec<Vec<Vec<Sample>>>,
    troubles: Vec<String>,
}

impl Race {
    fn prepare(options: &Options, profile: &str) -> Race {
        let samples = options.rows.iter().map(|_| PEERS.iter().map(|_| Vec::new()).collect()).collect();
        let mut race = Race { binaries: Vec::new(), samples, troubles: Vec::new() };
        for &peer in &options.peers {
            let name = PEERS[peer].name;
            eprintln!("building {name} ({profile})");
            match process::build(&PEERS[peer], profile) {
                Ok(binary) => race.binaries.push((peer, binary)),
                Err(reason) => race.trouble(format!("{name}: {reason}")),
            }
        }
        race
    }

    fn run(&mut self, options: &Options) {
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos() as u64);
        let mut rng = Rng::new(seed);
        for round in 1..=options.rounds {
            for (number, row) in options.rows.iter().enumerate() {
                eprintln!("round {round} of {}: {}", options.rounds, row.name);
                rng.shuffle(&mut self.binaries);
                for at in 0..self.binaries.len() {
                    let (peer, binary) = &self.binaries[at];
                    match process::run(binary, row.name) {
                        Ok(sample) => self.samples[number][*peer].push(sample),
                        Err(reason) => self.trouble(format!("{}: {} {reason}", PEERS[*peer].name, row.name)),
                    }
                }
            }
        }
    }

    /// Once is enough: a row that fails does so in each round.
    fn trouble(&mut self, message: String) {
        if !self.troubles.contains(&message) {
            eprintln!("{message}");
            self.troubles.push(message);
        }
    }
}
