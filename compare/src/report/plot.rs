//! Plots as inline SVG: their colours come from the page's style sheet, by class.

use super::html::escape;
use crate::peers::{self, BASELINE, SUBJECT};
use crate::results::{Board, Metric};
use std::fmt::Write;

/// In units of the drawing, which is scaled to the page: about pixels of a phone.
const WIDTH: f64 = 360.0;
const TICKS: [f64; 22] = [
    0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 2.0, 3.0, 4.0, 6.0, 10.0, 20.0, 50.0, 100.0,
];

/// A logarithmic axis from the lowest to the highest ratio, wide enough to hold 1.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn new(ratios: impl Iterator<Item = f64>, from: f64, to: f64) -> Axis {
        let (low, high) = ratios.fold((0.95_f64, 1.05_f64), |(low, high), ratio| (low.min(ratio), high.max(ratio)));
        Axis { low: low / 1.03, high: high * 1.03, from, to }
    }

    fn place(&self, ratio: f64) -> f64 {
        self.from + (self.to - self.from) * (ratio / self.low).ln() / (self.high / self.low).ln()
    }

    /// Ticks that leave room for their labels.
    fn ticks(&self, room: f64) -> Vec<(f64, f64)> {
        let one = self.place(1.0);
        let mut ticks: Vec<(f64, f64)> = vec![(1.0, one)];
        for ratio in TICKS.into_iter().filter(|ratio| (self.low..=self.high).contains(ratio)) {
            let place = self.place(ratio);
            if ticks.iter().all(|(_, taken)| (taken - place).abs() >= room) {
                ticks.push((ratio, place));
            }
        }
        ticks
    }
}

fn class(name: &str) -> &'static str {
    if name == SUBJECT {
        "dot own"
    } else if peers::is_rival(name) {
        "dot"
    } else {
        "dot variant"
    }
}

/// A row for each application, a dot for each allocator, at its figure relative to the baseline.
pub fn strips(board: &Board, metric: Metric, label: &str) -> String {
    let names = board.allocators();
    let ratios = || board.rows.iter().flat_map(|row| names.iter().filter_map(|name| row.ratio(name, BASELINE, metric)));
    let axis = Axis::new(ratios(), 78.0, WIDTH - 12.0);
    let (top, step) = (22.0, 24.0);
    let bottom = top + step * board.rows.len() as f64;
    let height = bottom + 8.0;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{}\">", escape(label));
    for (ratio, x) in axis.ticks(24.0) {
        let class = if ratio == 1.0 { "one" } else { "grid" };
        put(
            &mut svg,
            format_args!("<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top}\" y2=\"{bottom}\"/>"),
        );
        put(&mut svg, format_args!("<text class=\"tick\" x=\"{x:.1}\" y=\"14\" text-anchor=\"middle\">{ratio}</text>"));
    }
    for (number, row) in board.rows.iter().enumerate() {
        let y = top + step * (number as f64 + 0.5);
        put(&mut svg, format_args!("<text x=\"0\" y=\"{:.1}\">{}</text>", y + 4.0, escape(&row.app)));
        put(&mut svg, format_args!("<line class=\"lane\" x1=\"78\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\"/>", WIDTH - 12.0));
        let Some(base) = row.median(BASELINE, metric) else { continue };
        // The subject's dot comes last, on top of the others.
        for name in names.iter().filter(|name| **name != SUBJECT).chain(names.iter().filter(|name| **name == SUBJECT)) {
            let Some(spread) = row.spread(name, metric) else { continue };
            let (low, middle, high) =
                (axis.place(spread.low / base), axis.place(spread.median / base), axis.place(spread.high / base));
            let clamp = |x: f64| x.clamp(axis.from, axis.to);
            put(
                &mut svg,
                format_args!(
                    "<g class=\"{}\" data-name=\"{name}\"><line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{y}\" y2=\"{y}\"/>\
                     <circle cx=\"{middle:.1}\" cy=\"{y}\" r=\"4.5\"><title>{}: {name} {:.2}</title></circle></g>",
                    class(name),
                    clamp(low),
                    clamp(high),
                    escape(&row.app),
                    spread.median / base
                ),
            );
        }
    }
    svg + "</svg>"
}

/// Each allocator at its mean time and its mean memory: the lower left corner is the better one.
pub fn map(board: &Board, across: Metric, up: Metric) -> String {
    let points: Vec<(&str, f64, f64)> = board
        .allocators()
        .into_iter()
        .filter_map(|name| Some((name, board.mean(name, BASELINE, across)?.0, board.mean(name, BASELINE, up)?.0)))
        .collect();
    let height = 300.0;
    let x_axis = Axis::new(points.iter().map(|point| point.1), 34.0, WIDTH - 14.0);
    let y_axis = Axis::new(points.iter().map(|point| point.2), height - 34.0, 12.0);
    let mut svg =
        format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Mean time and mean peak memory\">");
    for (ratio, x) in x_axis.ticks(28.0) {
        let class = if ratio == 1.0 { "one" } else { "grid" };
        put(
            &mut svg,
            format_args!("<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"12\" y2=\"{}\"/>", height - 34.0),
        );
        put(
            &mut svg,
            format_args!(
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{ratio}</text>",
                height - 20.0
            ),
        );
    }
    for (ratio, y) in y_axis.ticks(16.0) {
        let class = if ratio == 1.0 { "one" } else { "grid" };
        put(
            &mut svg,
            format_args!("<line class=\"{class}\" x1=\"34\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>", WIDTH - 14.0),
        );
        put(
            &mut svg,
            format_args!("<text class=\"tick\" x=\"28\" y=\"{:.1}\" text-anchor=\"end\">{ratio}</text>", y + 3.5),
        );
    }
    put(
        &mut svg,
        format_args!(
            "<text class=\"tick\" x=\"{}\" y=\"{}\" text-anchor=\"end\">time →</text>",
            WIDTH - 14.0,
            height - 6.0
        ),
    );
    put(&mut svg, format_args!("<text class=\"tick\" x=\"34\" y=\"9\">↑ peak memory</text>"));
    let mut labels: Vec<(f64, f64, f64)> = Vec::new();
    for (name, time, memory) in &points {
        let (x, y) = (x_axis.place(*time), y_axis.place(*memory));
        let width = name.chars().count() as f64 * 6.2 + 4.0;
        let (at, anchor) = if x + 7.0 + width > WIDTH { (x - 7.0 - width, "end") } else { (x + 7.0, "start") };
        // A label moves down past those in its way.
        let mut line = y + 4.0;
        while let Some(taken) =
            labels.iter().find(|taken| (taken.1 - line).abs() < 11.0 && at < taken.0 + taken.2 && taken.0 < at + width)
        {
            line = taken.1 + 11.5;
        }
        labels.push((at, line, width));
        let text = if anchor == "end" { x - 7.0 } else { x + 7.0 };
        put(
            &mut svg,
            format_args!(
                "<g class=\"{}\" data-name=\"{name}\"><circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>\
                 <text x=\"{text:.1}\" y=\"{line:.1}\" text-anchor=\"{anchor}\">{name}</text></g>",
                class(name)
            ),
        );
    }
    svg + "</svg>"
}

fn put(svg: &mut String, part: std::fmt::Arguments) {
    svg.write_fmt(part).expect("a string takes all");
}
