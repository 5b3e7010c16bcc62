//! Builds the applications for one allocator and one profile.

use crate::apps::App;
use crate::peers::Peer;
use crate::places::Places;
use indicatif::ProgressBar;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The binaries by application, and why the others are missing.
pub struct Build {
    pub binaries: BTreeMap<String, PathBuf>,
    pub reason: Option<String>,
}

/// One run of cargo for all applications: they share all crates but the last. Cargo builds only what has changed.
pub fn build(places: &Places, apps: &[App], peer: &Peer, profile: &str, bar: &ProgressBar) -> Result<Build, String> {
    let folder = places.binaries.join(profile).join(peer.name);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let log = folder.join("build.log");
    let errors = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let mut command = Command::new("cargo");
    command
        .args(["build", "--locked", "--keep-going", "--message-format=json-render-diagnostics", "--profile", profile])
        .args(["--features", &format!("allocator/{}", peer.name)])
        // The whole workspace, so that crates have the same features whichever binaries are wanted.
        .arg("--workspace")
        .args(apps.iter().flat_map(|app| ["--bin", &app.name]))
        .current_dir(&places.apps)
        .env("CARGO_TARGET_DIR", &places.build)
        // snmalloc-sys's build by cc (feature build_cc, no cmake needed) forgets NDEBUG and would race with its
        // assertions on. The same for all, or cc would build its crates again for each allocator.
        .env("CXXFLAGS", "-DNDEBUG")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors);
    // What cargo has told this program about itself is not meant for the builds, and would have them done again.
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST"))
    {
        command.env_remove(name);
    }
    let mut cargo = command.spawn().map_err(|error| format!("cargo build: {error}"))?;
    let mut binaries = BTreeMap::new();
    let output = BufReader::new(cargo.stdout.take().expect("it is piped"));
    for message in output.lines().map_while(Result::ok).filter_map(|line| serde_json::from_str::<Value>(&line).ok()) {
        let name = message["target"]["name"].as_str().unwrap_or_default();
        bar.set_message(format!("building {} ({profile}): {name}", peer.name));
        if let Some(executable) = message["executable"].as_str() {
            let binary = folder.join(name);
            copy(Path::new(executable), &binary)?;
            binaries.insert(name.to_owned(), binary);
        }
    }
    let status = cargo.wait().map_err(|error| format!("cargo build: {error}"))?;
    let reason = (!status.success()).then(|| reason(&fs::read_to_string(&log).unwrap_or_default()));
    Ok(Build { binaries, reason })
}

/// The next allocator's build puts its binary into the same place.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    // A program that is still running must not be written to.
    let _ = fs::remove_file(to);
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}

/// The first thing that went wrong, in one line.
fn reason(log: &str) -> String {
    let line = log.lines().find(|line| line.starts_with("error")).or(log.lines().last());
    line.unwrap_or("cargo said nothing").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::reason;

    #[test]
    fn the_reason_is_the_first_error() {
        let log = "   Compiling a v1.0.0\nerror: linker `cc` not found\n  |\nerror: could not compile `a`\n";
        assert_eq!(reason(log), "error: linker `cc` not found");
        assert_eq!(reason("   Compiling a\nsignal: 9\n"), "signal: 9");
        assert_eq!(reason(""), "cargo said nothing");
    }
}
