//! The rows of the benchmark: small programs that know nothing of the allocator below them.
//!
//! Each peer is a binary that sets `#[global_allocator]` and calls [`main`] with a row's name as its argument. It
//! runs that row alone, so that peak memory is the row's own, and prints
//! `nanoseconds-per-operation peak-resident-KiB minor-page-faults`.

mod batches;
mod block;
mod buffers;
mod channel;
mod collections;
mod growth;
mod idle;
mod json;
mod large;
mod larson;
mod live;
mod messages;
mod meter;
pub mod pairs;
mod phases;
mod queue;
mod remote;
pub mod rng;
mod sharing;
mod sizes;
mod snapshots;
mod swap;
mod threads;
mod trees;
mod vectors;
mod versions;
mod zeroed;

pub struct Row {
    pub name: &'static str,
    /// What one operation is.
    pub operation: &'static str,
    /// Memory rows are compared by their peak alone.
    pub kind: Kind,
    run: fn() -> f64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Time,
    Memory,
}

impl Row {
    const fn time(name: &'static str, operation: &'static str, run: fn() -> f64) -> Row {
        Row { name, operation, kind: Kind::Time, run }
    }

    const fn memory(name: &'static str, operation: &'static str, run: fn() -> f64) -> Row {
        Row { name, operation, kind: Kind::Memory, run }
    }
}

/// Every row, in the order of the table.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    const GROUPS: [&[Row]; 23] = [
        pairs::ROWS,
        live::ROWS,
        batches::ROWS,
        larson::ROWS,
        remote::ROWS,
        swap::ROWS,
        channel::ROWS,
        messages::ROWS,
        queue::ROWS,
        versions::ROWS,
        sharing::ROWS,
        threads::ROWS,
        phases::ROWS,
        growth::ROWS,
        large::ROWS,
        vectors::ROWS,
        buffers::ROWS,
        zeroed::ROWS,
        collections::ROWS,
        snapshots::ROWS,
        json::ROWS,
        trees::ROWS,
        idle::ROWS,
    ];
    GROUPS.into_iter().flatten()
}

pub fn main() {
    let name = std::env::args().nth(1).unwrap_or_default();
    let Some(row) = rows().find(|row| row.name == name) else {
        eprintln!("no row {name:?}; the rows are:");
        rows().for_each(|row| eprintln!("  {:20} {}", row.name, row.operation));
        std::process::exit(2);
    };
    let time = (row.run)();
    let (peak, faults) = meter::footprint();
    println!("{time} {peak} {faults}");
}
