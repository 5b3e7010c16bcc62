//! The values that end a list of chunks.
//!
//! Usually [`END`]; [`OWED`] where a recovering thread took the rest of an idle thread's list and may have to give it
//! back (see `heap::steal`).

/// The usual end of a list.
pub(crate) const END: usize = 0;
/// The end of a list whose rest is kept in the heap's `owed` words.
pub(crate) const OWED: usize = 8;
/// Every value below ends a list; every chunk lies above.
pub(crate) const FLOOR: usize = 16;
