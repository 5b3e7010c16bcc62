//! How the shared object is linked.

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // The dynamic linker initialises the library before all others: see `src/start.rs`.
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,initfirst");
    if let Some(folder) = unwinder() {
        println!("cargo::rustc-link-search=native={}", folder.display());
        println!("cargo::rustc-link-lib=static:+whole-archive=gcc_eh");
    }
}

/// Where GCC's unwinder lies as an archive, which Rust's standard library refers to. As a shared library every program
/// would have to load it at its start; this one unwinds nothing itself, and exceptions that leave it are the affair of
/// whoever threw them.
fn unwinder() -> Option<PathBuf> {
    let target = std::env::var("TARGET").ok()?;
    if std::env::var("CARGO_CFG_TARGET_ENV").ok()? != "gnu" {
        return None;
    }
    let linker = match std::env::var("RUSTC_LINKER") {
        Ok(linker) => linker,
        Err(_) if std::env::var("HOST").ok()? == target => "cc".to_owned(),
        Err(_) => return None,
    };
    let answer = Command::new(linker).arg("-print-file-name=libgcc_eh.a").output().ok()?.stdout;
    let archive = String::from_utf8(answer).ok()?;
    // Where there is none, the bare name comes back.
    Path::new(archive.trim()).parent().filter(|folder| folder.is_absolute()).map(Path::to_path_buf)
}
