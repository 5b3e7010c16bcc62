//! What this process's tests did, told at its exit if `ARENAL_FIGURES` is set: lines for the page of figures.

use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes compared with what was written.
pub static BYTES_VERIFIED: AtomicU64 = AtomicU64::new(0);
/// Threads that began and ended.
pub static THREADS_CHURNED: AtomicU64 = AtomicU64::new(0);
/// Children of `fork` that did all they should.
pub static FORKS_SURVIVED: AtomicU64 = AtomicU64::new(0);

static PROCESS: AtomicU64 = AtomicU64::new(0);

/// Adds to one of the counts.
pub fn tally(count: &AtomicU64, more: u64) {
    static BEGIN: Once = Once::new();
    BEGIN.call_once(|| {
        if std::env::var_os("ARENAL_FIGURES").is_some() {
            PROCESS.store(std::process::id().into(), Ordering::Relaxed);
            // SAFETY: the handler has the C calling convention and lives as long as the program.
            unsafe { libc::atexit(tell) };
        }
    });
    count.fetch_add(more, Ordering::Relaxed);
}

extern "C" fn tell() {
    // A forked child inherits its parent's counts.
    if PROCESS.load(Ordering::Relaxed) != std::process::id().into() {
        return;
    }
    let counts = [
        ("bytes_verified", &BYTES_VERIFIED),
        ("threads_churned", &THREADS_CHURNED),
        ("forks_survived", &FORKS_SURVIVED),
    ];
    for (name, count) in counts {
        super::figure(name, count.load(Ordering::Relaxed));
    }
}
