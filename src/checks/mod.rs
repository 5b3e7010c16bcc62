//! What the lower layers do for [`hardened`](crate::hardened).
//!
//! | file     | noun                                                           |
//! |----------|----------------------------------------------------------------|
//! | [`key`]  | the process's secret                                           |
//! | [`link`] | links of free chunks, encoded                                  |
//! | [`live`] | notes on blocks: in the caller's hands or not, and their slack |
//!
//! A leaf, but for `os`. In release builds without the feature `off.rs` stands in its place, whose calls are empty, or
//! the plain answer.

pub(crate) mod key;
pub(crate) mod link;
pub(crate) mod live;
