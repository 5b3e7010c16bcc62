//! Runs the test suites of other people's crates twice, as they are and on an arena, and compares.
//!
//! The sources are the published archives, at pinned versions with the dependencies they were published with. Crate
//! `served` is linked into every test program; it is the global allocator there, and reports at exit what it served.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use std::{env, fs, io};

use arenal_evidence::counts::Counts;
use arenal_evidence::job::{self, Job};
use arenal_evidence::place;

/// Crate, version, further arguments of `cargo test`.
const CRATES: [(&str, &str, &str); 11] = [
    ("smallvec", "1.16.6", ""),
    ("crossbeam-epoch", "0.9.21", ""),
    ("crossbeam-deque", "0.8.8", ""),
    ("crossbeam-queue", "0.3.14", ""),
    ("crossbeam-channel", "0.5.17", ""),
    ("bytes", "1.12.2", ""),
    ("dashmap", "6.2.1", ""),
    ("indexmap", "2.14.2", ""),
    ("hashbrown", "0.17.1", ""),
    ("petgraph", "0.8.3", ""),
    ("rayon", "1.12.0", ""),
];
/// The first so many are the quick run.
const QUICK: usize = 2;

const LIMIT: Duration = Duration::from_secs(1800);

/// Downloads the archives; where they lie.
fn fetch(crates: &[(&str, &str, &str)]) -> Result<PathBuf, String> {
    let folder = place::scratch().map_err(told)?.join("neighbours");
    let package = folder.join("fetch");
    fs::create_dir_all(package.join("src")).map_err(told)?;
    let mut manifest = String::from("[package]\nname = \"fetch\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n");
    for (name, version, _) in crates {
        manifest += &format!("{name} = \"={version}\"\n");
    }
    fs::write(package.join("Cargo.toml"), manifest).map_err(told)?;
    fs::write(package.join("src/lib.rs"), "").map_err(told)?;
    let mut vendor = place::cargo();
    vendor.current_dir(&package).args(["vendor", "--quiet", "--versioned-dirs"]);
    let job = job::run(vendor.arg(folder.join("archives")), LIMIT).map_err(told)?;
    if job.success() { Ok(folder) } else { Err(format!("the crates cannot be had:\n{}", job.tail(20))) }
}

fn told(error: io::Error) -> String {
    error.to_string()
}

fn append(path: &Path, text: &str) -> io::Result<()> {
    fs::write(path, fs::read_to_string(path)? + text)
}

/// A copy of the crate, on an arena if `served`; the test programs that keep an allocator of their own.
fn prepare(folder: &Path, archive: &str, served: bool) -> io::Result<(PathBuf, BTreeSet<String>)> {
    let copy = folder.join(if served { "arena" } else { "plain" }).join(archive);
    if copy.exists() {
        fs::remove_dir_all(&copy)?;
    }
    // Without the list of checksums, the folder is a package like any other.
    place::copy(&folder.join("archives").join(archive), &copy, &|name| name != ".cargo-checksum.json")?;
    let mut own = BTreeSet::new();
    append(&copy.join("Cargo.toml"), "\n[workspace]\n")?;
    if !served {
        return Ok((copy, own));
    }
    let path = place::root().join("evidence/served");
    append(&copy.join("Cargo.toml"), &format!("\n[dev-dependencies.served]\npath = {path:?}\n"))?;
    let link = "\n#[allow(unused_extern_crates)]\nextern crate served as _;\n";
    append(&copy.join("src/lib.rs"), &format!("\n#[cfg(test)]{link}"))?;
    let tests = copy.join("tests");
    for entry in if tests.exists() { Some(fs::read_dir(tests)?) } else { None }.into_iter().flatten() {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        if fs::read_to_string(&path)?.contains("#[global_allocator]") {
            own.insert(path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
        } else {
            append(&path, link)?;
        }
    }
    Ok((copy, own))
}

fn test(copy: &Path, arguments: &str, report: &Path) -> Result<Job, String> {
    let mut command = place::cargo();
    command
        .current_dir(copy)
        .args(["test", "--tests", "--no-fail-fast"])
        .args(arguments.split_whitespace())
        .env("CARGO_TARGET_DIR", place::scratch().map_err(told)?.join("neighbours-target"))
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("ARENAL_SERVED", report);
    job::run(&mut command, LIMIT).map_err(told)
}

/// Programs of which at least one test passed, by the name of the file that was run.
fn programs(text: &str) -> BTreeSet<String> {
    let mut running = None;
    let mut programs = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.trim_start().strip_prefix("Running ") {
            running = rest.rsplit_once('(').map(|(_, path)| file_name(path.trim_end_matches(')')));
        } else if line.contains("test result: ")
            && Counts::of(line).passed > 0
            && let Some(name) = running.take()
        {
            programs.insert(name);
        }
    }
    programs
}

