//! The measurement: rounds of all applications, each on all allocators in random order, one process at a time.

use crate::apps::App;
use crate::builds;
use crate::machine::{self, Machine};
use crate::options::Options;
use crate::peers::Contender;
use crate::places::Places;
use crate::process;
use crate::record::{self, Record, Sample, Session, Trouble};
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub struct Race<'a> {
    pub options: &'a Options,
    pub places: &'a Places,
    pub apps: Vec<App>,
    pub contenders: Vec<Contender>,
    session: Session,
    interrupted: Arc<AtomicBool>,
    troubles: BTreeSet<(String, Option<String>, String)>,
}

/// By application and allocator.
type Binaries = BTreeMap<(String, &'static str), PathBuf>;

impl<'a> Race<'a> {
    pub fn new(
        options: &'a Options,
        places: &'a Places,
        apps: Vec<App>,
        contenders: Vec<Contender>,
    ) -> Result<Race<'a>, String> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        // Relaxed: the flag carries nothing but itself.
        ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed)).map_err(|error| format!("Ctrl-C: {error}"))?;
        let id = machine::now();
        let session =
            Session { id, seed: options.seed.unwrap_or(id), rounds: options.rounds, machine: Machine::look() };
        Ok(Race { options, places, apps, contenders, session, interrupted, troubles: BTreeSet::new() })
    }

    /// Builds and measures; what was measured before Ctrl-C stays.
    pub fn run(&mut self) -> Result<(), String> {
        let mut fields = Vec::new();
        for profile in self.options.profile.names() {
            fields.push((*profile, self.build(profile)?));
            if self.stopped() {
                return Ok(());
            }
        }
        if self.options.build_only {
            return Ok(());
        }
        eprintln!("order of runs: --seed {}", self.session.seed);
        self.append(Record::Session(self.session.clone()))?;
        let mut random = fastrand::Rng::with_seed(self.session.seed);
        let rounds = u64::from(self.options.rounds);
        let bar = bar(fields.iter().map(|(_, binaries)| self.runs(binaries) as u64 * rounds).sum());
        for (profile, binaries) in &fields {
            for round in 1..=self.options.rounds {
                self.round(profile, binaries, round, &mut random, &bar)?;
                if self.stopped() {
                    bar.abandon_with_message("stopped; what was measured so far counts");
                    return Ok(());
                }
            }
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn build(&mut self, profile: &str) -> Result<Binaries, String> {
        let mut peers: Vec<_> = self.contenders.iter().map(|contender| contender.peer).collect();
        peers.dedup_by_key(|peer| peer.name);
        let bar = bar(peers.len() as u64);
        bar.enable_steady_tick(std::time::Duration::from_secs(1));
        let mut binaries = Binaries::new();
        for peer in peers {
            let built = builds::build(self.places, &self.apps, peer, profile, &bar)?;
            bar.inc(1);
            if self.stopped() {
                break;
            }
            if let Some(reason) = built.reason {
                let missing: Vec<String> = self
                    .apps
                    .iter()
                    .map(|app| app.name.clone())
                    .filter(|app| !built.binaries.contains_key(app))
                    .collect();
                let all = missing.len() == self.apps.len();
                let apps = if all { vec![None] } else { missing.into_iter().map(Some).collect() };
                for app in apps {
                    self.trouble(profile, app, peer.name, format!("does not build: {reason}"), &bar)?;
                }
            }
            binaries.extend(built.binaries.into_iter().map(|(app, binary)| ((app, peer.name), binary)));
        }
        bar.finish_and_clear();
        Ok(binaries)
    }

    /// Runs in one round.
    fn runs(&self, binaries: &Binaries) -> usize {
        self.contenders.iter().map(|contender| binaries.keys().filter(|key| key.1 == contender.peer.name).count()).sum()
    }

    fn round(
        &mut self,
        profile: &str,
        binaries: &Binaries,
        round: u32,
        random: &mut fastrand::Rng,
        bar: &ProgressBar,
    ) -> Result<(), String> {
        let apps: Vec<String> = self.apps.iter().map(|app| app.name.clone()).collect();
        for app in apps {
            let mut contenders = self.contenders.clone();
            random.shuffle(&mut contenders);
            for contender in contenders {
                let Some(binary) = binaries.get(&(app.clone(), contender.peer.name)) else { continue };
                bar.set_message(format!("{profile}, round {round}: {app} on {}", contender.name()));
                let outcome = process::run(binary, &self.places.sources, &contender);
                if self.stopped() {
                    return Ok(());
                }
                match outcome {
                    Ok(outcome) => self.append(Record::Sample(Box::new(Sample {
                        session: self.session.id,
                        profile: profile.to_owned(),
                        app: app.clone(),
                        allocator: contender.name().to_owned(),
                        round,
                        whole_wall: outcome.wall,
                        whole_user: outcome.user,
                        whole_sys: outcome.sys,
                        run: outcome.run,
                    })))?,
                    Err(reason) => self.trouble(profile, Some(app.clone()), contender.name(), reason, bar)?,
                }
                bar.inc(1);
            }
        }
        Ok(())
    }

    /// Once is enough: what fails does so in each round.
    fn trouble(
        &mut self,
        profile: &str,
        app: Option<String>,
        allocator: &str,
        reason: String,
        bar: &ProgressBar,
    ) -> Result<(), String> {
        if !self.troubles.insert((profile.to_owned(), app.clone(), allocator.to_owned())) {
            return Ok(());
        }
        bar.println(format!("{allocator}, {} ({profile}): {reason}", app.as_deref().unwrap_or("all applications")));
        let (session, profile, allocator) = (self.session.id, profile.to_owned(), allocator.to_owned());
        self.append(Record::Trouble(Trouble { session, profile, app, allocator, reason }))
    }

    fn append(&self, record: Record) -> Result<(), String> {
        let path = self.options.results.as_ref().unwrap_or(&self.places.results);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        record::append(path, &record)
    }

    fn stopped(&self) -> bool {
        // Relaxed: the flag carries nothing but itself.
        self.interrupted.load(Ordering::Relaxed)
    }
}

fn bar(length: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len}, {eta} left\n{msg}").expect("a valid template");
    ProgressBar::new(length).with_style(style)
}
