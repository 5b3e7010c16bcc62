//! Figures for people and programs.

use core::fmt;

use crate::heap::stats::Usage;

/// An arena's memory, in bytes. Exact while no thread is inside the arena.
///
/// `allocated <= heap <= capacity` always; `overhead` and `system` come on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Info {
    /// The cap in force on `heap`.
    pub capacity: usize,
    /// Pool memory obtained from the OS and kept.
    pub heap: usize,
    /// Chunks in the caller's hands, each counted as its slab's size.
    pub allocated: usize,
    /// Metadata of what is in use: the shared state, some kilobytes for each of as many threads as there ever were at
    /// once, and about 140 bytes for each 16 KiB up to the highest that is in use. On top of `heap`.
    pub overhead: usize,
    /// What the system allocator holds for this arena now, as asked for.
    pub system: usize,
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} allocated in {} of pools, capacity {} ({:.1} % used), {} metadata, {} with the system",
            Bytes(self.allocated),
            Bytes(self.heap),
            Bytes(self.capacity),
            100.0 * ratio(self.heap, self.capacity),
            Bytes(self.overhead),
            Bytes(self.system),
        )
    }
}

/// What one slab holds. For slabs above 128 KiB each chunk is a pool of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SlabUsage {
    /// Bytes of one chunk.
    pub slab: usize,
    /// Pools of this slab.
    pub pools: usize,
    /// Bytes of those pools.
    pub heap: usize,
    /// Bytes of their chunks that are in the caller's hands.
    pub allocated: usize,
}

impl SlabUsage {
    /// Share of the slab's pool memory that is in the caller's hands, 0.0 to 1.0.
    pub fn ratio(&self) -> f64 {
        ratio(self.allocated, self.heap)
    }
}

impl From<Usage> for SlabUsage {
    fn from(usage: Usage) -> SlabUsage {
        SlabUsage { slab: usage.slab, pools: usage.pools, heap: usage.heap, allocated: usage.allocated }
    }
}

impl fmt::Display for SlabUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "slab {}: {} allocated in {} of {} pools ({:.1} %)",
            self.slab,
            Bytes(self.allocated),
            Bytes(self.heap),
            self.pools,
            100.0 * self.ratio(),
        )
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// A number of bytes in the largest unit that leaves it at 1 or more.
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
        let unit = (self.0.max(1).ilog2() / 10).min(4);
        if unit == 0 {
            return write!(f, "{} B", self.0);
        }
        let value = self.0 as f64 / (1u64 << (10 * unit)) as f64;
        let digits = if value < 10.0 { 2 } else { 1 };
        write!(f, "{value:.digits$} {}", UNITS[unit as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::Bytes;

    #[test]
    fn bytes_read_well() {
        let shown = [0, 1, 1023, 1024, 1536, 10 << 20, 1 << 40, 5 << 40].map(|n| Bytes(n).to_string());
        assert_eq!(shown, ["0 B", "1 B", "1023 B", "1.00 KiB", "1.50 KiB", "10.0 MiB", "1.00 TiB", "5.00 TiB"]);
    }
}
