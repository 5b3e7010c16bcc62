//! What the records amount to: by profile and application, each allocator's figures.

use crate::peers::{self, BASELINE, SUBJECT};
use crate::record::{Record, Run, Session, Trouble};
use crate::stats::{Spread, geometric_mean};
use std::collections::{BTreeMap, BTreeSet};

/// A figure of a run.
pub type Metric = fn(&Run) -> f64;

pub const WALL: Metric = |run| run.wall;
pub const USER: Metric = |run| run.user;
pub const SYS: Metric = |run| run.sys;
pub const CPU: Metric = |run| run.user + run.sys;
pub const PEAK: Metric = |run| run.peak as f64;
pub const END: Metric = |run| run.end as f64;
pub const DROPPED: Metric = |run| run.dropped as f64;
pub const TRIMMED: Metric = |run| run.trimmed as f64;
pub const MINOR: Metric = |run| run.minor as f64;
pub const MAJOR: Metric = |run| run.major as f64;

/// One application in one profile.
pub struct Row {
    pub app: String,
    pub session: u64,
    runs: BTreeMap<String, Vec<Run>>,
}

pub struct Board {
    pub profile: String,
    pub rows: Vec<Row>,
}

pub struct Results {
    pub boards: Vec<Board>,
    /// Those that the boards' figures are from.
    pub sessions: Vec<Session>,
    pub troubles: Vec<Trouble>,
}

impl Row {
    pub fn spread(&self, allocator: &str, metric: Metric) -> Option<Spread> {
        Spread::of(self.runs.get(allocator)?.iter().map(metric))
    }

    pub fn median(&self, allocator: &str, metric: Metric) -> Option<f64> {
        self.spread(allocator, metric).map(|spread| spread.median)
    }

    pub fn ratio(&self, allocator: &str, to: &str, metric: Metric) -> Option<f64> {
        Some(self.median(allocator, metric)? / self.median(to, metric)?)
    }

    /// The peer with the lowest figure.
    pub fn best(&self, metric: Metric) -> Option<(&str, f64)> {
        let rivals = self.runs.keys().filter(|name| peers::is_rival(name));
        rivals
            .filter_map(|name| Some((name.as_str(), self.median(name, metric)?)))
            .min_by(|one, other| one.1.total_cmp(&other.1))
    }

    /// The subject's figure against the best peer's.
    pub fn against_best(&self, metric: Metric) -> Option<f64> {
        Some(self.median(SUBJECT, metric)? / self.best(metric)?.1)
    }

    pub fn runs(&self, allocator: &str) -> &[Run] {
        self.runs.get(allocator).map_or(&[], Vec::as_slice)
    }
}

impl Board {
    /// Everybody with a figure, in the table's order.
    pub fn allocators(&self) -> Vec<&'static str> {
        let measured = |name: &&str| self.rows.iter().any(|row| row.runs.contains_key(*name));
        peers::contenders().map(|contender| contender.name()).filter(measured).collect()
    }

    /// The geometric mean over the applications that have both figures, and how many those are.
    pub fn mean(&self, allocator: &str, to: &str, metric: Metric) -> Option<(f64, usize)> {
        let ratios: Vec<f64> = self.rows.iter().filter_map(|row| row.ratio(allocator, to, metric)).collect();
        Some((geometric_mean(ratios.iter().copied())?, ratios.len()))
    }

    /// The peer with the lowest mean against the baseline, among those that ran everything the subject ran.
    pub fn best_single(&self, metric: Metric) -> Option<(&'static str, f64)> {
        let all = self.mean(SUBJECT, BASELINE, metric)?.1;
        let rivals = self.allocators().into_iter().filter(|name| peers::is_rival(name));
        rivals
            .filter_map(|name| {
                self.mean(name, BASELINE, metric).filter(|mean| mean.1 == all).map(|mean| (name, mean.0))
            })
            .min_by(|one, other| one.1.total_cmp(&other.1))
    }
}

impl Results {
    /// Of each application and profile the latest session that measured it counts, with all its allocators: figures
    /// of different sessions are not compared with each other. Runs with another checksum than most are troubles.
    pub fn new(records: &[Record]) -> Results {
        let mut rows: BTreeMap<(String, String), Row> = BTreeMap::new();
        for record in records {
            let Record::Sample(sample) = record else { continue };
            let row = rows.entry((sample.profile.clone(), sample.app.clone())).or_insert_with(|| Row {
                app: sample.app.clone(),
                session: sample.session,
                runs: BTreeMap::new(),
            });
            if sample.session > row.session {
                row.session = sample.session;
                row.runs.clear();
            }
            if sample.session == row.session {
                row.runs.entry(sample.allocator.clone()).or_default().push(sample.run.clone());
            }
        }
        let used: BTreeSet<u64> = rows.values().map(|row| row.session).collect();
        let mut troubles: Vec<Trouble> = Vec::new();
        for record in records {
            if let Record::Trouble(trouble) = record
                && trouble.matters(&rows)
                && !troubles.iter().any(|known| known.same(trouble))
            {
                troubles.push(trouble.clone());
            }
        }
        let mut boards: Vec<Board> = Vec::new();
        for ((profile, _), mut row) in rows {
            troubles.extend(row.expel_wrong(&profile));
            match boards.iter_mut().find(|board| board.profile == profile) {
                Some(board) => board.rows.push(row),
                None => boards.push(Board { profile, rows: vec![row] }),
            }
        }
        // Cargo's default profile comes first.
        boards.sort_by_key(|board| board.profile != "release");
        let sessions = records.iter().filter_map(|record| match record {
            Record::Session(session) if used.contains(&session.id) => Some(session.clone()),
            _ => None,
        });
        Results { sessions: sessions.collect(), boards, troubles }
    }
}

