//! The tables of the report, for the terminal and in Markdown.

use super::table::Table;
use super::words;
use crate::peers::{self, BASELINE, SUBJECT};
use crate::results::{self, Board, Metric, Results, Row};
use crate::stats::Spread;

const MIB: f64 = (1 << 20) as f64;

pub fn terminal(results: &Results) -> String {
    let mut text = head(results);
    for board in &results.boards {
        text += &format!("\n== {}\n\n{}\n{}", title(board), overview(board).plain(), applications(board).plain());
        text += &format!("\nTime relative to {BASELINE}:\n{}", ratios(board, results::WALL).plain());
        text += &format!("\nPeak memory relative to {BASELINE}:\n{}", ratios(board, results::PEAK).plain());
    }
    text + &troubles(results)
}

pub fn markdown(results: &Results) -> String {
    let mut text = format!("# Whole applications, side by side\n\n{}", head(results));
    for board in &results.boards {
        text += &format!("\n## {}\n\n{}\n{}", title(board), overview(board).markdown(), applications(board).markdown());
        text += &format!("\nTime relative to {BASELINE}, medians:\n\n{}", ratios(board, results::WALL).markdown());
        text += &format!(
            "\nPeak resident memory relative to {BASELINE}, medians:\n\n{}",
            ratios(board, results::PEAK).markdown()
        );
        text += &format!(
            "\nResident memory in MiB after the data is dropped → after asking to give memory back:\n\n{}",
            leftovers(board).markdown()
        );
    }
    text += &troubles(results);
    for board in &results.boards {
        text += &format!("\n## All figures: {}\n\n{}", title(board), everything(board).markdown());
    }
    text + "\n## Who is compared\n\n" + &legend().markdown()
}

pub fn title(board: &Board) -> &'static str {
    match board.profile.as_str() {
        "fat" => "Profile with lto = \"fat\" and one codegen unit",
        _ => "Cargo's default release profile",
    }
}

/// Machine, dates and how to read, in a few lines.
pub fn head(results: &Results) -> String {
    let mut lines: Vec<String> = Vec::new();
    for session in &results.sessions {
        let line = format!(
            "{}: {}. {} rounds, seed {}.",
            session.machine.date,
            session.machine.describe(),
            session.rounds,
            session.seed
        );
        lines.push(line);
    }
    lines.push(format!(
        "Medians of the rounds. Time is wall time from the start of the work until its data is dropped; memory is resident. \
         Means are geometric, over the applications, {BASELINE} = 1; lower is better."
    ));
    lines.join("\n\n") + "\n"
}

/// One line an allocator: means over all applications.
pub fn overview(board: &Board) -> Table {
    let mut table = Table::new([
        "allocator",
        "time",
        "CPU time",
        "peak memory",
        "memory after drop",
        "and trim",
        "worst time against best peer",
        "applications",
    ]);
    for name in board.allocators() {
        let mean =
            |metric: Metric| board.mean(name, BASELINE, metric).map_or("–".into(), |mean| format!("{:.2}", mean.0));
        let worst = board
            .rows
            .iter()
            .filter_map(|row| Some((row.median(name, results::WALL)? / row.best(results::WALL)?.1, &row.app)));
        let worst = worst.max_by(|one, other| one.0.total_cmp(&other.0));
        table.row([
            name.to_owned(),
            mean(results::WALL),
            mean(results::CPU),
            mean(results::PEAK),
            mean(results::DROPPED),
            mean(results::TRIMMED),
            worst.map_or("–".into(), |(ratio, app)| format!("{ratio:.2} ({app})")),
            board.rows.iter().filter(|row| !row.runs(name).is_empty()).count().to_string(),
        ]);
    }
    table
}

/// One line an application: the subject against the baseline and the best peer.
pub fn applications(board: &Board) -> Table {
    let mut table = Table::new([
        "application",
        "arenal ms",
        "best peer ms",
        "time / best",
        "glibc ms",
        "time / glibc",
        "arenal MiB",
        "leanest peer MiB",
        "memory / leanest",
        "memory / jemalloc",
    ]);
    for row in &board.rows {
        let best = |metric: Metric, unit: f64| {
            row.best(metric)
                .map_or("–".into(), |(name, _)| format!("{} {name}", spread(row.spread(name, metric), unit)))
        };
        table.row([
            row.app.clone(),
            spread(row.spread(SUBJECT, results::WALL), 1e3),
            best(results::WALL, 1e3),
            ratio(row.against_best(results::WALL)),
            spread(row.spread(BASELINE, results::WALL), 1e3),
            ratio(row.ratio(SUBJECT, BASELINE, results::WALL)),
            number(row.median(SUBJECT, results::PEAK), 1.0 / MIB),
            row.best(results::PEAK).map_or("–".into(), |(name, bytes)| format!("{:.1} {name}", bytes / MIB)),
            ratio(row.against_best(results::PEAK)),
            ratio(row.ratio(SUBJECT, "jemalloc", results::PEAK)),
        ]);
    }
    let single = |metric| board.best_single(metric);
    let mean = |to: &str, metric| ratio(board.mean(SUBJECT, to, metric).map(|mean| mean.0));
    let against = |metric: Metric| {
        single(metric).map_or("–".into(), |(name, to)| {
            let own = board.mean(SUBJECT, BASELINE, metric).map_or(f64::NAN, |mean| mean.0);
            format!("{:.2} ({name})", own / to)
        })
    };
    table.row([
        "geometric mean, against the best single peer".to_owned(),
        String::new(),
        String::new(),
        against(results::WALL),
        String::new(),
        mean(BASELINE, results::WALL),
        String::new(),
        String::new(),
        against(results::PEAK),
        mean("jemalloc", results::PEAK),
    ]);
    table
}

