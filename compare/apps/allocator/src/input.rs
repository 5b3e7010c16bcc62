//! Input of the applications: source text that the runner has collected, and numbers out of a fixed sequence.

use std::env;
use std::fs;

/// Where the runner says the collected sources are.
pub const SOURCES: &str = "COMPARE_SOURCES";

/// Between two files of the collected sources: no source contains it.
pub const SEPARATOR: char = '\0';

/// The files of Rust source the runner has collected from the locked dependencies, in a fixed order. They stay for
/// good.
pub fn sources() -> Vec<&'static str> {
    let path = env::var_os(SOURCES).unwrap_or_else(|| panic!("{SOURCES} names no file: start this with the runner"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.leak().split(SEPARATOR).collect()
}

/// Numbers that look random and are the same in every run (splitmix64).
pub struct Input(u64);

impl Input {
    pub fn new(seed: u64) -> Input {
        Input(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.number()) * limit as u128) >> 64) as usize
    }

    /// A lower-case word of 3 to 10 letters.
    pub fn word(&mut self) -> String {
        let letters = 3 + self.below(8);
        (0..letters).map(|_| char::from(b'a' + self.below(26) as u8)).collect()
    }

    pub fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    pub fn choose<'a, Item: ?Sized>(&mut self, items: &[&'a Item]) -> &'a Item {
        items[self.below(items.len())]
    }
}
