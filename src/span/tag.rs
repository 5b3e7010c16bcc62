//! The tag of a unit: four bytes that say who owns it and where its pool begins.
//!
//! | tag                        | unit                                              |
//! |----------------------------|---------------------------------------------------|
//! | `primary | owner | dist`   | of a pool; `dist` units behind the pool's first   |
//! | [`INSIDE`]                 | inside of a free or large span, or never handed out|
//! | [`FREE_HEAD`], [`FREE_TAIL`]| first and last of a free span of several units   |
//! | [`FREE_ONE`]               | a free span of one unit                           |
//! | [`TAKEN`]                  | first of a span that is being set up              |
//! | [`LARGE`]                  | first of a large request's span                   |
//!
//! A thread compares a tag with its own by one exclusive-or: the result is the distance if the pool is its own, and
//! more than 255 otherwise. The first bit tells the arena that threads keep in thread-local storage from all others,
//! so that equal owner numbers of two arenas never meet.

pub(crate) const INSIDE: u32 = 0;
pub(crate) const FREE_HEAD: u32 = 1;
pub(crate) const FREE_TAIL: u32 = 2;
pub(crate) const FREE_ONE: u32 = 3;
pub(crate) const TAKEN: u32 = 4;
pub(crate) const LARGE: u32 = 5;

const OWNER_SHIFT: u32 = 8;
const PRIMARY: u32 = 1 << 31;
/// Number of heaps an arena can tell apart.
pub(crate) const MAX_OWNERS: u32 = 1 << 20;

/// The owner's part of a tag; never matches a unit that is not of this owner's pools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OwnerTag(u32);

impl OwnerTag {
    /// Of a thread without a heap: equal to no pool's.
    pub(crate) const NONE: OwnerTag = OwnerTag(1 << 30);

    /// `owner` counts from 1.
    pub(crate) const fn new(owner: u32, primary: bool) -> OwnerTag {
        debug_assert!(owner > 0 && owner < MAX_OWNERS);
        OwnerTag(owner << OWNER_SHIFT | if primary { PRIMARY } else { 0 })
    }

    pub(crate) const fn from_bits(bits: u32) -> OwnerTag {
        OwnerTag(bits)
    }

    #[inline(always)]
    pub(crate) const fn bits(self) -> u32 {
        self.0
    }

    /// Tag of the unit `dist` units behind the first of a pool.
    pub(crate) const fn unit(self, dist: usize) -> u32 {
        debug_assert!(dist < 256);
        self.0 | dist as u32
    }

    /// Distance to the pool's first unit; more than 255 if the pool is not this owner's.
    #[inline(always)]
    pub(crate) const fn distance(self, tag: u32) -> u32 {
        tag ^ self.0
    }
}

/// Owner number and distance of a pool's unit; `None` for any other unit.
#[inline(always)]
pub(crate) const fn pool_of(tag: u32) -> Option<(u32, usize)> {
    let owner = (tag & !PRIMARY) >> OWNER_SHIFT;
    if owner == 0 { None } else { Some((owner, (tag & 255) as usize)) }
}

/// Whether the unit is the first of a free span.
pub(crate) const fn starts_free(tag: u32) -> bool {
    tag == FREE_HEAD || tag == FREE_ONE
}

/// Whether the unit is the last of a free span.
pub(crate) const fn ends_free(tag: u32) -> bool {
    tag == FREE_TAIL || tag == FREE_ONE
}
