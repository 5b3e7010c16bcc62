//! One command, its output, and a limit on its time.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::place;

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With exit code 0.
    Success,
    /// With another code.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// Killed at its time limit.
    TimeOut,
}

/// An ended command.
#[derive(Debug)]
pub struct Job {
    /// How it ended.
    pub end: End,
    /// Both its outputs, in order.
    pub text: String,
    /// How long it took.
    pub time: Duration,
}

impl Job {
    /// Whether it ended with exit code 0.
    pub fn success(&self) -> bool {
        self.end == End::Success
    }

    /// The last lines of its output, for messages.
    pub fn tail(&self, lines: usize) -> String {
        let all: Vec<&str> = self.text.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }
}

/// Runs the command in a process group of its own and kills the group at the limit.
pub fn run(command: &mut Command, limit: Duration) -> io::Result<Job> {
    let path = place::scratch()?.join(format!("output-{}", std::process::id()));
    let file = File::create(&path)?;
    let begin = Instant::now();
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
    let mut child = command.spawn()?;
    let end = loop {
        if let Some(status) = child.try_wait()? {
            break match (status.code(), status.signal()) {
                (Some(0), _) => End::Success,
                (Some(code), _) => End::Code(code),
                (None, signal) => End::Signal(signal.unwrap_or_default()),
            };
        }
        if begin.elapsed() > limit {
            let group = format!("kill -9 -{}", child.id());
            Command::new("sh").args(["-c", &group]).status()?;
            child.wait()?;
            break End::TimeOut;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    fs::remove_file(&path)?;
    Ok(Job { end, text, time: begin.elapsed() })
}
