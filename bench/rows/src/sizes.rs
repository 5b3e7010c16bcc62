//! Request sizes, drawn before the clock starts.

use crate::rng::Rng;

const LEN: usize = 4096;

/// A cycle of request sizes: reading the next one costs an index and a mask.
pub struct Sizes {
    table: Box<[u32; LEN]>,
    at: usize,
}

impl Sizes {
    /// Log-uniform between the bounds: programs ask for small objects most.
    pub fn mixed(low: usize, high: usize, seed: u64) -> Sizes {
        let mut rng = Rng::new(seed);
        let octaves = (high as f64 / low as f64).log2();
        Sizes::from(|_| {
            let unit = rng.draw() as f64 / u64::MAX as f64;
            (low as f64 * (unit * octaves).exp2()).round() as u32
        })
    }

    pub fn equal(size: usize) -> Sizes {
        Sizes::from(|_| size as u32)
    }

    fn from(size: impl FnMut(usize) -> u32) -> Sizes {
        Sizes { table: Box::new(std::array::from_fn(size)), at: 0 }
    }

    #[inline]
    pub fn draw(&mut self) -> usize {
        self.at = (self.at + 1) % LEN;
        self.table[self.at] as usize
    }
}

/// Steps of 8 up to 128, then 16 per doubling: a size for every slab arenal is likely to have.
pub fn steps() -> impl Iterator<Item = usize> {
    let fine = (1..=16).map(|i| i * 8);
    let coarse = (0..).flat_map(|octave| (17..=32).map(move |i| (i * 8) << octave));
    fine.chain(coarse)
}
