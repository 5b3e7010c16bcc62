//! Breaks the library on purpose, one bug at a time, and shows which test notices.
//!
//! Each file of `bugs/` is one bug: what it is, which real bug it is modelled on, the one test that must turn red, and
//! text to replace. The library is copied, so the checkout stays as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs, io};

use arenal_evidence::counts::Counts;
use arenal_evidence::job::{self, End, Job};
use arenal_evidence::place;

/// Far more than any single test takes, also where the machine is slow.
const TEST_LIMIT: Duration = Duration::from_secs(240);
/// What a bug that may show as a hang is given.
const HANG_LIMIT: Duration = Duration::from_secs(20);
const BUILD_LIMIT: Duration = Duration::from_secs(900);
const TURNS: usize = 20;

/// A test: `lib <name>`, `models <name>` (loom's, of the library), `schedules <name>` (shuttle's), or
/// `<file of tests/> <name>`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Test {
    file: String,
    name: String,
}

struct Edit {
    file: String,
    old: String,
    new: String,
}

struct Bug {
    id: String,
    /// What is wrong.
    what: String,
    /// The real bugs it is modelled on.
    like: String,
    test: Test,
    /// It may show as a hang.
    hangs: bool,
    /// Its test meets it in some schedules only: it is run until it turns red, [`TURNS`] times at most.
    by_chance: bool,
    /// It belongs to the quick run.
    quick: bool,
    edits: Vec<Edit>,
}

impl Bug {
    fn read(path: &Path) -> Result<Bug, String> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let (head, body) = text.split_once("\n--- ").ok_or("no edit")?;
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let needed = |name: &str| field(name).map(str::to_owned).ok_or(format!("no line `{name}: `"));
        let test = needed("test")?;
        let (file, name) = test.split_once(' ').ok_or("a test is `<file> <name>`")?;
        let mut edits = Vec::new();
        for edit in body.split("\n--- ") {
            let (file, change) = edit.split_once('\n').ok_or("an edit names its file")?;
            let (old, new) =
                change.split_once("\n+++\n").or(change.split_once("+++\n")).ok_or("an edit has a `+++`")?;
            edits.push(Edit { file: file.into(), old: old.into(), new: new.into() });
        }
        Ok(Bug {
            id: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            what: needed("what")?,
            like: needed("like")?,
            test: Test { file: file.into(), name: name.into() },
            hangs: head.lines().any(|line| line == "hangs"),
            by_chance: head.lines().any(|line| line == "by chance"),
            quick: head.lines().any(|line| line == "quick"),
            edits,
        })
    }
}

/// Replaces `old` by `new` where it stands exactly once; white space counts for nothing, so that the formatter may
/// break lines as it likes.
fn replace_once(text: &str, old: &str, new: &str) -> Result<String, String> {
    let kept: Vec<(usize, char)> = text.char_indices().filter(|(_, char)| !char.is_whitespace()).collect();
    let wanted: Vec<char> = old.chars().filter(|char| !char.is_whitespace()).collect();
    let places: Vec<usize> = (0..kept.len().saturating_sub(wanted.len() - 1))
        .filter(|&at| kept[at..at + wanted.len()].iter().map(|(_, char)| char).eq(&wanted))
        .collect();
    let [at] = places[..] else {
        return Err(format!("stands {} times instead of once: {}", places.len(), old.trim()));
    };
    let (begin, (last, char)) = (kept[at].0, kept[at + wanted.len() - 1]);
    Ok(format!("{}{}{}", &text[..begin], new.trim(), &text[last + char.len_utf8()..]))
}

/// Contents of files.
type Texts = BTreeMap<PathBuf, String>;

/// The copy of the library that is broken.
struct Copy {
    folder: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn new() -> io::Result<Copy> {
        let folder = place::scratch()?.join("seeded");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        let beside = [".git", "target", "bench", "evidence", "fuzz"];
        place::copy(&place::root(), &folder, &|name| !beside.contains(&name))?;
        // Not the checkout's: cargo would take the broken library for the checkout's own.
        Ok(Copy { folder, target: place::scratch()?.join("seeded-target") })
    }

