//! Free spans by length: two-level segregated fit (TLSF, Masmano et al. 2004).
//!
//! Eight bins per doubling and one bit a bin make finding, adding and removing O(1); a span taken from a bin above the
//! wanted length always fits.

use super::map::Map;

/// Spans of fewer units have a bin for each length.
const LINEAR: usize = 8;
/// And 24 doublings from there on: to 2^27 units, more than the largest arena has.
const BINS: usize = LINEAR + 24 * 8;
/// Spans of the wanted length's own bin that are looked at before a larger bin is cut.
const PROBES: usize = 8;

/// Doubly linked lists through the records of the spans' first units. All-zero bytes are empty bins.
///
/// Invariant: bit `b` is set exactly if `heads[b]` is not 0; each listed span is marked free in the map, and lies in
/// the bin of its length.
pub(crate) struct Bins {
    heads: [u32; BINS],
    filled: [u64; BINS.div_ceil(64)],
}

fn bin_of(units: usize) -> usize {
    if units < LINEAR {
        units
    } else {
        let octave = units.ilog2() as usize;
        LINEAR + (octave - 3) * 8 + ((units >> (octave - 3)) & 7)
    }
}

impl Bins {
    pub(crate) const EMPTY: Bins = Bins { heads: [0; BINS], filled: [0; BINS.div_ceil(64)] };

    pub(crate) fn insert(&mut self, map: &Map, unit: usize, units: usize) {
        let bin = bin_of(units);
        let head = self.heads[bin];
        let record = map.record(unit);
        record.next.set(head);
        record.prev.set(0);
        if head != 0 {
            map.record(head as usize - 1).prev.set(unit as u32 + 1);
        }
        self.heads[bin] = unit as u32 + 1;
        self.filled[bin / 64] |= 1 << (bin % 64);
        map.mark_free(unit, units);
    }

    /// Takes a listed span out; its units.
    pub(crate) fn remove(&mut self, map: &Map, unit: usize) -> usize {
        let record = map.record(unit);
        let (next, prev, units) = (record.next.get(), record.prev.get(), record.units.get() as usize);
        let bin = bin_of(units);
        if next != 0 {
            map.record(next as usize - 1).prev.set(prev);
        }
        if prev != 0 {
            map.record(prev as usize - 1).next.set(next);
        } else {
            self.heads[bin] = next;
            if next == 0 {
                self.filled[bin / 64] &= !(1 << (bin % 64));
            }
        }
        map.unmark(unit, units);
        units
    }

    /// A free span that holds `units` at a multiple of `align` units; still listed.
    pub(crate) fn find(&self, map: &Map, units: usize, align: usize) -> Option<usize> {
        if let Some(unit) = self.probe(map, bin_of(units), units, align, PROBES) {
            return Some(unit);
        }
        let sure = units + align - 1;
        let from = if sure < LINEAR { sure } else { bin_of(sure + (1 << (sure.ilog2() - 3)) - 1) };
        self.first_filled(from).map(|bin| self.heads[bin] as usize - 1)
    }

    /// As [`Bins::find`], but looks at every span: O(free spans).
    pub(crate) fn find_exhaustively(&self, map: &Map, units: usize, align: usize) -> Option<usize> {
        let mut from = bin_of(units);
        while let Some(bin) = self.first_filled(from) {
            if let Some(unit) = self.probe(map, bin, units, align, usize::MAX) {
                return Some(unit);
            }
            from = bin + 1;
        }
        None
    }

    /// Calls `visit(unit, units)` for every free span.
    pub(crate) fn each(&self, map: &Map, mut visit: impl FnMut(usize, usize)) {
        for mut at in self.heads {
            while at != 0 {
                let record = map.record(at as usize - 1);
                visit(at as usize - 1, record.units.get() as usize);
                at = record.next.get();
            }
        }
    }

    fn probe(&self, map: &Map, bin: usize, units: usize, align: usize, limit: usize) -> Option<usize> {
        let mut at = self.heads[bin];
        let mut left = limit;
        while at != 0 && left > 0 {
            let unit = at as usize - 1;
            let record = map.record(unit);
            if unit.next_multiple_of(align) + units <= unit + record.units.get() as usize {
                return Some(unit);
            }
            at = record.next.get();
            left -= 1;
        }
        None
    }

    fn first_filled(&self, from: usize) -> Option<usize> {
        let mut word = from / 64;
        let mut bits = self.filled.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.filled.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_ordered_and_hold_all_lengths() {
        let mut last = 0;
        for units in 1..100_000 {
            let bin = bin_of(units);
            assert!(bin == last || bin == last + 1, "{units}");
            last = bin;
        }
        assert!(bin_of(1 << 26) < BINS);
    }
}
