//! Arbitrary arenas, sizes and layouts.

use std::alloc::Layout;

use arbitrary::Arbitrary;
use arenal::{Arena, Config, Exhausted, HugePages};

/// How an arena is configured.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Setting {
    /// Steps of 1 MiB and some bytes above the smallest.
    more: u8,
    odd: u16,
    /// In 64ths of the capacity.
    above: Option<u8>,
    limit: Option<u16>,
    overflows: bool,
    huge: u8,
}

impl Setting {
    /// Bytes asked for.
    fn asked(&self) -> usize {
        Arena::MIN_CAPACITY + ((self.more as usize % 29) << 20) + self.odd as usize
    }

    /// Larger layouts go to the system.
    pub fn above(&self) -> Option<usize> {
        self.above.map(|share| match share % 80 {
            exact @ 0..16 => exact as usize * 67,
            share => (share as usize - 16) * self.asked() / 64,
        })
    }

    /// Most bytes the system may hold.
    pub fn limit(&self) -> usize {
        self.limit.map_or(usize::MAX, |steps| steps as usize * 97)
    }

    /// Whether a full arena asks the system.
    pub fn overflows(&self) -> bool {
        self.overflows
    }

    /// A new arena.
    pub fn arena(&self) -> Arena {
        // Seldom always: clearing them is most of a run's time.
        let huge = match self.huge {
            0..128 => HugePages::Auto,
            128..248 => HugePages::Never,
            _ => HugePages::Always,
        };
        let mut config = Config::new(self.asked()).huge_pages(huge);
        if let Some(bytes) = self.above() {
            config = config.system_above(bytes);
        }
        if self.limit.is_some() {
            config = config.system_limit(self.limit());
        }
        if self.overflows {
            config = config.on_exhausted(Exhausted::System);
        }
        Arena::with_config(config)
    }
}

/// A size up to 4 MiB; each magnitude is as likely as any other up to 128 KiB, and less so above.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub struct Size(u8, u16);

impl Size {
    /// In bytes; may be 0.
    pub fn bytes(self) -> usize {
        let large = self.0 >= 246;
        let top = 1_usize << if large { 17 + self.0 % 6 } else { self.0 % 18 };
        top - 1 + ((self.1 as usize * top) >> 16)
    }

    /// With an alignment, mostly a small one.
    pub fn layout(self, align: u8) -> Layout {
        let shift = if align < 200 { align % 7 } else { align % 23 };
        Layout::from_size_align(self.bytes(), 1 << shift).expect("small enough to be valid")
    }
}
