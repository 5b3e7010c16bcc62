//! The allocator of one application, chosen by a feature, and how that application is measured.

pub mod input;
mod measure;
mod peer;

pub use input::Input;
pub use measure::{Checksum, measure};
pub use peer::NAME;
