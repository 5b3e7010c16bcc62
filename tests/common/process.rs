//! Child processes, and readings of `/proc` about this one.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{FORKS_SURVIVED, tally};

/// Mappings of this process.
pub fn mappings() -> usize {
    std::fs::read_to_string("/proc/self/maps").expect("/proc is mounted").lines().count()
}

/// Resident memory of this process, bytes.
pub fn rss() -> usize {
    statm(1)
}

/// Address space of this process, bytes.
pub fn address_space() -> usize {
    statm(0)
}

fn statm(field: usize) -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc is mounted");
    let count: usize = statm.split(' ').nth(field).and_then(|n| n.parse().ok()).expect("a number");
    // SAFETY: `sysconf` has no preconditions.
    count * unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize
}

/// The environment variable that turns a test into its own child.
pub const ROLE: &str = "ARENAL_TEST_ROLE";

/// This test binary once more, running only `test`, in `role`; killed by `SIGALRM` if it hangs.
pub fn child(test: &str, role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the test binary"));
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

/// Whether this process is the child in `role`; if so, starts its alarm.
pub fn is_child(role: &str) -> bool {
    let is = std::env::var_os(ROLE).is_some_and(|value| value == role);
    if is {
        watchdog(120);
    }
    is
}

static WATCHED: AtomicBool = AtomicBool::new(false);

/// Kills this process by `SIGALRM` after so many seconds: a deadlock becomes a failure.
pub fn watchdog(seconds: u32) {
    WATCHED.store(true, Ordering::Relaxed);
    // SAFETY: `alarm` has no preconditions.
    unsafe { libc::alarm(seconds) };
}

/// The same, generously, where no closer watch is set: a thread that panics leaves others waiting at a barrier.
pub fn watch_once() {
    if !WATCHED.load(Ordering::Relaxed) {
        watchdog(300);
    }
}

/// Runs `body` in a process of its own and expects it to finish. `test` is the name of the calling test.
pub fn in_child(test: &str, body: impl FnOnce()) {
    if is_child(test) {
        body();
        println!("\nrole finished");
        return;
    }
    let output = child(test, test).output().expect("the test binary starts");
    let text = transcript(&output);
    assert!(output.status.success() && text.contains("role finished"), "{test} failed in its process:\n{text}");
    figures(&output).for_each(|(name, value)| figure(&name, value));
}

/// Prints a figure for the page of figures: a line of its own.
pub fn figure(name: &str, value: impl std::fmt::Display) {
    println!("\nfigure {name} {value}");
}

/// The figures that a child printed.
pub fn figures(output: &Output) -> impl Iterator<Item = (String, f64)> {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<(String, f64)> = text
        .lines()
        .filter_map(|line| {
            let (name, value) = line.strip_prefix("figure ")?.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect();
    lines.into_iter()
}

/// Status and output of a child, for messages.
pub fn transcript(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Forks; the child runs `body` and leaves at once. Panics unless the child finished it. Never returns in the child.
pub fn in_fork(body: impl FnOnce()) {
    // Once before the fork: no other thread is then inside of it.
    tally(&FORKS_SURVIVED, 0);
    // SAFETY: the child only runs `body`, which its caller keeps to what a forked child may do, and `_exit`s.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        watchdog(60);
        let finished = catch_unwind(AssertUnwindSafe(body)).is_ok();
        // SAFETY: ends this process; no destructor of the parent's objects runs.
        unsafe { libc::_exit(if finished { 0 } else { 1 }) };
    }
    assert!(pid > 0, "fork: {}", std::io::Error::last_os_error());
    let mut status = 0;
    // SAFETY: `status` is valid for writing and `pid` is our child.
    while unsafe { libc::waitpid(pid, &raw mut status, 0) } != pid {}
    assert!(status == 0, "the forked child ended with wait status {status:#x}");
    tally(&FORKS_SURVIVED, 1);
}
