//! One command that builds whole applications on arenal and on every peer, runs them side by side, and reports.
//!
//! `peers` and `apps` say what there is, `builds` and `process` do it once, `race` does it in rounds and appends to the
//! file of `record`s; `results` and `report` only read that file.

mod apps;
mod builds;
#[cfg(test)]
mod fixture;
mod machine;
mod options;
mod peers;
mod places;
mod process;
mod race;
mod record;
mod report;
mod results;
mod stats;

use crate::apps::Catalogue;
use crate::options::Options;
use crate::places::Places;
use crate::race::Race;
use crate::results::Results;
use clap::Parser;
use std::fs;
use std::process::ExitCode;

fn main() -> ExitCode {
    match compare(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), String> {
    let places = Places::find()?;
    if options.report_only {
        return report(options, &places);
    }
    let catalogue = Catalogue::read(&places)?;
    if options.list {
        catalogue.apps().iter().for_each(|app| println!("{:14} {} thread(s): {}", app.name, app.threads, app.what));
        println!();
        for contender in peers::contenders() {
            println!("{:14} {}", contender.name(), report::words(&contender));
        }
        return Ok(());
    }
    let apps = apps::choose(catalogue.apps(), &options.apps)?;
    let contenders = peers::choose(&options.allocators, !options.no_variants)?;
    let folder = places.sources.parent().expect("it lies in a folder");
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    catalogue.collect_sources(&places.sources)?;
    Race::new(options, &places, apps, contenders)?.run()?;
    if options.build_only { Ok(()) } else { report(options, &places) }
}

fn report(options: &Options, places: &Places) -> Result<(), String> {
    let (records, skipped) = record::read(options.results.as_ref().unwrap_or(&places.results))?;
    if skipped > 0 {
        eprintln!("{skipped} lines of the results could not be read");
    }
    let results = Results::new(&records);
    if results.boards.is_empty() {
        return Err("nothing was measured".into());
    }
    let folder = options.report.as_ref().unwrap_or(&places.report);
    report::write(&results, folder)?;
    print!("{}", report::terminal(&results));
    eprintln!("{}", folder.join("report.html").display());
    Ok(())
}
