//! One run of one application: time, faults and memory, printed as one line of JSON.

use crate::peer;
use std::fs;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// A digest of an application's results, the same on every machine and for every allocator.
#[derive(Default)]
pub struct Checksum(DefaultHasher);

impl Checksum {
    pub fn add(&mut self, value: impl Hash) {
        value.hash(&mut self.0);
    }

    /// The digest of one value, for sums over things that come in no fixed order.
    pub fn of(value: impl Hash) -> u64 {
        BuildHasherDefault::<DefaultHasher>::default().hash_one(value)
    }

    pub fn value(&self) -> u64 {
        self.0.finish()
    }
}

/// Runs `work`, which returns the digest of its results and the data the program lives on; then drops the data, then
/// trims. The clock runs until the data is dropped.
pub fn measure<Data>(work: impl FnOnce() -> (u64, Data)) {
    let (before, start) = (Usage::now(), Instant::now());
    let (checksum, data) = work();
    let worked = start.elapsed();
    let (end, figures) = (resident(), peer::figures());
    let again = Instant::now();
    drop(data);
    let dropped = again.elapsed();
    let used = Usage::now();
    let (peak, after) = (peak(), resident());
    let trimmed = if peer::trim() { resident() } else { after };
    let (allocated, held) = figures.unzip();
    let or_null = |bytes: Option<usize>| bytes.map_or("null".to_string(), |bytes| bytes.to_string());
    println!(
        "{{\"allocator\":\"{}\",\"checksum\":\"{checksum:016x}\",\"wall\":{},\"work\":{},\"user\":{},\"sys\":{},\
         \"minor\":{},\"major\":{},\"peak\":{peak},\"end\":{end},\"dropped\":{after},\"trimmed\":{trimmed},\
         \"allocated\":{},\"held\":{}}}",
        peer::NAME,
        (worked + dropped).as_secs_f64(),
        worked.as_secs_f64(),
        (used.user - before.user).as_secs_f64(),
        (used.system - before.system).as_secs_f64(),
        used.minor - before.minor,
        used.major - before.major,
        or_null(allocated),
        or_null(held),
    );
}

struct Usage {
    user: Duration,
    system: Duration,
    minor: i64,
    major: i64,
}

impl Usage {
    fn now() -> Usage {
        // SAFETY: `rusage` is plain numbers, for which zeros are valid.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the pointer is to a `rusage` of our own.
        unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
        let duration = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
        Usage {
            user: duration(usage.ru_utime),
            system: duration(usage.ru_stime),
            minor: usage.ru_minflt,
            major: usage.ru_majflt,
        }
    }
}

/// Bytes resident now. The kernel walks the page tables for it: `statm` may be off by megabytes with many threads.
fn resident() -> usize {
    field("/proc/self/smaps_rollup", "Rss:")
}

/// The most bytes that were ever resident.
fn peak() -> usize {
    field("/proc/self/status", "VmHWM:")
}

fn field(file: &str, name: &str) -> usize {
    let text = fs::read_to_string(file).expect("the kernel shows a process its own figures");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("the field is always there");
    line.trim_end_matches("kB").trim().parse::<usize>().expect("a number") * 1024
}
