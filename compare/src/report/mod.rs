//! The report: tables for the terminal and in Markdown, and a page with plots.

mod table;
mod text;

use crate::peers::Contender;
use crate::results::Results;
use std::fs;
use std::path::Path;

pub use text::terminal;

pub fn write(results: &Results, folder: &Path) -> Result<(), String> {
    let fail = |error| format!("{}: {error}", folder.display());
    fs::create_dir_all(folder).map_err(fail)?;
    fs::write(folder.join("report.md"), text::markdown(results)).map_err(fail)?;
    Ok(())
}

/// What a contender is, in words.
pub fn words(contender: &Contender) -> String {
    let Some(variant) = contender.variant else { return contender.peer.what.to_owned() };
    let settings: Vec<String> = variant.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let huge = if variant.without_huge_pages { "no huge pages for this process (prctl)" } else { "" };
    let parts: Vec<&str> = settings.iter().map(String::as_str).chain([huge]).filter(|part| !part.is_empty()).collect();
    format!("{}: {}", contender.peer.name, parts.join(", "))
}
