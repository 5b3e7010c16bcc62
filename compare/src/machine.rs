//! The facts about the machine that a figure means nothing without.

use serde::{Deserialize, Serialize};
use std::fs;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub date: String,
    pub processor: String,
    pub cores: usize,
    pub memory_gib: u64,
    pub kernel: String,
    /// The mode of transparent huge pages: always, madvise or never.
    pub huge_pages: String,
    pub rustc: String,
    /// The library's commit, with `+` where files differ from it.
    pub commit: String,
}

impl Machine {
    pub fn look() -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map_or("unknown", |line| line.trim_start_matches([' ', '\t', ':'])).to_owned()
        };
        let kib: u64 = field(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
        let modes = read("/sys/kernel/mm/transparent_hugepage/enabled");
        let chosen = modes.split(['[', ']']).nth(1).unwrap_or("not built into the kernel");
        let git =
            |arguments: &[&str]| said(Command::new("git").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")));
        let changed = !git(&["status", "--porcelain", "--untracked-files=no"]).unwrap_or_default().is_empty();
        let commit = git(&["rev-parse", "--short", "HEAD"]).unwrap_or_else(|| "unknown".into());
        Machine {
            date: date(now()),
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_gib: (kib + (1 << 19)) >> 20,
            kernel: format!("Linux {}", read("/proc/sys/kernel/osrelease").trim()),
            huge_pages: chosen.to_owned(),
            rustc: said(Command::new("rustc").arg("--version")).unwrap_or_else(|| "rustc".into()),
            commit: commit + if changed { "+" } else { "" },
        }
    }

    /// One line for the head of a report.
    pub fn describe(&self) -> String {
        format!(
            "{}, {} cores, {} GiB, {}, transparent huge pages: {}, {}, arenal at {}",
            self.processor, self.cores, self.memory_gib, self.kernel, self.huge_pages, self.rustc, self.commit
        )
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The day in the Gregorian calendar, universal time: years of the calendar begin in March here, so that the day that
/// leap years add is the last of a year.
fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn days_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_735_689_599), "2024-12-31");
        assert_eq!(date(1_772_323_200), "2026-03-01");
    }
}