    /// Applies the edits; the returned texts undo them.
    fn apply(&self, edits: &[Edit]) -> Result<Texts, String> {
        let (before, after) = self.edited(edits)?;
        self.write(&after).map_err(|error| error.to_string())?;
        Ok(before)
    }

    /// The files that the edits change, as they are and as they would be.
    fn edited(&self, edits: &[Edit]) -> Result<(Texts, Texts), String> {
        let mut before = BTreeMap::new();
        let mut after = BTreeMap::new();
        for edit in edits {
            let path = self.folder.join(&edit.file);
            let told = |what: String| format!("{}: {what}", edit.file);
            if !after.contains_key(&path) {
                let text = fs::read_to_string(&path).map_err(|error| told(error.to_string()))?;
                before.insert(path.clone(), text.clone());
                after.insert(path.clone(), text);
            }
            let changed = replace_once(&after[&path], &edit.old, &edit.new).map_err(told)?;
            after.insert(path, changed);
        }
        Ok((before, after))
    }

    fn write(&self, texts: &Texts) -> io::Result<()> {
        texts.iter().try_for_each(|(path, text)| fs::write(path, text))
    }

    fn cargo(&self, file: &str) -> Command {
        let mut command = place::cargo();
        command.current_dir(&self.folder).args(["test", "--release"]).env("CARGO_TARGET_DIR", &self.target);
        match file {
            "lib" => command.arg("--lib"),
            "models" => command
                .arg("--lib")
                .env("CARGO_TARGET_DIR", self.target.join("loom"))
                .env("RUSTFLAGS", "--cfg loom -A dead_code -A unused")
                .env("LOOM_MAX_PREEMPTIONS", "3"),
            "schedules" => command
                .arg("--lib")
                .env("CARGO_TARGET_DIR", self.target.join("shuttle"))
                .env("RUSTFLAGS", "--cfg shuttle -A dead_code -A unused")
                .env("SHUTTLE_SILENCE_WARNINGS", "1")
                // As in `.ci/models`: shuttle's threads share the process's registry of arenas.
                .env("RUST_TEST_THREADS", "1"),
            _ => command.args(["--test", file]),
        };
        command
    }

    fn build(&self, file: &str) -> Result<(), String> {
        let job = job::run(self.cargo(file).arg("--no-run"), BUILD_LIMIT).map_err(|error| error.to_string())?;
        if job.success() { Ok(()) } else { Err(format!("does not build:\n{}", job.tail(30))) }
    }

    fn test(&self, test: &Test, limit: Duration) -> Result<Job, String> {
        self.build(&test.file)?;
        let mut command = self.cargo(&test.file);
        job::run(command.args(["--", "--exact", &test.name]), limit).map_err(|error| error.to_string())
    }
}

/// How the bug showed, or why it did not.
fn seed(copy: &Copy, bug: &Bug) -> Result<String, String> {
    let before = copy.apply(&bug.edits)?;
    let mut shown = turn_red(copy, bug);
    let mut turns = 1;
    while bug.by_chance && shown.is_err() && turns < TURNS {
        shown = turn_red(copy, bug);
        turns += 1;
    }
    copy.write(&before).map_err(|error| error.to_string())?;
    if turns > 1 { shown.map(|how| format!("{how}, in run {turns}")) } else { shown }
}

/// As [`seed`], of one run of the test.
fn turn_red(copy: &Copy, bug: &Bug) -> Result<String, String> {
    let job = copy.test(&bug.test, if bug.hangs { HANG_LIMIT } else { TEST_LIMIT })?;
    let signal = job.text.lines().find_map(|line| Some(line.split_once("(signal: ")?.1.split_once(',')?.0.to_owned()));
    match job.end {
        End::Success => Err("stayed green".into()),
        End::TimeOut if bug.hangs => Ok("hangs".into()),
        End::TimeOut => Err("hangs, which was not expected".into()),
        _ if Counts::of(&job.text).failed > 0 => Ok("fails".into()),
        _ => signal.map(|number| format!("signal {number}")).ok_or(format!("neither ran nor died:\n{}", job.tail(30))),
    }
}

