//! What the fuzz targets share.
//!
//! [`setting`] makes an arena from arbitrary bytes and [`steps`] what is done with it, [`block`] is a live block that
//! knows its contents, [`model`] is what an arena should hold.

pub mod block;
pub mod model;
pub mod setting;
pub mod steps;
