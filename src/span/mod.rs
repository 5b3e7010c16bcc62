//! Spans: runs of units cut from the arena.
//!
//! [`map`] says where everything in the reservation lies and turns addresses into units, [`tag`] whose a unit is;
//! [`space`] cuts, joins, commits and gives back; [`bins`] finds a free span of a size; [`huge`] says what is asked to
//! be huge pages; [`wipe`] clears used spans. Called by `slab`, `heap` and the entries; calls `os`, and `checks` for
//! the notes on blocks.

pub(crate) mod bins;
pub(crate) mod huge;
pub(crate) mod map;
pub(crate) mod space;
pub(crate) mod tag;
pub(crate) mod wipe;
