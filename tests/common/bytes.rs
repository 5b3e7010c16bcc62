//! Memory whose every byte is told by its seed, for blocks that grow and shrink.

/// Whoever holds it frees it.
pub struct Bytes {
    pub at: *mut u8,
    pub size: usize,
    seed: usize,
}

impl Bytes {
    /// Takes over `size` bytes that an allocator just returned, and fills them.
    pub fn adopt(at: *mut u8, size: usize, seed: usize) -> Bytes {
        let mut bytes = Bytes { at, size, seed };
        bytes.fill(0);
        bytes
    }

    /// The same seed elsewhere: the bytes kept are checked, the others filled.
    pub fn moved(&mut self, at: *mut u8, size: usize) {
        let kept = self.size.min(size);
        (self.at, self.size) = (at, size);
        self.check_first(kept);
        self.fill(kept);
    }

    pub fn check(&self) {
        self.check_first(self.size);
    }

    pub fn seed(&self) -> usize {
        self.seed
    }

    fn byte(&self, place: usize) -> u8 {
        (((place + self.seed) * 167) >> 3) as u8
    }

    fn fill(&mut self, from: usize) {
        // SAFETY: the holder's memory, and so long.
        (from..self.size).for_each(|place| unsafe { self.at.add(place).write(self.byte(place)) });
    }

    fn check_first(&self, bytes: usize) {
        for place in 0..bytes {
            // SAFETY: the holder's memory, longer, and written to so far.
            let found = unsafe { self.at.add(place).read() };
            assert_eq!(found, self.byte(place), "byte {place} of {}", self.size);
        }
    }
}
