//! Spans of freed large blocks that a heap keeps for its owner's next ones, and how others take them back.
//!
//! The owner puts spans in and takes them out with plain loads and stores. Who takes spans back from it claims them
//! first, lets all threads pass a fence ([`Barrier`]), and looks again: a span that is still there is the claimant's.
//! The owner looks for a claim after it has emptied a place; if there is one, it puts the span back, and learns under
//! the space's lock whose it is.

use crate::class::UNIT;
use crate::os::Barrier;
use crate::sync::{AtomicU64, Cell32, Ordering};

/// Spans that a heap keeps at most.
const SPANS: usize = 2;
/// Bytes of the longest.
pub(crate) const LONGEST: usize = 64 << 20;
/// Blocks from so many units on (1 MiB) are taken to be written to all over, rather than at their ends. After a fence
/// by which the processor writes out all that waits, a loop that writes to each page is faster, by more than the
/// fence costs: measured, not explained.
const WRITTEN: usize = (1 << 20) / UNIT;
/// In a claim: the span is not yet known to be there.
const CLAIMED: u64 = UNIT as u64 / 2;

/// See the module. All-zero bytes keep nothing.
///
/// Invariants: only the heap's owner writes `spans`, or who has taken the heap from one that is gone. Only holders of
/// the space's lock write `claims`, and no claim is under way while the lock is free. A claim equal to the span says
/// that the span was taken: it stays until the owner notices. A kept span has the tag
/// [`tag::KEPT`](crate::span::tag::KEPT), and counts as taken and large in the space.
pub(crate) struct Kept {
    /// Each a [`word`]; 0: none.
    spans: [AtomicU64; SPANS],
    /// Each a word as well, with [`CLAIMED`] or without; 0: none.
    claims: [AtomicU64; SPANS],
    /// Which of the spans gives way when all are there.
    turn: Cell32,
}

/// A span: its address, and its length in units where an address at the start of a unit is zero. Whoever frees a
/// block has the address, and whoever gets it wants it, so that neither waits for any arithmetic.
const fn word(block: usize, units: usize) -> u64 {
    (block | units) as u64
}

/// Address and length.
const fn span(word: u64) -> (usize, usize) {
    (word as usize & !(UNIT - 1), word as usize & (CLAIMED as usize - 1))
}

const _: () = assert!(LONGEST / UNIT < CLAIMED as usize);

impl Kept {
    /// Takes a span of exactly that length, one unit at least, at a multiple of `align` bytes; not one that others
    /// took, or are about to. By the owner.
    #[inline(always)]
    pub(crate) fn take(&self, units: usize, align: usize, barrier: Barrier) -> Option<usize> {
        for (kept, claim) in self.spans.iter().zip(&self.claims) {
            // Relaxed: the owner wrote it itself, or the one before it, whose leaving the heap's lock orders.
            let seen = kept.load(Ordering::Relaxed);
            let (block, length) = span(seen);
            if length == units && block.is_multiple_of(align) {
                // Relaxed: the barrier orders it before the look for a claim.
                kept.store(0, Ordering::Relaxed);
                barrier.light(units >= WRITTEN);
                // Relaxed: the barrier orders it.
                if claim.load(Ordering::Relaxed) == 0 {
                    return Some(block);
                }
                // Release: as in `put`.
                kept.store(seen, Ordering::Release);
            }
        }
        None
    }

    /// As [`Kept::take`]; but where others took spans, or were about to, `settle` is called first, which is to call
    /// [`Kept::settle`] with the space's lock.
    pub(crate) fn take_settled(
        &self,
        units: usize,
        align: usize,
        barrier: Barrier,
        settle: impl FnOnce(),
    ) -> Option<usize> {
        self.take(units, align, barrier).or_else(|| {
            // Relaxed: what a claim says is asked under the lock. One that was under way may be gone by now, and the
            // span there.
            if self.claims.iter().any(|claim| claim.load(Ordering::Relaxed) != 0) {
                settle();
            }
            self.take(units, align, barrier)
        })
    }

