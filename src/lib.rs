//! A bounded, fast, observable memory allocator.

#[cfg(not(loom))]
mod arena;
mod class;
#[cfg(not(loom))]
mod config;
#[cfg(not(loom))]
mod entry;
#[cfg(not(loom))]
mod error;
mod fatal;
#[cfg(not(loom))]
mod global;
mod heap;
#[cfg(not(loom))]
mod info;
mod lock;
mod os;
#[cfg(not(loom))]
mod place;
#[cfg(not(loom))]
mod resize;
mod slab;
#[cfg(not(loom))]
mod span;
mod sync;
#[cfg(not(loom))]
mod system;
#[cfg(not(loom))]
mod verify;

#[cfg(not(loom))]
pub use arena::Arena;
#[cfg(not(loom))]
pub use config::{Config, Exhausted, HugePages};
#[cfg(not(loom))]
pub use error::AllocError;
#[cfg(not(loom))]
pub use info::{Info, SlabUsage};
