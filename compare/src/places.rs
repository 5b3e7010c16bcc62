//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

/// The folders and files the runner works with.
pub struct Places {
    /// The workspace of the applications.
    pub apps: PathBuf,
    /// Cargo's target directory for them.
    pub build: PathBuf,
    /// The binaries, by profile and allocator.
    pub binaries: PathBuf,
    /// The Rust sources that some applications work on.
    pub sources: PathBuf,
    pub results: PathBuf,
    pub report: PathBuf,
}

impl Places {
    pub fn find() -> Result<Places, String> {
        let own = Path::new(env!("CARGO_MANIFEST_DIR"));
        // This program is target/<profile>/compare.
        let program = env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
        let target = program.ancestors().nth(2).ok_or("this program lies in no target directory")?.join("compare");
        Ok(Places {
            apps: own.join("apps"),
            build: target.join("build"),
            binaries: target.join("binaries"),
            sources: target.join("sources.txt"),
            results: target.join("results.jsonl"),
            report: own.join("report"),
        })
    }
}