/// One line an application, one column an allocator.
pub fn ratios(board: &Board, metric: Metric) -> Table {
    let names = board.allocators();
    let mut table = Table::new(std::iter::once("application").chain(names.iter().copied()));
    for row in &board.rows {
        let cells = names.iter().map(|name| ratio(row.ratio(name, BASELINE, metric)));
        table.row(std::iter::once(row.app.clone()).chain(cells));
    }
    let means = names.iter().map(|name| ratio(board.mean(name, BASELINE, metric).map(|mean| mean.0)));
    table.row(std::iter::once("geometric mean".to_owned()).chain(means));
    table
}

/// What a program holds when its data is gone.
pub fn leftovers(board: &Board) -> Table {
    let names = board.allocators();
    let mut table = Table::new(std::iter::once("application").chain(names.iter().copied()));
    for row in &board.rows {
        let cell = |name: &&str| {
            let (dropped, trimmed) = (row.median(name, results::DROPPED), row.median(name, results::TRIMMED));
            let trims = peers::contenders().any(|contender| contender.name() == *name && contender.peer.trims);
            let trimmed = if trims { number(trimmed, 1.0 / MIB) } else { "no call".into() };
            format!("{} → {trimmed}", number(dropped, 1.0 / MIB))
        };
        table.row(std::iter::once(row.app.clone()).chain(names.iter().map(cell)));
    }
    table
}

/// One line an application and allocator: all that was measured.
pub fn everything(board: &Board) -> Table {
    let mut table = Table::new([
        "application",
        "allocator",
        "wall ms",
        "user ms",
        "sys ms",
        "peak MiB",
        "end MiB",
        "dropped MiB",
        "trimmed MiB",
        "minor faults",
        "major faults",
        "allocated of held at the end, MiB",
        "runs",
    ]);
    for row in &board.rows {
        for name in board.allocators().into_iter().filter(|name| !row.runs(name).is_empty()) {
            let cell = |metric: Metric, unit: f64| spread(row.spread(name, metric), unit);
            table.row([
                row.app.clone(),
                name.to_owned(),
                cell(results::WALL, 1e3),
                cell(results::USER, 1e3),
                cell(results::SYS, 1e3),
                cell(results::PEAK, 1.0 / MIB),
                cell(results::END, 1.0 / MIB),
                cell(results::DROPPED, 1.0 / MIB),
                cell(results::TRIMMED, 1.0 / MIB),
                number(row.median(name, results::MINOR), 1.0),
                number(row.median(name, results::MAJOR), 1.0),
                held(row, name),
                row.runs(name).len().to_string(),
            ]);
        }
    }
    table
}

/// The heap's own figures, where the allocator tells them.
fn held(row: &Row, name: &str) -> String {
    let figures = row.runs(name).last().and_then(|run| Some((run.allocated? as f64, run.held? as f64)));
    figures.map_or(String::new(), |(allocated, held)| format!("{:.1} of {:.1}", allocated / MIB, held / MIB))
}

pub fn legend() -> Table {
    let mut table = Table::new(["allocator", "what"]);
    peers::contenders().for_each(|contender| table.row([contender.name().to_owned(), words(&contender)]));
    table
}

pub fn troubles(results: &Results) -> String {
    if results.troubles.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n## Without figures\n\n");
    for trouble in &results.troubles {
        let app = trouble.app.as_deref().unwrap_or("all applications");
        text += &format!("- {}, {app} ({}): {}\n", trouble.allocator, trouble.profile, trouble.reason);
    }
    text
}

fn ratio(ratio: Option<f64>) -> String {
    ratio.map_or("–".into(), |ratio| format!("{ratio:.2}"))
}

fn number(figure: Option<f64>, unit: f64) -> String {
    figure.map_or("–".into(), |figure| short(figure * unit))
}

fn spread(spread: Option<Spread>, unit: f64) -> String {
    let show = |spread: Spread| {
        format!("{} ({}–{})", short(spread.median * unit), short(spread.low * unit), short(spread.high * unit))
    };
    spread.map_or("–".into(), show)
}

/// Three digits say enough.
fn short(figure: f64) -> String {
    if figure.abs() < 10.0 {
        format!("{figure:.2}")
    } else if figure.abs() < 100.0 {
        format!("{figure:.1}")
    } else {
        format!("{figure:.0}")
    }
}
