//! The values that end a list of chunks.
//!
//! Usually [`END`]; [`OWED`] where a recovering thread took the rest of an idle thread's list and may have to give it
//! back (see `heap::steal`).

/// The usual end of a list.
pub(crate) const END: usize = 0;
/// The end of a list whose rest is kept in the heap's `owed` words.
pub(crate) const OWED: usize = 8;
/// The same, where the list had ended in [`OWED`] before, though nothing was owed any more.
pub(crate) const OWED_AGAIN: usize = 12;
/// The end of a list that a recovering thread took for good. Its owner, finding it, takes the heap's lock before it
/// looks at the pool that the list came from.
pub(crate) const GONE: usize = 4;
/// Every value below ends a list; every chunk lies above.
pub(crate) const FLOOR: usize = 16;
