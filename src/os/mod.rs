//! What arenal asks of the operating system. Nothing above this folder names a system call.
//!
//! The contract of every memory call: it reports failure as `false` or `None`, never aborts, and leaves `errno` as it
//! was. Addresses and lengths are multiples of [`page_size`]. (But where a kernel unmaps memory in the course of a call
//! that it then refuses, and does not map it again, the process ends with a line: the address space has a hole. And
//! what [`move_pages`] denies is that all was moved: the contents have arrived.)

mod barrier;
pub(crate) use barrier::*;
#[cfg(not(loom))]
mod linux;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use linux::*;
#[cfg(not(loom))]
mod remap;
#[cfg(not(loom))]
pub(crate) use remap::*;
#[cfg(not(any(loom, shuttle)))]
mod asleep;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use asleep::*;
#[cfg(not(any(loom, shuttle)))]
mod exit_hook;
#[cfg(not(any(loom, shuttle)))]
pub(crate) use exit_hook::*;

#[cfg(all(not(loom), any(debug_assertions, feature = "hardened")))]
mod linux_guard;
#[cfg(all(not(loom), any(debug_assertions, feature = "hardened")))]
pub(crate) use linux_guard::*;

#[cfg(loom)]
mod model;
#[cfg(loom)]
pub(crate) use model::*;

#[cfg(shuttle)]
pub(crate) mod scheduled;
#[cfg(shuttle)]
pub(crate) use scheduled::*;
