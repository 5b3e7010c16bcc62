//! Samples and what is concluded from them: medians, the best of a row, geometric means.

use crate::peers::SUBJECT;
use rows::Row;

pub struct Sample {
    pub nanoseconds: f64,
    pub peak_kib: f64,
    pub faults: f64,
}

impl Sample {
    pub fn parse(line: &str) -> Option<Sample> {
        let mut numbers = line.split(' ').map(|word| word.parse().ok());
        let mut next = || numbers.next().flatten();
        Some(Sample { nanoseconds: next()?, peak_kib: next()?, faults: next()? })
    }
}

/// One quantity over the rounds.
#[derive(Clone, Copy)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let upper = *values.get(middle)?;
        let median = if values.len().is_multiple_of(2) { (values[middle - 1] + upper) / 2.0 } else { upper };
        Some(Spread { low: values[0], median, high: values[values.len() - 1] })
    }
}

/// What one row told about each allocator; an index is one into `PEERS`.
pub struct Outcome {
    pub row: &'static Row,
    pub time: Vec<Option<Spread>>,
    pub peak: Vec<Option<Spread>>,
    pub faults: Vec<Option<Spread>>,
}

impl Outcome {
    pub fn new(row: &'static Row, samples: &[Vec<Sample>]) -> Outcome {
        let over = |quantity: fn(&Sample) -> f64| -> Vec<_> {
            samples.iter().map(|samples| Spread::of(samples.iter().map(quantity))).collect()
        };
        Outcome {
            row,
            time: over(|sample| sample.nanoseconds),
            peak: over(|sample| sample.peak_kib),
            faults: over(|sample| sample.faults),
        }
    }
}

/// The peer with the lowest median.
pub fn best(spreads: &[Option<Spread>]) -> Option<(usize, Spread)> {
    peers(spreads).min_by(|(_, a), (_, b)| a.median.total_cmp(&b.median))
}

/// The peer with the lowest value of all. What disturbs a run only ever adds to it, and the best median of many peers
/// is a lucky one.
pub fn quickest(spreads: &[Option<Spread>]) -> Option<Spread> {
    peers(spreads).map(|(_, spread)| spread).min_by(|a, b| a.low.total_cmp(&b.low))
}

fn peers(spreads: &[Option<Spread>]) -> impl Iterator<Item = (usize, Spread)> {
    let peers = spreads.iter().enumerate().filter(|&(peer, _)| peer != SUBJECT);
    peers.filter_map(|(peer, spread)| Some((peer, (*spread)?)))
}

/// The subject's median over another's.
pub fn ratio(spreads: &[Option<Spread>], other: Option<Spread>) -> Option<f64> {
    Some(spreads[SUBJECT]?.median / other?.median)
}

/// The subject's lowest value over another's.
pub fn least_ratio(spreads: &[Option<Spread>], other: Option<Spread>) -> Option<f64> {
    Some(spreads[SUBJECT]?.low / other?.low)
}

/// Geometric mean, and of how many.
pub fn mean(ratios: impl Iterator<Item = f64>) -> Option<(f64, usize)> {
    let logarithms: Vec<f64> = ratios.map(f64::ln).collect();
    let count = logarithms.len();
    (count > 0).then(|| ((logarithms.iter().sum::<f64>() / count as f64).exp(), count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(values: &[f64]) -> Option<Spread> {
        Spread::of(values.iter().copied())
    }

    #[test]
    fn a_median_lies_between() {
        let even = spread(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((even.low, even.median, even.high), (1.0, 2.5, 4.0));
        assert_eq!(spread(&[9.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert!(spread(&[]).is_none());
    }

    #[test]
    fn the_subject_is_not_its_own_best_peer() {
        let row = [spread(&[1.0]), spread(&[4.0]), None, spread(&[2.0])];
        let (peer, other) = best(&row).unwrap();
        assert_eq!(peer, 3);
        assert_eq!(ratio(&row, Some(other)), Some(0.5));
    }

    #[test]
    fn the_quickest_is_not_the_best() {
        let row = [spread(&[3.0, 4.0, 5.0]), spread(&[4.0, 5.0, 6.0]), spread(&[2.0, 9.0, 9.0])];
        assert_eq!(best(&row).unwrap().0, 1);
        assert_eq!(least_ratio(&row, quickest(&row)), Some(1.5));
    }

    #[test]
    fn twice_and_half_cancel() {
        assert_eq!(mean([2.0, 0.5].into_iter()), Some((1.0, 2)));
        assert_eq!(mean(std::iter::empty()), None);
    }

    #[test]
    fn samples_are_three_numbers() {
        let sample = Sample::parse("1.5 2048 300").unwrap();
        assert_eq!((sample.nanoseconds, sample.peak_kib, sample.faults), (1.5, 2048.0, 300.0));
        assert!(Sample::parse("1.5 2048").is_none());
    }
}