    /// Empties the places of spans that others took. By the owner, or for one that is gone, with the space's lock.
    pub(crate) fn settle(&self) {
        // Relaxed, here and below in `claims`: under the space's lock.
        let taken = |place: &usize| self.claims[*place].load(Ordering::Relaxed) != 0;
        (0..SPANS).filter(taken).for_each(|place| _ = self.empty(place));
    }

    /// Keeps a span; `false`: there are enough. By the owner.
    #[inline(always)]
    pub(crate) fn put(&self, block: usize, units: usize) -> bool {
        // Relaxed: nobody else fills a place.
        let Some(empty) = self.spans.iter().find(|kept| kept.load(Ordering::Relaxed) == 0) else { return false };
        // Release: whoever takes it sees its tag, and all that was written to the block.
        empty.store(word(block, units), Ordering::Release);
        true
    }

    /// Keeps a span, if need be in the place of another, which it returns. By the owner, with the space's lock.
    pub(crate) fn replace(&self, block: usize, units: usize) -> Option<usize> {
        self.settle();
        if self.put(block, units) {
            return None;
        }
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        let place = turn as usize % SPANS;
        let old = self.empty(place);
        // Relaxed: who takes it back has had the lock after this.
        self.spans[place].store(word(block, units), Ordering::Relaxed);
        old
    }

    /// Takes all out. By the owner, with the space's lock.
    pub(crate) fn drain(&self) -> impl Iterator<Item = usize> {
        (0..SPANS).filter_map(|place| self.empty(place))
    }

    /// Takes the span out, unless others took it. As [`Kept::drain`].
    fn empty(&self, place: usize) -> Option<usize> {
        let (kept, claim) = (&self.spans[place], &self.claims[place]);
        // Relaxed: nobody else writes it.
        let seen = kept.load(Ordering::Relaxed);
        let is_there = seen != 0 && claim.load(Ordering::Relaxed) == 0;
        kept.store(0, Ordering::Relaxed);
        claim.store(0, Ordering::Relaxed);
        is_there.then_some(span(seen).0)
    }

    /// Claims all; how many there are. By anybody, with the space's lock, who lets all threads pass the barrier next,
    /// and calls [`Kept::confirm`] before the lock is free.
    pub(crate) fn claim(&self) -> usize {
        let mut count = 0;
        for (kept, claim) in self.spans.iter().zip(&self.claims) {
            // Relaxed: a glance, to be confirmed.
            let seen = kept.load(Ordering::Relaxed);
            if seen != 0 && claim.load(Ordering::Relaxed) == 0 {
                // Relaxed: the barrier orders it before the look whether the span is still there.
                claim.store(seen | CLAIMED, Ordering::Relaxed);
                count += 1;
            }
        }
        count
    }

    /// What of the claimed is the claimant's: nothing unless all threads `passed` the barrier.
    pub(crate) fn confirm(&self, passed: bool) -> impl Iterator<Item = usize> {
        self.spans.iter().zip(&self.claims).filter_map(move |(kept, claim)| {
            let claimed = claim.load(Ordering::Relaxed);
            if claimed & CLAIMED == 0 {
                return None;
            }
            let wanted = claimed & !CLAIMED;
            // Acquire: sees the tag, and all that was written to the block, before the next user's writes. The owner
            // has not emptied the place then, and will see the claim when it has; or it has put the same span in
            // again.
            let is_there = passed && kept.load(Ordering::Acquire) == wanted;
            claim.store(if is_there { wanted } else { 0 }, Ordering::Relaxed);
            is_there.then_some(span(wanted).0)
        })
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        // Relaxed: for walkers, while nobody is inside the arena.
        let pairs = self.spans.iter().zip(&self.claims);
        pairs.filter(|(kept, claim)| kept.load(Ordering::Relaxed) != 0 && claim.load(Ordering::Relaxed) == 0).count()
    }

    /// Forgets all: the arena's contents are gone.
    pub(crate) fn clear(&self) {
        // Relaxed: no other thread is inside the arena.
        self.spans.iter().chain(&self.claims).for_each(|word| word.store(0, Ordering::Relaxed));
    }
}

