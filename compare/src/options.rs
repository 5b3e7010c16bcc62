//! The command line.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;

/// Runs whole applications on arenal and on every peer, side by side, and writes a report.
#[derive(Parser)]
#[command(name = "compare")]
pub struct Options {
    /// Applications to run, by name: --apps json,cache
    #[arg(long, value_delimiter = ',')]
    pub apps: Vec<String>,
    /// Allocators to run, by name, with their variants: --allocators arenal,glibc
    #[arg(long, value_delimiter = ',')]
    pub allocators: Vec<String>,
    /// How often each application runs on each allocator
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Cargo's default release profile, lto = "fat" with one codegen unit, or both
    #[arg(long, value_enum, default_value_t = Profiles::Both)]
    pub profile: Profiles,
    /// Leave out the allocators' other settings of huge pages
    #[arg(long)]
    pub no_variants: bool,
    /// Build everything and stop
    #[arg(long, conflicts_with = "report_only")]
    pub build_only: bool,
    /// Print and write the report of what was measured before
    #[arg(long)]
    pub report_only: bool,
    /// Say which applications and allocators there are
    #[arg(long)]
    pub list: bool,
    /// The order of the runs follows from this number
    #[arg(long)]
    pub seed: Option<u64>,
    /// File of results, to which new ones are appended [default: compare/results.jsonl in the target directory]
    #[arg(long)]
    pub results: Option<PathBuf>,
    /// Folder of the report [default: compare/report]
    #[arg(long)]
    pub report: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Profiles {
    Release,
    Fat,
    Both,
}

impl Profiles {
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Profiles::Release => &["release"],
            Profiles::Fat => &["fat"],
            Profiles::Both => &["release", "fat"],
        }
    }
}
