//! Pools of chunks.
//!
//! [`pool`] is a pool's metadata and its counting equations, [`extent`] how long it is and where it begins,
//! [`countdown`] its count of local frees, [`index`] the number of a chunk in its pool, [`chunk`] the links inside free
//! chunks, [`block`] finds what begins at an address, [`mark`] what ends their lists, [`remote`] the word through which
//! other threads return chunks, [`list`] the lists a heap keeps its pools in. Called by `heap` and the entries; calls
//! `span`, and `checks` for the links of free chunks.

#[cfg(not(loom))]
pub(crate) mod block;
#[cfg(not(loom))]
pub(crate) mod chunk;
pub(crate) mod countdown;
#[cfg(not(loom))]
mod extent;
#[cfg(not(loom))]
pub(crate) mod index;
#[cfg(not(loom))]
pub(crate) mod list;
pub(crate) mod mark;
#[cfg(not(loom))]
pub(crate) mod pool;
pub(crate) mod remote;
