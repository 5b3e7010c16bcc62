//! The clock: nanoseconds per operation, and what the process held at its peak.

use std::fs::File;
use std::io::Read;
use std::num::NonZero;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

pub fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

/// One warm-up, then the median of `repeats` runs of `operations` each. The work times itself, so that it can leave
/// its preparations out.
pub fn median(repeats: usize, operations: usize, mut work: impl FnMut() -> Duration) -> f64 {
    work();
    let mut times: Vec<Duration> = (0..repeats).map(|_| work()).collect();
    times.sort();
    per_operation(times[repeats / 2], operations)
}

/// For work that is only itself on a fresh heap.
pub fn cold(operations: usize, work: impl FnOnce() -> Duration) -> f64 {
    per_operation(work(), operations)
}

fn per_operation(time: Duration, operations: usize) -> f64 {
    time.as_secs_f64() * 1e9 / operations as f64
}

/// How many of `threads` run at once: turns elapsed time into time on a core.
pub fn running(threads: usize) -> f64 {
    threads.min(available_parallelism().map_or(1, NonZero::get)) as f64
}

/// Peak resident KiB and minor page faults of this process. From /proc and not from the parent's `wait4`, whose
/// `ru_maxrss` starts at what the parent itself held when it forked. Allocates nothing.
pub fn footprint() -> (u64, u64) {
    let mut buffer = [0; 4096];
    let peak = field(&mut buffer, "/proc/self/status", "VmHWM:", 0);
    let faults = field(&mut buffer, "/proc/self/stat", ")", 7);
    (peak, faults)
}

/// The `index`-th word after `mark`, as a number.
fn field(buffer: &mut [u8], path: &str, mark: &str, index: usize) -> u64 {
    let length = File::open(path).and_then(|mut file| file.read(buffer)).unwrap_or(0);
    let text = str::from_utf8(&buffer[..length]).unwrap_or("");
    let rest = text.split_once(mark).map_or("", |(_, rest)| rest);
    rest.split_whitespace().nth(index).and_then(|word| word.parse().ok()).unwrap_or(0)
}
