//! What is done before any other library is initialised: fork handlers are registered.
//!
//! Handlers that were registered later run earlier before a fork. So those of other libraries take their locks, which
//! threads that allocate may hold, while the arena's are free still; and none runs while the arena's are held.

use core::ffi::{c_char, c_int};

use crate::{block, environ, mapped};

/// The dynamic linker calls it first of all (`build.rs`).
// SAFETY: the section holds pointers to functions that glibc calls with the arguments of `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn(c_int, *const *const c_char, *const *const c_char) = at_start;

extern "C" fn at_start(_: c_int, _: *const *const c_char, entries: *const *const c_char) {
    environ::begin(entries);
    mapped::register();
    // The arena registers its own at its first use.
    // SAFETY: a block of ours, freed once.
    unsafe { block::free(block::allocate(1)) };
}
