//! Spans: runs of units cut from the arena.
//!
//! [`map`] says where everything in the reservation lies and turns addresses into units; [`space`] cuts, joins, commits
//! and gives back; [`bins`] finds a free span of a size; [`huge`] says what is asked to be huge pages; [`wipe`] clears used
//! spans. Called by `slab` and `heap`; calls `os`.

pub(crate) mod bins;
pub(crate) mod huge;
pub(crate) mod map;
pub(crate) mod space;
pub(crate) mod tag;
pub(crate) mod wipe;