/// The tests the bugs name must pass without them.
fn all_green(copy: &Copy, bugs: &[Bug]) -> Result<(), String> {
    let tests: BTreeSet<&Test> = bugs.iter().map(|bug| &bug.test).collect();
    let files: BTreeSet<&str> = tests.iter().map(|test| test.file.as_str()).collect();
    for file in files {
        copy.build(file)?;
        let names: Vec<&str> = tests.iter().filter(|test| test.file == file).map(|test| test.name.as_str()).collect();
        let mut command = copy.cargo(file);
        let job = job::run(command.args(["--", "--exact"]).args(&names), TEST_LIMIT * names.len() as u32)
            .map_err(|error| error.to_string())?;
        let counts = Counts::of(&job.text);
        println!("green without bugs: {} of {file}, {} s", counts.passed, job.time.as_secs());
        if !job.success() || counts.passed != names.len() {
            return Err(format!(
                "{file}: {} of {names:?} pass in the library as it is\n{}",
                counts.passed,
                job.tail(40)
            ));
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let quick = wanted.iter().any(|word| word == "--quick");
    let names: Vec<&String> = wanted.iter().filter(|word| !word.starts_with("--")).collect();
    let folder = place::root().join("evidence/bugs");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder).expect("evidence/bugs").map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    let mut bugs = Vec::new();
    for path in paths {
        match Bug::read(&path) {
            Ok(bug) => bugs.push(bug),
            Err(fault) => {
                println!("{}: {fault}", path.display());
                return ExitCode::FAILURE;
            }
        }
    }
    let copy = Copy::new().expect("a copy of the library");
    // All of them: what the library has outgrown is noticed by the quick run, too.
    for bug in &bugs {
        if let Err(fault) = copy.edited(&bug.edits) {
            println!("{}: {fault}", bug.id);
            return ExitCode::FAILURE;
        }
    }
    let known = |word: &str| word == "--quick" || bugs.iter().any(|bug| bug.id == word);
    if let Some(unknown) = wanted.iter().find(|word| !known(word)) {
        println!("neither a flag nor a seeded bug: {unknown}");
        return ExitCode::FAILURE;
    }
    bugs.retain(|bug| (bug.quick || !quick) && (names.is_empty() || names.contains(&&bug.id)));
    if let Err(fault) = all_green(&copy, &bugs) {
        println!("{fault}");
        return ExitCode::FAILURE;
    }
    println!("\n| seeded bug | modelled on | test that turns red | how | seconds |\n|---|---|---|---|---|");
    let mut faults = Vec::new();
    for bug in &bugs {
        let begin = Instant::now();
        let how = seed(&copy, bug).unwrap_or_else(|fault| {
            let short = fault.lines().next().unwrap_or_default().to_owned();
            faults.push(format!("{}: {fault}", bug.id));
            format!("**NOT FOUND**: {short}")
        });
        let (test, seconds) = (format!("{}: {}", bug.test.file, bug.test.name), begin.elapsed().as_secs());
        println!("| {}: {} | {} | {test} | {how} | {seconds} |", bug.id, bug.what, bug.like);
    }
    println!("\nfigure seeded_bugs {}\nfigure seeded_bugs_killed {}", bugs.len(), bugs.len() - faults.len());
    faults.iter().for_each(|fault| println!("\n{fault}"));
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::replace_once;

    #[test]
    fn white_space_counts_for_nothing() {
        assert_eq!(replace_once("a\n  b(c)\nd", "b( c )", "x").unwrap(), "a\n  x\nd");
        assert!(replace_once("b b", "b", "x").is_err());
        assert!(replace_once("b b", "c", "x").is_err());
    }
}
