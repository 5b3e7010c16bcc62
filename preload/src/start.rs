//! What is done before any other library is initialised: fork handlers are registered.
//!
//! Handlers that were registered later run earlier before a fork. So those of other libraries take their locks, which
//! threads that allocate may hold, while the arena's are free still; and none runs while the arena's are held.

use crate::{block, mapped};

/// The dynamic linker calls it first of all (`build.rs`).
// SAFETY: the section holds pointers to functions without arguments that matter, which this is.
#[used]
#[unsafe(link_section = ".init_array")]
static AT_START: extern "C" fn() = at_start;

extern "C" fn at_start() {
    mapped::register();
    // The arena registers its own at its first use.
    // SAFETY: a block of ours, freed once.
    unsafe { block::free(block::allocate(1)) };
}
