//! The command line.

use crate::peers::PEERS;
use rows::Row;
use std::path::PathBuf;

pub const USAGE: &str = "\
Measures arenal against its peers: time and peak memory, row by row, each in a process of its own.

cargo run --release --bin bench -- [OPTIONS]

  --rows a,b          only rows of these names, or whose name contains one of these
  --allocators x,y    only these allocators
  --rounds N          rounds over all rows, in random order [7]
  --profile P         fat (one unit, whole-program LTO), release (Cargo's default) or both [both]
  --markdown FILE     the report also as Markdown
  --list              rows and allocators, and nothing else";

pub struct Options {
    pub rows: Vec<&'static Row>,
    /// Indices into `PEERS`, ascending.
    pub peers: Vec<usize>,
    pub rounds: usize,
    pub profiles: Vec<&'static str>,
    pub markdown: Option<PathBuf>,
    pub list: bool,
}

pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        rows: rows::rows().collect(),
        peers: (0..PEERS.len()).collect(),
        rounds: 7,
        profiles: vec!["fat", "release"],
        markdown: None,
        list: false,
    };
    while let Some(option) = arguments.next() {
        if option == "--list" {
            options.list = true;
            continue;
        }
        if option == "--help" {
            return Err(String::new());
        }
        let value = arguments.next().ok_or(format!("{option} needs a value"))?;
        match option.as_str() {
            "--rows" => {
                options.rows = chosen(&value);
                if options.rows.is_empty() {
                    return Err(format!("no row's name contains any of {value}"));
                }
            }
            "--allocators" => options.peers = allocators(&value)?,
            "--rounds" => {
                options.rounds = value.parse().ok().filter(|&n| n > 0).ok_or("--rounds: a number from 1 on")?
            }
            "--profile" => options.profiles.retain(|&profile| value == "both" || value == profile),
            "--markdown" => options.markdown = Some(PathBuf::from(&value)),
            _ => return Err(format!("no option {option}")),
        }
        if options.profiles.is_empty() {
            return Err(format!("--profile: {value} is none of fat, release, both"));
        }
    }
    Ok(options)
}

/// A part that is a row's whole name means that row alone: `pair-64` is not also `pair-64-runtime`.
fn chosen(parts: &str) -> Vec<&'static Row> {
    let whole = |part: &str| rows::rows().any(|row| row.name == part);
    let means = |part: &str, row: &Row| if whole(part) { row.name == part } else { row.name.contains(part) };
    rows::rows().filter(|row| parts.split(',').any(|part| means(part, row))).collect()
}

fn allocators(names: &str) -> Result<Vec<usize>, String> {
    let index = |name| PEERS.iter().position(|peer| peer.name == name).ok_or(format!("no allocator {name}"));
    let mut peers = names.split(',').map(index).collect::<Result<Vec<_>, _>>()?;
    peers.sort();
    peers.dedup();
    Ok(peers)
}
