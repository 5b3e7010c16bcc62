//! Builds a program of this folder against the crate, in the dev profile, in a directory of its own: without the
//! tests' many dependencies, and without touching the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the programs are built.
pub(crate) fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs-target")
}

/// `cargo <verb>` for the program `misuse`, in a package `package` of its own.
#[allow(dead_code)] // every test binary uses its own part
pub(crate) fn cargo(package: &str, verb: &str) -> Command {
    cargo_with(package, "misuse", &[], verb)
}

/// `cargo <verb>` for a program of this folder, in a package of its own, with these features of the crate.
#[allow(dead_code)]
pub(crate) fn cargo_with(package: &str, program: &str, features: &[&str], verb: &str) -> Command {
    prepared(package, program, "[[bin]]", features, verb)
}

/// `cargo build` for a program of this folder as a shared object.
#[allow(dead_code)]
pub(crate) fn library(package: &str, program: &str) -> Command {
    prepared(package, program, "[lib]\ncrate-type = [\"cdylib\"]", &[], "build")
}

fn prepared(package: &str, program: &str, kind: &str, features: &[&str], verb: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("programs").join(package);
    fs::create_dir_all(&dir).expect("a writable target directory");
    let source = root.join("tests/programs").join(program).join("main.rs");
    let manifest = format!(
        "[package]\nname = {package:?}\nedition = \"2024\"\n[workspace]\n[dependencies]\narenal = {{ path = {root:?}, features = {features:?} }}\n\
         {kind}\nname = {package:?}\npath = {source:?}\n"
    );
    fs::write(dir.join("Cargo.toml"), manifest).expect("a writable target directory");
    // The versions the crate is built with: nothing is looked up or downloaded anew.
    let _ = fs::copy(root.join("Cargo.lock"), dir.join("Cargo.lock"));
    let mut command = Command::new(env!("CARGO"));
    command.arg(verb).args(["--quiet", "--color=never"]).current_dir(&dir).env("CARGO_TARGET_DIR", target());
    // What an outer build passes down must not reach this one.
    for outer in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "RUSTC_WRAPPER", "MAKEFLAGS"] {
        command.env_remove(outer);
    }
    command
}
