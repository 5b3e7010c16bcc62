//! Medians, spreads and geometric means.

/// The median of some figures, with the lowest and the highest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub low: f64,
    pub high: f64,
}

impl Spread {
    /// Nothing, of nothing.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let (low, high) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        let median =
            if figures.len() % 2 == 1 { figures[middle] } else { (figures[middle - 1] + figures[middle]) / 2.0 };
        Some(Spread { median, low, high })
    }
}

/// The geometric mean of positive ratios; nothing, of nothing.
pub fn geometric_mean(ratios: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (count, sum) = ratios.into_iter().fold((0_u32, 0.0), |(count, sum), ratio| (count + 1, sum + ratio.ln()));
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, low: 1.0, high: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).expect("figures").median, 2.5);
        assert_eq!(Spread::of([]), None);
    }

    #[test]
    fn a_mean_of_halves_and_doubles_is_one() {
        assert!((geometric_mean([0.5, 2.0]).expect("ratios") - 1.0).abs() < 1e-12);
        assert!((geometric_mean([0.8, 0.8, 0.8]).expect("ratios") - 0.8).abs() < 1e-12);
        assert_eq!(geometric_mean([]), None);
    }
}
