//! The slope of a line through points, by least squares.

/// Sums over the points so far.
#[derive(Default)]
pub(crate) struct Slope {
    count: f64,
    x: f64,
    y: f64,
    xx: f64,
    xy: f64,
}

impl Slope {
    pub(crate) fn add(&mut self, x: f64, y: f64) {
        self.count += 1.0;
        self.x += x;
        self.y += y;
        self.xx += x * x;
        self.xy += x * y;
    }

    /// Growth of `y` with `x`; `None` for fewer than three points.
    pub(crate) fn per_second(&self) -> Option<f64> {
        let spread = self.count * self.xx - self.x * self.x;
        (self.count >= 3.0 && spread > 0.0).then(|| (self.count * self.xy - self.x * self.y) / spread)
    }
}
