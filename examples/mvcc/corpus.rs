//! The corpus: the text files to load, found below a directory or where a Linux machine keeps some.

use std::env;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use walkdir::WalkDir;

/// Less text than this is loaded several times, so that there is something to measure and to collect.
const ENOUGH: u64 = 20 << 20;
const MOST_PASSES: u64 = 1000;

#[derive(Default)]
pub(crate) struct Corpus {
    files: Vec<TextFile>,
    pub(crate) bytes: u64,
    pub(crate) passes: usize,
    next: AtomicUsize,
}

pub(crate) struct TextFile {
    path: PathBuf,
    pub(crate) bytes: u64,
}

impl Corpus {
    /// The text files below `roots`, in order, up to `limit` bytes.
    pub(crate) fn find(roots: &[PathBuf], limit: u64) -> Corpus {
        let mut corpus = Corpus::default();
        for file in roots.iter().flat_map(|root| text_files(root)) {
            if corpus.bytes + file.bytes <= limit {
                corpus.bytes += file.bytes;
                corpus.files.push(file);
            }
            if corpus.bytes >= limit / 100 * 99 {
                break;
            }
        }
        let wanted = ENOUGH.min(limit).div_ceil(corpus.bytes.max(1));
        corpus.passes = wanted.clamp(1, MOST_PASSES) as usize;
        corpus
    }

    pub(crate) fn files(&self) -> usize {
        self.files.len()
    }

    /// The next file to load, for whichever thread asks first.
    pub(crate) fn take(&self) -> Option<&TextFile> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        (turn < self.files.len() * self.passes).then(|| &self.files[turn % self.files.len()])
    }
}

impl TextFile {
    /// The text; none if the file cannot be read or turns out to be no text.
    pub(crate) fn read(&self) -> Option<String> {
        let bytes = fs::read(&self.path).ok().filter(|bytes| !bytes.contains(&0))?;
        Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
    }
}

fn text_files(root: &Path) -> impl Iterator<Item = TextFile> {
    let entries = WalkDir::new(root).sort_by_file_name().into_iter().filter_map(Result::ok);
    entries.filter(|entry| entry.file_type().is_file()).filter_map(|entry| {
        let bytes = entry.metadata().ok()?.len();
        let path = entry.into_path();
        (bytes > 0 && looks_like_text(&path).unwrap_or(false)).then_some(TextFile { path, bytes })
    })
}

fn looks_like_text(path: &Path) -> io::Result<bool> {
    let mut start = [0; 512];
    let length = File::open(path)?.read(&mut start)?;
    Ok(!start[..length].contains(&0))
}

/// Where to look for text when nobody says: source code first.
pub(crate) fn usual_places() -> Vec<PathBuf> {
    let home = || Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"));
    let cargo = env::var_os("CARGO_HOME").map(PathBuf::from).or_else(home);
    let sysroot = sysroot();
    let registry = cargo.map(|cargo| cargo.join("registry/src"));
    let library = sysroot.as_ref().map(|sysroot| sysroot.join("lib/rustlib/src"));
    let mut places: Vec<PathBuf> = registry.into_iter().chain(library).collect();
    places.push("/usr/include".into());
    places.extend(python_libraries());
    places.push("/usr/share".into());
    places.extend(sysroot);
    places
}

fn sysroot() -> Option<PathBuf> {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().ok()?;
    let path = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| path.trim_end().into())
}

fn python_libraries() -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir("/usr/lib") else {
        return Vec::new();
    };
    let is_python = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3"));
    let mut libraries: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_python).collect();
    libraries.sort();
    libraries
}
