//! What the programs of this package share.
//!
//! [`job`] runs a command under a time limit, [`counts`] reads the summaries of `cargo test`, [`figures`] the lines
//! `figure <name> <value>` of any output, [`place`] knows the checkout and the scratch folder, [`template`] fills in a
//! page.

pub mod counts;
pub mod figures;
pub mod job;
pub mod place;
pub mod template;
