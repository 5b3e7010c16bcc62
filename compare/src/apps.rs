//! The applications: the packages of the workspace `apps/`, found through cargo.

use crate::places::Places;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One application, as its manifest describes it.
pub struct App {
    pub name: String,
    pub what: String,
    pub threads: u64,
}

/// Crates whose sources serve as input: large, well known, and locked to a version by `apps/Cargo.lock`.
const SOURCES: [&str; 7] = ["serde_json", "regex-automata", "rhai", "sqlparser", "minijinja", "moka", "hyper"];

/// What cargo says about the workspace of the applications.
pub struct Catalogue(Value);

impl Catalogue {
    pub fn read(places: &Places) -> Result<Catalogue, String> {
        let output = Command::new("cargo")
            .args(["metadata", "--format-version=1", "--locked"])
            .current_dir(&places.apps)
            .output()
            .map_err(|error| format!("cargo metadata: {error}"))?;
        if !output.status.success() {
            return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)));
        }
        serde_json::from_slice(&output.stdout).map(Catalogue).map_err(|error| format!("cargo metadata: {error}"))
    }

    fn packages(&self) -> impl Iterator<Item = &Value> {
        self.0["packages"].as_array().into_iter().flatten()
    }

    /// All applications, by name.
    pub fn apps(&self) -> Vec<App> {
        let mut apps: Vec<App> = self
            .packages()
            .filter_map(|package| {
                Some(App {
                    threads: package["metadata"]["compare"]["threads"].as_u64()?,
                    name: package["name"].as_str()?.to_owned(),
                    what: package["description"].as_str().unwrap_or_default().to_owned(),
                })
            })
            .collect();
        apps.sort_by(|one, other| one.name.cmp(&other.name));
        apps
    }

    /// Writes the sources of well-known crates into one file, each followed by a zero byte.
    pub fn collect_sources(&self, into: &Path) -> Result<(), String> {
        let mut text = String::new();
        for name in SOURCES {
            let package = self.packages().find(|package| package["name"] == name);
            let manifest = package.and_then(|package| package["manifest_path"].as_str());
            let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
            let folder = folder.ok_or_else(|| format!("apps/Cargo.lock has no crate {name}"))?;
            for file in rust_files(&folder.join("src"))? {
                // A file that is no text, or has a zero byte, is no input.
                match fs::read_to_string(&file) {
                    Ok(source) if !source.contains('\0') => text.extend([source.as_str(), "\0"]),
                    _ => continue,
                }
            }
        }
        fs::write(into, text).map_err(|error| format!("{}: {error}", into.display()))
    }
}

/// Those the command line asks for.
pub fn choose(apps: Vec<App>, names: &[String]) -> Result<Vec<App>, String> {
    if let Some(unknown) = names.iter().find(|name| apps.iter().all(|app| app.name != **name)) {
        let known: Vec<_> = apps.iter().map(|app| app.name.as_str()).collect();
        return Err(format!("no application {unknown}; there are {}", known.join(", ")));
    }
    Ok(apps.into_iter().filter(|app| names.is_empty() || names.contains(&app.name)).collect())
}

/// In an order that does not depend on the file system.
fn rust_files(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let fail = |error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
