//! Records with fixed figures, for the tests of what is made of them.

use crate::machine::Machine;
use crate::record::{Record, Run, Sample, Session, Trouble};

pub const MIB: u64 = 1 << 20;

pub fn session(id: u64) -> Record {
    let machine = Machine { date: "2031-02-03".into(), huge_pages: "madvise".into(), ..Machine::default() };
    Record::Session(Session { id, seed: 7, rounds: 3, machine })
}

/// Three runs: the given time, a quarter less and a quarter more; memory in MiB.
pub fn samples(session: u64, app: &str, allocator: &str, wall: f64, peak: u64) -> Vec<Record> {
    let sample = |(round, factor): (u32, f64)| {
        let run = Run {
            checksum: "c0ffee".into(),
            wall: wall * factor,
            peak: peak * MIB,
            dropped: peak * MIB,
            trimmed: peak * MIB / 4,
            ..Run::default()
        };
        Record::Sample(Box::new(Sample {
            session,
            profile: "release".into(),
            app: app.into(),
            allocator: allocator.into(),
            round,
            whole_wall: wall,
            whole_user: wall,
            whole_sys: 0.0,
            run,
        }))
    };
    [(1, 1.0), (2, 0.75), (3, 1.25)].map(sample).into()
}

pub fn trouble(session: u64, app: Option<&str>, allocator: &str) -> Record {
    let reason = "does not build: error: <no> compiler".into();
    Record::Trouble(Trouble {
        session,
        profile: "release".into(),
        app: app.map(Into::into),
        allocator: allocator.into(),
        reason,
    })
}

/// Two applications. Against glibc arenal takes 0.5 and 0.8 of the time, jemalloc 0.8 and 0.5, its variant 0.4;
/// tcmalloc does not build.
pub fn records() -> Vec<Record> {
    [
        vec![session(1), trouble(1, None, "tcmalloc")],
        samples(1, "json", "arenal", 1.0, 50),
        samples(1, "json", "glibc", 2.0, 100),
        samples(1, "json", "jemalloc", 1.6, 80),
        samples(1, "json", "jemalloc-thp", 0.8, 160),
        samples(1, "cache", "arenal", 0.8, 30),
        samples(1, "cache", "glibc", 1.0, 10),
        samples(1, "cache", "jemalloc", 0.5, 20),
    ]
    .concat()
}
