//! The report of one profile: time, memory, geometric means, every median, and what did not work.

use crate::peers::{LEAN, PEERS, Peer, SUBJECT};
use crate::score::{Outcome, Spread, best, least_ratio, mean, quickest, ratio};
use crate::table::Table;
use rows::Kind;

/// Peaks below this are the process, not the allocator.
const WORTH_COMPARING_KIB: f64 = 8192.0;

pub struct Report<'a> {
    pub profile: &'a str,
    pub rounds: usize,
    pub machine: &'a str,
    /// The allocators that took part.
    pub peers: &'a [usize],
    pub outcomes: &'a [Outcome],
    /// What did not build or run.
    pub troubles: &'a [String],
}

impl Report<'_> {
    pub fn render(&self, markdown: bool) -> String {
        let heading = |text: &str| match markdown {
            true => format!("\n### {text}\n\n"),
            false => format!("\n{text}\n\n"),
        };
        let mut text = match markdown {
            true => format!("## Profile `{}`\n\n", self.profile),
            false => format!("Profile {}\n", self.profile),
        };
        text += &format!("Medians of {} interleaved rounds (lowest–highest). {}\n", self.rounds, self.machine);
        for (title, table) in [
            ("Time per operation", self.times()),
            ("Peak resident memory, MiB", self.peaks()),
            ("Geometric means of arenal / peer", self.means()),
            ("Time per operation, every median", self.all(|outcome| &outcome.time, duration)),
            ("Peak resident memory, every median, MiB", self.all(|outcome| &outcome.peak, mebibytes)),
        ] {
            text += &heading(title);
            text += &table.render(markdown);
        }
        text += &heading("Goals");
        text += &self.goals();
        if !self.troubles.is_empty() {
            text += &heading("Not measured");
            self.troubles.iter().for_each(|trouble| text += &format!("- {trouble}\n"));
        }
        text
    }

    fn times(&self) -> Table {
        let mut table = Table::new(["row", "arenal", "spread", "best peer", "time", "spread", "ratio"]);
        for outcome in self.timed() {
            let own = outcome.time[SUBJECT];
            let best = best(&outcome.time);
            let other = best.map(|(_, spread)| spread);
            table.line([
                outcome.row.name.to_string(),
                cell(own, duration),
                range(own, duration),
                best.map_or(NONE.into(), |(peer, _)| PEERS[peer].name.to_string()),
                cell(other, duration),
                range(other, duration),
                fraction(ratio(&outcome.time, other)),
            ]);
        }
        table
    }

    fn peaks(&self) -> Table {
        let mut table =
            Table::new(["row", "arenal", "faults", "leanest peer", "peak", "ratio", LEAN, "faults", "ratio"]);
        let lean = lean();
        for outcome in self.outcomes {
            let best = best(&outcome.peak);
            let other = best.map(|(_, spread)| spread);
            let worth = [SUBJECT, lean].iter().any(|&peer| is_worth(outcome.peak[peer]));
            if !worth && outcome.row.kind == Kind::Time {
                continue;
            }
            table.line([
                outcome.row.name.to_string(),
                cell(outcome.peak[SUBJECT], mebibytes),
                cell(outcome.faults[SUBJECT], |faults| format!("{faults:.0}")),
                best.map_or(NONE.into(), |(peer, _)| PEERS[peer].name.to_string()),
                cell(other, mebibytes),
                fraction(ratio(&outcome.peak, other)),
                cell(outcome.peak[lean], mebibytes),
                cell(outcome.faults[lean], |faults| format!("{faults:.0}")),
                fraction(ratio(&outcome.peak, outcome.peak[lean])),
            ]);
        }
        table
    }

    fn means(&self) -> Table {
        let mut table = Table::new(["peer", "time", "least times", "rows", "peak", "rows"]);
        let show = |mean: Option<(f64, usize)>| match mean {
            Some((mean, count)) => [format!("{mean:.3}"), count.to_string()],
            None => [NONE.into(), "0".into()],
        };
        for &peer in self.peers.iter().filter(|&&peer| peer != SUBJECT) {
            let [time, rows] = show(self.mean_time(ratio, |outcome| outcome.time[peer]));
            let [least, _] = show(self.mean_time(least_ratio, |outcome| outcome.time[peer]));
            let [peak, large] = show(self.mean_peak(|outcome| outcome.peak[peer]));
            let Peer { name, what } = PEERS[peer];
            table.line([format!("{name}: {what}"), time, least, rows, peak, large]);
        }
        let [time, rows] = show(self.mean_time(ratio, |outcome| best(&outcome.time).map(|(_, spread)| spread)));
        let [least, _] = show(self.mean_time(least_ratio, |outcome| quickest(&outcome.time)));
        let [peak, large] = show(self.mean_peak(|outcome| best(&outcome.peak).map(|(_, spread)| spread)));
        table.line(["best of each row".into(), time, least, rows, peak, large]);
        table
    }

    fn goals(&self) -> String {
        let slow = |ratio: fn(&Outcome) -> Option<f64>| -> Vec<String> {
            let ratios = self.timed().filter_map(|outcome| Some((outcome.row.name, ratio(outcome)?)));
            ratios.filter(|&(_, ratio)| ratio > 1.10).map(|(name, ratio)| format!("{name} {ratio:.2}")).collect()
        };
        let medians = slow(|outcome| ratio(&outcome.time, best(&outcome.time).map(|(_, spread)| spread)));
        let least = slow(|outcome| least_ratio(&outcome.time, quickest(&outcome.time)));
        let lean = lean();
        let heavy: Vec<String> = self
            .outcomes
            .iter()
            .filter(|outcome| is_worth(outcome.peak[SUBJECT]) || is_worth(outcome.peak[lean]))
            .filter_map(|outcome| Some((outcome, ratio(&outcome.peak, outcome.peak[lean])?)))
            .filter(|&(_, ratio)| ratio > 1.05)
            .map(|(outcome, ratio)| format!("{} {ratio:.2}", outcome.row.name))
            .collect();
        format!(
            "- slower than 1.10 of the row's best peer: {} rows {}\n- the same by the least times: {} rows {}\n\
             - heavier than 1.05 of {LEAN}: {} rows {}\n",
            medians.len(),
            medians.join(", "),
            least.len(),
            least.join(", "),
            heavy.len(),
            heavy.join(", "),
        )
    }

    fn all(&self, quantity: fn(&Outcome) -> &[Option<Spread>], show: fn(f64) -> String) -> Table {
        let names = self.peers.iter().map(|&peer| PEERS[peer].name);
        let mut table = Table::with_head(std::iter::once("row").chain(names).map(String::from).collect());
        for outcome in self.outcomes {
            let medians = self.peers.iter().map(|&peer| cell(quantity(outcome)[peer], show));
            table.line(std::iter::once(outcome.row.name.to_string()).chain(medians).collect::<Vec<_>>());
        }
        table
    }

    fn timed(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| outcome.row.kind == Kind::Time)
    }

    fn mean_time(
        &self,
        ratio: fn(&[Option<Spread>], Option<Spread>) -> Option<f64>,
        other: impl Fn(&Outcome) -> Option<Spread>,
    ) -> Option<(f64, usize)> {
        mean(self.timed().filter_map(|outcome| ratio(&outcome.time, other(outcome))))
    }

    fn mean_peak(&self, other: impl Fn(&Outcome) -> Option<Spread>) -> Option<(f64, usize)> {
        let large = self.outcomes.iter().filter(|outcome| is_worth(outcome.peak[SUBJECT]) || is_worth(other(outcome)));
        mean(large.filter_map(|outcome| ratio(&outcome.peak, other(outcome))))
    }
}

const NONE: &str = "–";

fn lean() -> usize {
    PEERS.iter().position(|peer| peer.name == LEAN).expect("the lean peer is in the table")
}

fn is_worth(peak: Option<Spread>) -> bool {
    peak.is_some_and(|peak| peak.median > WORTH_COMPARING_KIB)
}

fn cell(spread: Option<Spread>, show: impl Fn(f64) -> String) -> String {
    spread.map_or(NONE.into(), |spread| show(spread.median))
}

fn range(spread: Option<Spread>, show: impl Fn(f64) -> String) -> String {
    spread.map_or(NONE.into(), |spread| format!("{}–{}", show(spread.low), show(spread.high)))
}

fn fraction(ratio: Option<f64>) -> String {
    ratio.map_or(NONE.into(), |ratio| format!("{ratio:.2}"))
}

fn mebibytes(kibibytes: f64) -> String {
    format!("{:.1}", kibibytes / 1024.0)
}

fn duration(nanoseconds: f64) -> String {
    let units = [("ns", 1.0), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)];
    let (unit, scale) = units.into_iter().rfind(|&(_, scale)| nanoseconds >= scale).unwrap_or(units[0]);
    let value = nanoseconds / scale;
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}
