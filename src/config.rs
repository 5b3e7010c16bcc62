//! What an arena may be told at its construction.

use core::cell::UnsafeCell;
use core::ops::Deref;
use core::panic::RefUnwindSafe;

use crate::span::huge::Huge;

/// What happens to a request when the arena is full and nothing parked can be recovered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Exhausted {
    /// The request fails: a null pointer from `GlobalAlloc`, `Err` from the arena's own calls.
    #[default]
    Fail,
    /// The system allocator serves it, within [`Config::system_limit`]. Of many such requests in a row not each looks
    /// for parked memory, but all that the system refuses do.
    System,
}

/// Whether the arena asks the kernel for huge pages. Advice, where the kernel's mode is `madvise` or `always`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum HugePages {
    /// Once the arena has grown past 16 MiB, for what comes then, as long as most of it is in use, nearly all that was
    /// handed out lately was written to, and the kernel has them at hand: they are taken one by one and timed, and a
    /// slow one ends it for a while. Smaller programs, and those that use little of their blocks from the start, keep
    /// their small footprint.
    #[default]
    Auto,
    /// From the first byte.
    Always,
    /// Not at all, even where the kernel's mode is `always`.
    Never,
}

impl HugePages {
    pub(crate) fn policy(self) -> Huge {
        match self {
            HugePages::Auto => Huge::AUTO,
            HugePages::Always => Huge::Always,
            HugePages::Never => Huge::Never,
        }
    }
}

/// How an arena is to behave; built in `const` context, passed to [`Arena::with_config`](crate::Arena::with_config).
///
/// ```
/// use arenal::{Arena, Config, Exhausted};
///
/// static ARENA: Arena = Arena::with_config(
///     Config::new(64 << 20).system_above(1 << 20).system_limit(16 << 20).on_exhausted(Exhausted::System),
/// );
/// assert_eq!(ARENA.capacity(), 64 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a configuration does nothing until an arena is made with it"]
pub struct Config {
    pub(crate) capacity: usize,
    pub(crate) system_above: Option<usize>,
    pub(crate) system_limit: usize,
    pub(crate) exhausted: Exhausted,
    pub(crate) huge_pages: HugePages,
    /// Whether every layout that has a class is served by the arena, or by nobody. Follows from the others, for those
    /// who ask often.
    pub(crate) closed: bool,
}

impl Config {
    /// An arena of at most `capacity` bytes of pools that serves everything itself, but alignments above 2 MiB, and
    /// fails when it is full.
    ///
    /// The range is checked by [`Arena::with_config`](crate::Arena::with_config).
    pub const fn new(capacity: usize) -> Config {
        Config {
            capacity,
            system_above: None,
            system_limit: usize::MAX,
            exhausted: Exhausted::Fail,
            huge_pages: HugePages::Auto,
            closed: true,
        }
    }

    /// Layouts of more than `bytes` go to [`std::alloc::System`]: any value up to the capacity; 0 sends everything.
    ///
    /// Unless this is called nothing goes there because of its size, and a request larger than the arena is out of
    /// memory. Alignments above 2 MiB always do.
    pub const fn system_above(self, bytes: usize) -> Config {
        Config { system_above: Some(bytes), closed: false, ..self }
    }

    /// Most bytes that the system allocator may hold for this arena; past it: out of memory. Default: no limit.
    pub const fn system_limit(self, bytes: usize) -> Config {
        Config { system_limit: bytes, ..self }
    }

    /// What happens when the arena is full. Default: [`Exhausted::Fail`].
    pub const fn on_exhausted(self, action: Exhausted) -> Config {
        Config { exhausted: action, closed: self.system_above.is_none() && matches!(action, Exhausted::Fail), ..self }
    }

    /// Whether to ask for huge pages. Default: [`HugePages::Auto`].
    pub const fn huge_pages(self, huge_pages: HugePages) -> Config {
        Config { huge_pages, ..self }
    }
}

/// An arena's configuration, which [`Arena::configure`](crate::Arena::configure) may set anew before the arena's first
/// use, beside calls that do not read it.
pub(crate) struct Settled(UnsafeCell<Config>);

// SAFETY: `settle` is alone with the configuration, by its caller's promise.
unsafe impl Sync for Settled {}

// A configuration is written whole.
impl RefUnwindSafe for Settled {}

impl Settled {
    pub(crate) const fn new(config: Config) -> Settled {
        Settled(UnsafeCell::new(config))
    }

    /// # Safety
    /// Nobody reads the configuration meanwhile.
    pub(crate) unsafe fn settle(&self, config: Config) {
        // SAFETY: the caller's promise.
        unsafe { *self.0.get() = config };
    }
}

impl Deref for Settled {
    type Target = Config;

    fn deref(&self) -> &Config {
        // SAFETY: written by `settle` alone, whose caller promises that nobody reads.
        unsafe { &*self.0.get() }
    }
}
