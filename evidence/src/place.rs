//! Where things are.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// The checkout.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the checkout").to_path_buf()
}

/// Cargo's target folder of the checkout.
pub fn target() -> PathBuf {
    let folder = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    root().join(folder)
}

/// A folder for what the programs of this package make.
pub fn scratch() -> io::Result<PathBuf> {
    let folder = target().join("evidence");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// `cargo` as it is called by hand.
pub fn cargo() -> Command {
    let mut command = by_hand("cargo");
    command.arg("--color=never");
    command
}

/// A program as it is called by hand in the checkout: without what an outer `cargo run` passes down.
pub fn by_hand(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        let passed_down = name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if passed_down || ["CARGO", "CARGO_BIN_NAME", "RUSTFLAGS", "LD_LIBRARY_PATH"].contains(&name.as_str()) {
            command.env_remove(name);
        }
    }
    command.current_dir(root());
    command
}

/// Copies a folder; of the first level, only what `wanted` says.
pub fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !wanted(&name.to_string_lossy()) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy(&from, &to, &|_| true)?;
        } else {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}