#[cfg(all(test, not(shuttle)))]
impl Kept {
    fn new() -> Kept {
        let zero = || [(); SPANS].map(|()| AtomicU64::new(0));
        Kept { spans: zero(), claims: zero(), turn: Cell32::new(0) }
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use std::sync::Mutex;

    /// With the fences that the models cannot have: while one thread takes spans and keeps them again, another takes
    /// them back.
    #[test]
    fn a_span_is_in_one_hand() {
        const TURNS: usize = 100_000;
        let [there, used, taken] = [0, 1, 2];
        let (kept, space, barrier) = (Kept::new(), Mutex::new(()), Barrier::new());
        // By number: who has the block.
        let hands: Vec<AtomicU64> = (0..TURNS).map(|_| AtomicU64::new(there)).collect();
        let number = |block: usize| block / UNIT - 1;
        let pause = |times: usize| (0..times).for_each(|_| crate::sync::spin());
        let locked = || space.lock().expect("nobody panics here");
        let hand = |block: usize, from: u64, to: u64| {
            assert_eq!(hands[number(block)].swap(to, Ordering::Relaxed), from, "{from} to {to}");
        };
        let owner = || {
            for turn in 0..TURNS {
                // One more length than are kept, with either fence.
                let units = [1, 2, WRITTEN][turn % (SPANS + 1)];
                let settle = || {
                    let _held = locked();
                    kept.settle();
                };
                let block = kept.take_settled(units, UNIT, barrier, settle).unwrap_or((turn + 1) * UNIT);
                hand(block, there, used);
                pause(turn % 4);
                hand(block, used, there);
                if !kept.put(block, units) {
                    let _held = locked();
                    kept.replace(block, units).into_iter().for_each(|old| hand(old, there, taken));
                }
                pause(turn % 8);
            }
        };
        std::thread::scope(|scope| {
            let owner = scope.spawn(owner);
            while !owner.is_finished() {
                // Without the lock, for the owner may need it.
                pause(10);
                let _held = locked();
                if kept.claim() > 0 {
                    let passed = barrier.heavy();
                    kept.confirm(passed).for_each(|block| hand(block, there, taken));
                }
            }
        });
    }

    #[test]
    fn what_a_fork_cut_off_is_settled() {
        let kept = Kept::new();
        assert!(kept.put(UNIT, 1));
        assert_eq!((kept.claim(), kept.confirm(true).count()), (1, 1));
        // The owner had emptied the place, and was about to look for a claim.
        kept.spans[0].store(0, Ordering::Relaxed);
        kept.settle();
        assert!(kept.put(UNIT, 1));
        assert_eq!(kept.take_settled(1, UNIT, Barrier::new(), || kept.settle()), Some(UNIT));
    }

    #[test]
    fn a_place_that_was_robbed_is_free() {
        let kept = Kept::new();
        assert!(kept.put(UNIT, 1) && kept.put(8 * UNIT, 2));
        assert_eq!(kept.take(1, UNIT, Barrier::new()), Some(UNIT));
        assert_eq!((kept.claim(), kept.confirm(true).count()), (1, 1));
        assert!(kept.put(UNIT, 1) && !kept.put(16 * UNIT, 3));
        assert_eq!((kept.replace(16 * UNIT, 3), kept.count()), (None, 2));
    }

    #[test]
    fn a_refused_barrier_takes_nothing() {
        let kept = Kept::new();
        assert!(kept.put(UNIT, 3) && kept.put(8 * UNIT, 3));
        assert_eq!((kept.claim(), kept.confirm(false).count(), kept.count()), (2, 0, 2));
        assert_eq!(kept.take(3, 8 * UNIT, Barrier::new()), Some(8 * UNIT));
        assert_eq!(kept.claim(), 1);
        assert_eq!(kept.confirm(true).collect::<Vec<_>>(), [UNIT]);
        assert_eq!((kept.take(3, UNIT, Barrier::new()), kept.count()), (None, 0));
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use crate::lock::Lock;
    use crate::sync::explored;
    use loom::cell::UnsafeCell;
    use loom::sync::Arc;

    /// One more than are kept: the last is in the owner's hands.
    const BLOCKS: usize = SPANS + 1;

    struct Heap {
        kept: Kept,
        space: Lock,
        /// What their users write to the blocks.
        plain: [UnsafeCell<u32>; BLOCKS],
    }

    /// Lengths, for either fence.
    const UNITS: [usize; BLOCKS] = [1, WRITTEN, 2];

    fn block(number: usize) -> usize {
        (number + 1) * UNIT
    }

    impl Heap {
        /// Keeps all blocks but the last.
        fn new() -> Heap {
            let plain = [(); BLOCKS].map(|()| UnsafeCell::new(0));
            let heap = Heap { kept: Kept::new(), space: Lock::new(), plain };
            (0..SPANS).for_each(|number| assert!(heap.kept.put(block(number), UNITS[number])));
            heap
        }

        /// Uses a block that is the calling thread's.
        fn touch(&self, block: usize) -> usize {
            let number = block / UNIT - 1;
            // SAFETY: the block is in the caller's hands.
            self.plain[number].with_mut(|word| unsafe { *word += 1 });
            number
        }

        fn take(&self, number: usize) -> bool {
            let settle = || {
                let _held = self.space.lock();
                self.kept.settle();
            };
            let found = self.kept.take_settled(UNITS[number], UNIT, Barrier::new(), settle);
            found.is_some_and(|found| {
                assert_eq!(found, block(number));
                self.touch(found);
                true
            })
        }

        fn rob(&self) -> [u32; BLOCKS] {
            let mut robbed = [0; BLOCKS];
            let _held = self.space.lock();
            if self.kept.claim() > 0 {
                let passed = Barrier::new().heavy();
                self.kept.confirm(passed).for_each(|block| robbed[self.touch(block)] += 1);
            }
            robbed
        }
    }

    /// While the owner does `work` and returns what it holds, another thread takes all, some `times`: afterwards
    /// every block is in exactly one place.
    fn robbed(name: &str, times: usize, work: fn(&Heap) -> [u32; BLOCKS]) {
        explored(name, move || {
            let heap = Arc::new(Heap::new());
            let owner = Arc::clone(&heap);
            let owner = loom::thread::spawn(move || work(&owner));
            let mut seen = [0; BLOCKS];
            let add = |seen: &mut [u32; BLOCKS], more: [u32; BLOCKS]| {
                seen.iter_mut().zip(more).for_each(|(seen, more)| *seen += more);
            };
            (0..times).for_each(|_| add(&mut seen, heap.rob()));
            add(&mut seen, owner.join().unwrap());
            let left = heap.kept.count();
            let drained: Vec<usize> = heap.kept.drain().collect();
            assert_eq!(drained.len(), left);
            drained.into_iter().for_each(|block| seen[heap.touch(block)] += 1);
            assert_eq!(seen, [1; BLOCKS]);
        });
    }

    #[test]
    fn who_takes_is_robbed() {
        robbed("loom_kept_take", 1, |heap| [heap.take(0) as u32, heap.take(1) as u32, 1]);
    }

    #[test]
    fn who_takes_and_puts_is_robbed() {
        robbed("loom_kept_put", 2, |heap| {
            if heap.take(0) {
                assert!(heap.kept.put(block(0), UNITS[0]));
            }
            [heap.take(0) as u32, 0, 1]
        });
    }

    #[test]
    fn who_replaces_is_robbed() {
        robbed("loom_kept_replace", 2, |heap| {
            let mut held = [0; BLOCKS];
            heap.touch(block(2));
            assert!(!heap.kept.put(block(2), UNITS[2]));
            let _held = heap.space.lock();
            if let Some(old) = heap.kept.replace(block(2), UNITS[2]) {
                held[heap.touch(old)] += 1;
            }
            held
        });
    }
}
