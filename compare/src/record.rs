//! The file of results: one JSON object a line, only ever appended to.

use crate::machine::Machine;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Record {
    Session(Session),
    Sample(Box<Sample>),
    Trouble(Trouble),
}

/// One start of the runner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Seconds since 1970 at its start.
    pub id: u64,
    pub seed: u64,
    pub rounds: u32,
    pub machine: Machine,
}

/// One run of one application on one allocator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    pub session: u64,
    pub profile: String,
    pub app: String,
    pub allocator: String,
    pub round: u32,
    /// The whole process as the kernel accounts for it, seconds.
    pub whole_wall: f64,
    pub whole_user: f64,
    pub whole_sys: f64,
    pub run: Run,
}

/// What the application says about itself: seconds and bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub checksum: String,
    /// From the start of its work until its data is dropped.
    pub wall: f64,
    /// The same without the drop at the end.
    pub work: f64,
    pub user: f64,
    pub sys: f64,
    pub minor: u64,
    pub major: u64,
    /// Resident memory: the most, at the end of the work, after the drop, after asking to give memory back.
    pub peak: u64,
    pub end: u64,
    pub dropped: u64,
    pub trimmed: u64,
    /// At the end of the work, where the allocator can tell: in the program's hands, and held from the system.
    pub allocated: Option<u64>,
    pub held: Option<u64>,
}

/// Something that did not work, to be listed and not dropped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    pub session: u64,
    pub profile: String,
    pub app: Option<String>,
    pub allocator: String,
    pub reason: String,
}

pub fn append(path: &Path, record: &Record) -> Result<(), String> {
    let fail = |error| format!("{}: {error}", path.display());
    let mut line = serde_json::to_string(record).map_err(|error| format!("a record: {error}"))?;
    line.push('\n');
    let mut file: File = OpenOptions::new().create(true).append(true).open(path).map_err(fail)?;
    file.write_all(line.as_bytes()).map_err(fail)
}

/// All records. A line that cannot be read, such as one cut off by a crash, is skipped and counted.
pub fn read(path: &Path) -> Result<(Vec<Record>, usize), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    let records: Vec<Record> = lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let skipped = lines.len() - records.len();
    Ok((records, skipped))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_a_torn_line_is_counted() {
        let path = std::env::temp_dir().join(format!("compare-records-{}.jsonl", std::process::id()));
        let _ = fs::remove_file(&path);
        let sample = Sample {
            session: 1,
            profile: "release".into(),
            app: "json".into(),
            allocator: "arenal".into(),
            round: 2,
            whole_wall: 1.5,
            whole_user: 1.0,
            whole_sys: 0.25,
            run: Run { wall: 1.25, peak: 4096, allocated: Some(7), ..Run::default() },
        };
        let trouble = Trouble {
            session: 1,
            profile: "fat".into(),
            app: None,
            allocator: "tcmalloc".into(),
            reason: "no compiler".into(),
        };
        let records = [Record::Sample(Box::new(sample)), Record::Trouble(trouble)];
        records.iter().for_each(|record| append(&path, record).expect("it is appended"));
        OpenOptions::new().append(true).open(&path).expect("it exists").write_all(b"{\"kind\":\"sam").expect("room");
        let (read, skipped) = read(&path).expect("it is read");
        fs::remove_file(&path).expect("it exists");
        assert_eq!(read, records);
        assert_eq!(skipped, 1);
    }
}
