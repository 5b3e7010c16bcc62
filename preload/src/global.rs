//! The process's arena, configured from the environment at its first use.

use core::cell::UnsafeCell;
use std::sync::Once;

use arena::Arena;

use crate::settings::Settings;

struct Global {
    arena: UnsafeCell<Arena>,
    settings: UnsafeCell<Settings>,
    once: Once,
}

// SAFETY: the cells are written inside of `once` only. Before, the arena is unused, and `Arena::configure` says which
// calls may run beside it; the settings are read behind `once`.
unsafe impl Sync for Global {}

static GLOBAL: Global = Global {
    arena: UnsafeCell::new(Arena::new(Arena::MIN_CAPACITY)),
    settings: UnsafeCell::new(Settings::DEFAULT),
    once: Once::new(),
};

/// The arena for `pop`, `push`, `chunk_size` and `contains` alone, which find nothing in an unused one.
#[inline(always)]
pub(crate) fn unready() -> &'static Arena {
    // SAFETY: see `Global`.
    unsafe { &*GLOBAL.arena.get() }
}

/// The arena for everything, and the settings.
#[inline]
pub(crate) fn ready() -> (&'static Arena, &'static Settings) {
    GLOBAL.once.call_once(|| {
        let settings = Settings::read();
        // SAFETY: once, and before anybody has used either.
        unsafe {
            *GLOBAL.settings.get() = settings;
            Arena::configure(GLOBAL.arena.get(), settings.config());
        }
    });
    // SAFETY: never written again.
    unsafe { (&*GLOBAL.arena.get(), &*GLOBAL.settings.get()) }
}
