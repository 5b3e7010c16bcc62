//! The links of free chunks, as the lists of this layer see them: in memory, or beside the chunks of a model.

use crate::slab::mark::FLOOR;

/// Where the links of chunks are.
pub(crate) trait Links: Copy {
    fn next(self, chunk: usize) -> usize;
    fn link(self, chunk: usize, next: usize);

    /// The last chunk of a non-empty list, and its end mark.
    fn last(self, first: usize) -> (usize, usize) {
        let mut at = first;
        loop {
            let behind = self.next(at);
            if behind < FLOOR {
                return (at, behind);
            }
            at = behind;
        }
    }
}

/// Links in the chunks themselves.
#[cfg(not(loom))]
#[derive(Clone, Copy)]
pub(crate) struct Memory;

#[cfg(not(loom))]
impl Links for Memory {
    #[inline(always)]
    fn next(self, chunk: usize) -> usize {
        crate::slab::chunk::next(chunk)
    }

    #[inline(always)]
    fn link(self, chunk: usize, next: usize) {
        crate::slab::chunk::link(chunk, next);
    }
}

/// Chunks as models have them: numbers, with what they hold beside them.
#[cfg(all(test, loom))]
pub(crate) mod modelled {
    use super::*;
    use crate::sync::{AtomicUsize, Ordering};
    use loom::cell::UnsafeCell;

    /// Chunks are multiples of 8 from [`FLOOR`] on.
    pub(crate) fn chunk(number: usize) -> usize {
        FLOOR + number * 8
    }

    pub(crate) fn number(chunk: usize) -> usize {
        (chunk - FLOOR) / 8
    }

    pub(crate) struct Modelled<const N: usize> {
        links: [AtomicUsize; N],
        /// What the caller keeps in a chunk: its own while it holds it.
        plain: [UnsafeCell<u32>; N],
    }

    impl<const N: usize> Modelled<N> {
        pub(crate) fn new(links: [usize; N]) -> Modelled<N> {
            Modelled { links: links.map(AtomicUsize::new), plain: [(); N].map(|()| UnsafeCell::new(0)) }
        }

        /// Uses a chunk that is the calling thread's.
        pub(crate) fn touch(&self, chunk: usize) {
            // SAFETY: the chunk is in the caller's hands, or in a list of its own.
            self.plain[number(chunk)].with_mut(|word| unsafe { *word += 1 });
        }

        /// What the list behind `first` ends in, as a thief sees it.
        pub(crate) fn end(&self, first: usize) -> usize {
            let mut at = first;
            for _ in 0..=N {
                if at >= FLOOR {
                    at = self.next(at);
                }
            }
            at
        }

        /// Counts the chunks of a list that is the caller's.
        pub(crate) fn count(&self, first: usize, seen: &mut [u32; N]) {
            let mut at = first;
            while at >= FLOOR {
                seen[number(at)] += 1;
                self.touch(at);
                at = self.next(at);
            }
        }
    }

    impl<const N: usize> Links for &Modelled<N> {
        fn next(self, chunk: usize) -> usize {
            self.links[number(chunk)].load(Ordering::Relaxed)
        }

        fn link(self, chunk: usize, next: usize) {
            self.links[number(chunk)].store(next, Ordering::Relaxed)
        }
    }
}
