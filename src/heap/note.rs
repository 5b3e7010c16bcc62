//! What a thief writes down of a list that it may have to give back. The protocol is told in `steal`.

use core::cell::Cell;

use crate::slab::mark::{OWED, OWED_AGAIN};

/// In a [`Note`]: a head is noted. Heads are multiples of 8.
const PENDING: usize = 1;
/// In a [`Note`]: the mark is [`OWED_AGAIN`], not [`OWED`].
const AGAIN: usize = 4;

/// What a thief has taken of a list and may have to give back, and which mark it has left, or the next one will leave:
/// one in which the list itself cannot end. Under the heap's lock. All-zero bytes: nothing.
#[repr(transparent)]
pub(crate) struct Note(Cell<usize>);

impl Note {
    #[cfg(all(test, loom))]
    pub(crate) const fn new() -> Note {
        Note(Cell::new(0))
    }

    /// The head that was taken.
    pub(crate) fn pending(&self) -> Option<usize> {
        let word = self.0.get();
        (word & PENDING != 0).then_some(word & !(PENDING | AGAIN))
    }

    pub(super) fn mark(&self) -> usize {
        if self.0.get() & AGAIN == 0 { OWED } else { OWED_AGAIN }
    }

    pub(super) fn enter(&self, first: usize) {
        self.0.set(first | PENDING | self.0.get() & AGAIN);
    }

    /// Nothing is pending. Where the list may still end in the mark, the next one is the other.
    pub(super) fn strike(&self, stale: bool) {
        self.0.set(self.0.get() & AGAIN ^ if stale { AGAIN } else { 0 });
    }

    /// The list becomes that of `other`, which may end in an old mark. Nothing is pending in either.
    pub(crate) fn follow(&self, other: &Note) {
        self.0.set(other.0.get() & AGAIN);
    }

    /// The list is another one.
    pub(crate) fn clear(&self) {
        self.0.set(0);
    }

    /// What is missing from the list, if that ends in `end`.
    pub(crate) fn missing(&self, end: usize) -> Option<usize> {
        self.pending().filter(|_| end == self.mark())
    }

    /// By a thief: the list ends in `end`, and no operation of the owner's is under way. What is missing from it is the
    /// caller's, and nothing is pending.
    pub(crate) fn resolve(&self, end: usize) -> Option<usize> {
        let missing = self.missing(end);
        self.strike(end == self.mark());
        missing
    }
}
