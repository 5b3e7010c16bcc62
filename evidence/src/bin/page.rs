//! Writes the page of figures: runs everything, collects what it prints, and fills in the template.
//!
//! `page [--quick]`: quick runs are short and write beside, not over, the page in `docs/`. What a step printed is kept
//! by commit, so that a run that was interrupted goes on where it stopped; `--fresh` begins anew.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;
use std::{env, fs, io};

use arenal_evidence::counts::Counts;
use arenal_evidence::figures::Figures;
use arenal_evidence::job;
use arenal_evidence::place;
use arenal_evidence::template;

const LIMIT: Duration = Duration::from_secs(4 * 3600);

/// One thing to run: its name, the command, the same for a quick run.
struct Step(&'static str, &'static str, &'static str);

const STEPS: [Step; 6] = [
    Step("tests", "cargo test --release --no-fail-fast -- --nocapture", "cargo test --release -- --nocapture"),
    Step("models", ".ci/models", ".ci/models"),
    Step("fuzz", ".ci/fuzz 300", ".ci/fuzz 20"),
    Step(
        "soak",
        "cargo run --release --example soak -- --seconds 300",
        "cargo run --release --example soak -- --seconds 20",
    ),
    Step("neighbours", ".ci/neighbours", ".ci/neighbours --quick"),
    Step("seeded", ".ci/seeded", ".ci/seeded --quick"),
];

/// The first line a command prints; empty if it cannot.
fn line(command: &str) -> String {
    let output = Command::new("sh").args(["-c", command]).current_dir(place::root()).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or_default().trim().to_owned()
}

/// Runs a step, or finds what it printed before.
fn run(Step(name, full, quick): &Step, is_quick: bool, kept: Option<&Path>) -> Result<String, String> {
    let log = kept.map(|folder| folder.join(name));
    if let Some(text) = log.as_ref().and_then(|log| fs::read_to_string(log).ok()) {
        println!("== {name}: as run before");
        return Ok(text);
    }
    let command = if is_quick { quick } else { full };
    println!("== {name}: {command}");
    let mut words = command.split_whitespace();
    let program = words.next().expect("a step has a command");
    let mut job = if program == "cargo" { place::cargo() } else { place::by_hand(place::root().join(program)) };
    job.args(words).env("ARENAL_FIGURES", "1");
    let job = job::run(&mut job, LIMIT).map_err(|error| format!("{name}: {error}"))?;
    if !job.success() {
        return Err(format!("{name}: {:?}\n{}", job.end, job.tail(60)));
    }
    println!("   {} s", job.time.as_secs());
    if let Some(log) = log {
        fs::write(log, &job.text).map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(job.text)
}

/// About the machine and the checkout.
fn surroundings(figures: &mut Figures) {
    let facts = [
        ("date", "date -u +%Y-%m-%d"),
        ("commit", "git rev-parse --short=10 HEAD"),
        ("rustc", "rustc --version"),
        ("kernel", "uname -sr"),
        ("cpu", "sed -n 's/^model name[^:]*: //p' /proc/cpuinfo"),
        ("cores", "nproc"),
        ("memory", "awk '/MemTotal/ { printf \"%.0f GiB\", $2 / 1048576 }' /proc/meminfo"),
    ];
    for (name, command) in facts {
        let fact = line(command);
        if !fact.is_empty() {
            figures.set(name, fact);
        }
    }
}

/// Where outputs are kept: by commit, and not at all in a checkout with changes.
fn keep(quick: bool, fresh: bool) -> io::Result<Option<PathBuf>> {
    let commit = line("git rev-parse HEAD");
    if commit.is_empty()
        || !line("git status --porcelain -- src tests examples evidence fuzz .ci Cargo.toml").is_empty()
    {
        return Ok(None);
    }
    let folder = place::scratch()?.join("printed").join(commit + if quick { "-quick" } else { "" });
    if fresh && folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    Ok(Some(folder))
}

fn page(quick: bool, fresh: bool) -> Result<PathBuf, String> {
    let kept = keep(quick, fresh).map_err(|error| error.to_string())?;
    let mut figures = Figures::default();
    for step in &STEPS {
        let text = run(step, quick, kept.as_deref())?;
        figures.read(&text);
        let (name, counts) = (step.0, Counts::of(&text));
        if counts.passed > 0 {
            figures.set(&format!("{name}_passed"), counts.passed);
            figures.set(&format!("{name}_ignored"), counts.ignored);
        }
        let table: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") || line.starts_with("|--")).collect();
        if !table.is_empty() {
            figures.set(&format!("{name}_table"), table.join("\n"));
        }
    }
    surroundings(&mut figures);
    let source = place::root().join("evidence/reliability.md");
    let source = fs::read_to_string(source).map_err(|error| error.to_string())?;
    let page = template::fill(&source, &figures)?;
    let path = if quick {
        place::scratch().map_err(|error| error.to_string())?.join("reliability.md")
    } else {
        place::root().join("docs/reliability.md")
    };
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).map_err(|error| error.to_string())?;
    fs::write(&path, page).map_err(|error| error.to_string())?;
    Ok(path)
}

fn main() -> ExitCode {
    let wanted = |flag: &str| env::args().any(|word| word == flag);
    match page(wanted("--quick"), wanted("--fresh")) {
        Ok(path) => {
            println!("written: {}", path.display());
            ExitCode::SUCCESS
        }
        Err(fault) => {
            println!("{fault}");
            ExitCode::FAILURE
        }
    }
}
