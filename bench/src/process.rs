//! The other processes: cargo that builds a peer, and the peer that runs a row.

use crate::peers::Peer;
use crate::score::Sample;
use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Builds one peer and names its binary. One `cargo build` each: built together, packages would share their
/// features, and both mimallocs would be version 2.
pub fn build(peer: &Peer, profile: &str) -> Result<PathBuf, String> {
    let package = format!("peer-{}", peer.name);
    let output = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()))
        // The folder's own .cargo/config.toml counts only from here.
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["build", "--quiet", "--profile", profile, "--package", &package])
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let log = String::from_utf8_lossy(&output.stderr);
        let reason = log.lines().find(|line| line.contains("error")).unwrap_or("no error named");
        return Err(format!("does not build: {}", reason.trim()));
    }
    // This program is target/<its profile>/bench.
    let own = env::current_exe().map_err(|error| error.to_string())?;
    let target = own.ancestors().nth(2).ok_or("no target folder")?;
    Ok(target.join(profile).join(package))
}

const PATIENCE: Duration = Duration::from_secs(120);

/// Runs one row of one peer.
pub fn run(binary: &Path, row: &str) -> Result<Sample, String> {
    let mut child = Command::new(binary)
        .arg(row)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("does not start: {error}"))?;
    let success = wait(&mut child)?;
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    if !success {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{}: {}", output.status, said.lines().next().unwrap_or("said nothing")));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    Sample::parse(said.lines().last().unwrap_or("")).ok_or(format!("said {said:?}"))
}

fn wait(child: &mut Child) -> Result<bool, String> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status.success());
        }
        if start.elapsed() > PATIENCE {
            let _ = child.kill();
            return Err(format!("still running after {} s", PATIENCE.as_secs()));
        }
        sleep(Duration::from_millis(2));
    }
}

/// What the numbers were measured on, in one line.
pub fn machine() -> String {
    let read = |path| {
        let mut text = String::new();
        std::fs::File::open(path).and_then(|mut file| file.read_to_string(&mut text)).unwrap_or(0);
        text
    };
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("");
    let huge = read("/sys/kernel/mm/transparent_hugepage/enabled");
    let rustc = Command::new("rustc").arg("--version").output().map(|output| output.stdout).unwrap_or_default();
    format!(
        "{} × {}, Linux {}, transparent huge pages {}, {}",
        cpus.matches("processor\t").count(),
        model.trim_start_matches([':', '\t', ' ']),
        read("/proc/sys/kernel/osrelease").trim(),
        huge.split(['[', ']']).nth(1).unwrap_or("unknown"),
        String::from_utf8_lossy(&rustc).trim(),
    )
}