fn file_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// What one crate's suite says.
struct Row {
    plain: Counts,
    arena: Counts,
    programs: usize,
    pools: usize,
}

fn compare(folder: &Path, (name, version, arguments): (&str, &str, &str)) -> Result<Row, String> {
    let archive = format!("{name}-{version}");
    let report = folder.join(format!("{archive}.served"));
    if report.exists() {
        fs::remove_file(&report).map_err(told)?;
    }
    let (plain, _) = prepare(folder, &archive, false).map_err(told)?;
    let plain = test(&plain, arguments, &report)?;
    if report.exists() {
        return Err("the plain run was served by an arena".into());
    }
    let (arena, own) = prepare(folder, &archive, true).map_err(told)?;
    let arena = test(&arena, arguments, &report)?;
    let served = fs::read_to_string(&report).unwrap_or_default();
    let mut by = BTreeSet::new();
    let mut pools = 0;
    for line in served.lines() {
        if let [_, heap, _, program] = line.split(' ').collect::<Vec<_>>()[..] {
            pools += heap.parse::<usize>().unwrap_or(0);
            by.insert(file_name(program));
        }
    }
    let expected = programs(&arena.text)
        .into_iter()
        .filter(|program| program.rsplit_once('-').is_none_or(|(stem, _)| !own.contains(stem)));
    let missing: Vec<String> = expected.filter(|program| !by.contains(program)).collect();
    let row = Row { plain: Counts::of(&plain.text), arena: Counts::of(&arena.text), programs: by.len(), pools };
    if row.plain.passed == 0 {
        return Err(format!("no test passes without an arena:\n{}", plain.tail(30)));
    }
    if row.plain != row.arena || plain.end != arena.end {
        return Err(format!("{:?} without an arena, {:?} on one:\n{}", row.plain, row.arena, arena.tail(60)));
    }
    if !missing.is_empty() || pools == 0 {
        return Err(format!("{missing:?} were not served by an arena"));
    }
    Ok(row)
}

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let count = if wanted.iter().any(|word| word == "--quick") { QUICK } else { CRATES.len() };
    let known = |word: &str| word == "--quick" || CRATES.iter().any(|(name, ..)| *name == word);
    if let Some(unknown) = wanted.iter().find(|word| !known(word)) {
        println!("no crate is called {unknown}");
        return ExitCode::FAILURE;
    }
    let named: Vec<_> = CRATES.into_iter().filter(|(name, ..)| wanted.iter().any(|word| word == name)).collect();
    let crates = if named.is_empty() { CRATES[..count].to_vec() } else { named };
    let folder = match fetch(&crates) {
        Ok(folder) => folder,
        Err(fault) => {
            println!("skipped: other people's tests: {fault}");
            return ExitCode::SUCCESS;
        }
    };
    println!("| crate | tests passed | on an arena | failed in both | programs served | their pools, MiB |");
    println!("|---|---|---|---|---|---|");
    let (mut passed, mut faults) = (0, 0);
    for neighbour in &crates {
        let (name, version, _) = *neighbour;
        match compare(&folder, *neighbour) {
            Ok(Row { plain, arena, programs, pools }) => {
                passed += arena.passed;
                let pools = pools >> 20;
                println!(
                    "| {name} {version} | {} | {} | {} | {programs} | {pools} |",
                    plain.passed, arena.passed, arena.failed
                );
            }
            Err(fault) => {
                faults += 1;
                println!("| {name} {version} | **DIFFERENT** |\n{fault}\n");
            }
        }
    }
    println!("\nfigure third_party_crates {}\nfigure third_party_tests_passed {passed}", crates.len() - faults);
    if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