impl Row {
    /// Takes out the runs whose checksum is not the one that most allocators agree on.
    fn expel_wrong(&mut self, profile: &str) -> Vec<Trouble> {
        let mut votes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (allocator, run) in
            self.runs.iter().flat_map(|(allocator, runs)| runs.iter().map(move |run| (allocator, run)))
        {
            votes.entry(&run.checksum).or_default().insert(allocator);
        }
        let Some(agreed) = votes.iter().max_by_key(|(_, voters)| voters.len()).map(|(sum, _)| sum.to_string()) else {
            return Vec::new();
        };
        let mut troubles = Vec::new();
        for (allocator, runs) in &mut self.runs {
            let before = runs.len();
            runs.retain(|run| run.checksum == agreed);
            if runs.len() < before {
                troubles.push(Trouble {
                    session: self.session,
                    profile: profile.to_owned(),
                    app: Some(self.app.clone()),
                    allocator: allocator.clone(),
                    reason: format!("another result than the others in {} of {before} runs", before - runs.len()),
                });
            }
        }
        self.runs.retain(|_, runs| !runs.is_empty());
        troubles
    }
}

impl Trouble {
    /// Whether it is about a session whose figures are shown, or about an application without any.
    fn matters(&self, rows: &BTreeMap<(String, String), Row>) -> bool {
        match &self.app {
            Some(app) => rows.get(&(self.profile.clone(), app.clone())).is_none_or(|row| row.session <= self.session),
            None => !rows.values().any(|row| row.session > self.session && row.runs.contains_key(&self.allocator)),
        }
    }

    fn same(&self, other: &Trouble) -> bool {
        (&self.profile, &self.app, &self.allocator) == (&other.profile, &other.app, &other.allocator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn board(records: &[Record]) -> Board {
        Results::new(records).boards.into_iter().next().expect("a board")
    }

    fn close(figure: f64, expected: f64) {
        assert!((figure - expected).abs() < 1e-9, "{figure} is not {expected}");
    }

    #[test]
    fn ratios_and_means() {
        let board = board(&fixture::records());
        let [cache, json] = &board.rows[..] else { panic!("two applications") };
        close(json.ratio(SUBJECT, BASELINE, WALL).expect("figures"), 0.5);
        close(json.spread(SUBJECT, WALL).expect("figures").low, 0.75);
        let (mean, count) = board.mean(SUBJECT, BASELINE, WALL).expect("figures");
        close(mean, (0.5_f64 * 0.8).sqrt());
        assert_eq!(count, 2);
        close(cache.against_best(PEAK).expect("figures"), 3.0);
    }

    #[test]
    fn the_best_peer_is_neither_the_subject_nor_a_variant() {
        let board = board(&fixture::records());
        let [cache, json] = &board.rows[..] else { panic!("two applications") };
        assert_eq!(json.best(WALL).expect("peers").0, "jemalloc");
        assert_eq!(cache.best(PEAK).expect("peers").0, "glibc");
        assert_eq!(board.best_single(WALL).expect("peers").0, "jemalloc");
    }

    #[test]
    fn a_peer_without_a_figure_is_not_the_best_single_one() {
        let mut records = fixture::records();
        records.extend(fixture::samples(1, "json", "snmalloc", 0.1, 1));
        let board = board(&records);
        assert_eq!(board.rows[1].best(WALL).expect("peers").0, "snmalloc");
        assert_eq!(board.best_single(WALL).expect("peers").0, "jemalloc");
    }

    #[test]
    fn another_result_is_a_trouble_and_no_figure() {
        let mut records = fixture::records();
        for record in fixture::samples(1, "json", "stoolap", 0.1, 1) {
            let Record::Sample(mut sample) = record else { panic!("a sample") };
            sample.run.checksum = "bad".into();
            records.push(Record::Sample(sample));
        }
        let results = Results::new(&records);
        assert!(results.boards[0].rows[1].runs("stoolap").is_empty());
        let trouble = results.troubles.iter().find(|trouble| trouble.allocator == "stoolap").expect("a trouble");
        assert!(trouble.reason.contains("3 of 3 runs"), "{}", trouble.reason);
        assert_eq!(trouble.app.as_deref(), Some("json"));
    }

    #[test]
    fn the_latest_session_of_an_application_counts() {
        let mut records = fixture::records();
        records.push(fixture::session(2));
        records.extend(fixture::samples(2, "json", "arenal", 3.0, 50));
        records.extend(fixture::samples(2, "json", "glibc", 2.0, 50));
        let results = Results::new(&records);
        let [cache, json] = &results.boards[0].rows[..] else { panic!("two applications") };
        close(json.ratio(SUBJECT, BASELINE, WALL).expect("figures"), 1.5);
        assert!(json.runs("jemalloc").is_empty());
        assert_eq!(cache.session, 1);
        assert_eq!(results.sessions.len(), 2);
    }

    #[test]
    fn a_trouble_is_told_once_and_forgotten_when_it_is_over() {
        let mut records = fixture::records();
        records.push(fixture::trouble(1, None, "tcmalloc"));
        assert_eq!(Results::new(&records).troubles.len(), 1);
        records.extend(fixture::samples(2, "json", "tcmalloc", 3.0, 50));
        assert!(Results::new(&records).troubles.is_empty());
    }
}
