//! Runs one application once, in a process of its own.

use crate::peers::Contender;
use crate::record::Run;
use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A run that takes longer than this many seconds hangs.
const PATIENCE: u32 = 180;

/// What the process said, and what the kernel says it used, seconds.
#[derive(Debug)]
pub struct Outcome {
    pub run: Run,
    pub wall: f64,
    pub user: f64,
    pub sys: f64,
}

/// `Err` says why there are no figures.
pub fn run(binary: &Path, sources: &Path, contender: &Contender) -> Result<Outcome, String> {
    let mut command = Command::new(binary);
    command.env("COMPARE_SOURCES", sources).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let without_huge_pages = contender.variant.is_some_and(|variant| {
        command.envs(variant.environment.iter().copied());
        variant.without_huge_pages
    });
    // SAFETY: between fork and exec, `prctl` and `alarm` are plain system calls. Both settings outlive the exec.
    unsafe {
        command.pre_exec(move || {
            libc::alarm(PATIENCE);
            if without_huge_pages && libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let start = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("does not start: {error}"))?;
    let (mut said, mut complaints) = (String::new(), String::new());
    // The processes say one line each, so that reading one pipe after the other cannot block them.
    let read = child.stdout.take().expect("it is piped").read_to_string(&mut said);
    let _ = child.stderr.take().expect("it is piped").read_to_string(&mut complaints);
    let (status, usage) = wait(child.id()).map_err(|error| format!("cannot be waited for: {error}"))?;
    let wall = start.elapsed().as_secs_f64();
    read.map_err(|error| format!("says no text: {error}"))?;
    if !status.success() {
        let last = complaints.lines().last().unwrap_or_default();
        return Err(match status.signal() {
            Some(libc::SIGALRM) => format!("hangs: stopped after {PATIENCE} s"),
            Some(signal) => format!("died of signal {signal}: {last}"),
            None => format!("ended with {}: {last}", status.code().unwrap_or(-1)),
        });
    }
    let run = serde_json::from_str(&said).map_err(|error| format!("said no figures: {error}"))?;
    let seconds = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000).as_secs_f64();
    Ok(Outcome { run, wall, user: seconds(usage.ru_utime), sys: seconds(usage.ru_stime) })
}

/// Like `Child::wait`, which does not tell what the process used.
fn wait(process: u32) -> std::io::Result<(ExitStatus, libc::rusage)> {
    let mut status = 0;
    // SAFETY: `rusage` is plain numbers, for which zeros are valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: both pointers are to variables of our own; the process is our child and nobody else waits for it.
        if unsafe { libc::wait4(process as libc::pid_t, &mut status, 0, &mut usage) } != -1 {
            return Ok((ExitStatus::from_raw(status), usage));
        }
        let error = std::io::Error::last_os_error();
        if error.kind() != std::io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers;

    fn script(text: &str) -> Result<Outcome, String> {
        use std::os::unix::fs::PermissionsExt;
        let path = std::env::temp_dir().join(format!("compare-{}-{}", std::process::id(), text.len()));
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
        let outcome = run(&path, Path::new("sources"), &peers::contenders().next().expect("the subject"));
        std::fs::remove_file(&path).expect("it exists");
        outcome
    }

    #[test]
    fn figures_are_read() {
        let line = r#"{"allocator":"x","checksum":"ab","wall":1.5,"work":1.0,"user":0.5,"sys":0.25,"minor":3,"major":0,
            "peak":4096,"end":4096,"dropped":2048,"trimmed":1024,"allocated":null,"held":null}"#;
        let outcome = script(&format!("echo '{line}'")).expect("figures");
        assert_eq!((outcome.run.checksum.as_str(), outcome.run.wall, outcome.run.trimmed), ("ab", 1.5, 1024));
        assert!(outcome.wall > 0.0);
    }

    #[test]
    fn failures_are_told_with_their_reason() {
        let error = script("echo 'out of luck' >&2; exit 3").expect_err("a failure");
        assert_eq!(error, "ended with 3: out of luck");
        assert!(script("kill -SEGV $$").expect_err("a failure").contains("signal 11"));
        assert!(script("echo hello").expect_err("a failure").starts_with("said no figures"));
    }
}
