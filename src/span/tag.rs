//! The tag of a unit: one word that says whose it is and where its pool's record lies.
//!
//! | tag                          | unit                                              |
//! |------------------------------|---------------------------------------------------|
//! | `primary | owner | address`  | of a pool; the address of the pool's record        |
//! | [`INSIDE`]                   | inside of a free or large span, or never handed out|
//! | [`FREE_HEAD`], [`FREE_TAIL`] | first and last of a free span of several units     |
//! | [`FREE_ONE`]                 | a free span of one unit                            |
//! | [`TAKEN`]                    | first of a span that is being set up               |
//! | [`LARGE`]                    | first of a large request's span                    |
//! | [`KEPT`]                     | first of such a span that is free and kept          |
//!
//! A thread compares a tag with its own by one exclusive-or: the result is the address of the record if the pool is its
//! own, and larger otherwise. Of a tag's bits, 0 to 47 are the address and 48 to 61 the owner. Bit 62 is in a thread's
//! own tag, where it has magazines, and in no unit's: its own pools then differ by that bit alone. Bit 63 tells the
//! arena that threads keep in thread-local storage, the primary one, from all others, so that equal owner numbers of
//! two arenas never meet.

pub(crate) const INSIDE: u64 = 0;
pub(crate) const FREE_HEAD: u64 = 1;
pub(crate) const FREE_TAIL: u64 = 2;
pub(crate) const FREE_ONE: u64 = 3;
pub(crate) const TAKEN: u64 = 4;
pub(crate) const LARGE: u64 = 5;
pub(crate) const KEPT: u64 = 6;

/// Bits of an address, on every 64-bit machine whose programs do not ask for more.
const OWNER_SHIFT: u32 = 48;
const PRIMARY: u64 = 1 << 63;
/// In no unit's tag: what the owner frees goes to magazines.
const LOADS: u64 = 1 << 62;
/// Number of heaps an arena can tell apart.
pub(crate) const MAX_OWNERS: u32 = 1 << 14;

/// The owner's part of a tag; never matches a unit that is not of this owner's pools.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct OwnerTag(u64);

impl OwnerTag {
    /// `owner` counts from 1.
    pub(crate) const fn new(owner: u32, primary: bool) -> OwnerTag {
        debug_assert!(owner > 0 && owner < MAX_OWNERS);
        OwnerTag((owner as u64) << OWNER_SHIFT | if primary { PRIMARY } else { 0 })
    }

    pub(crate) const fn from_bits(bits: u64) -> OwnerTag {
        OwnerTag(bits)
    }

    #[inline(always)]
    pub(crate) const fn bits(self) -> u64 {
        self.0
    }

    /// Tag of the units of the pool whose record lies at `record`.
    pub(crate) const fn of_pool(self, record: usize) -> u64 {
        debug_assert!(record >> OWNER_SHIFT == 0);
        self.0 | record as u64
    }

    /// The tag of an owner who has magazines, or has none.
    pub(crate) const fn loading(self, loads: bool) -> OwnerTag {
        OwnerTag(self.0 & !LOADS | if loads { LOADS } else { 0 })
    }

    pub(crate) const fn is_loading(self) -> bool {
        self.0 & LOADS != 0
    }

    /// Address of the pool's record, if the unit is of a pool of this owner's.
    pub(crate) const fn owned_record(self, tag: u64) -> Option<usize> {
        match self.loading(false).own_record(tag) {
            Ok(record) => Some(record),
            Err(_) => None,
        }
    }

    /// Address of the pool's record, if the unit is of a pool of this owner's, and it has no magazines; else what
    /// [`OwnerTag::plainly_anothers`], [`OwnerTag::both_primary`] and [`OwnerTag::is_loaded`] are asked about.
    #[inline(always)]
    pub(crate) const fn own_record(self, tag: u64) -> Result<usize, u64> {
        let rest = tag ^ self.0;
        if rest >> OWNER_SHIFT == 0 { Ok(rest as usize) } else { Err(rest) }
    }

    /// Whether the unit is of a pool of this owner's, who has magazines.
    #[inline(always)]
    pub(crate) const fn is_loaded(rest: u64) -> bool {
        (rest & !LOADS) >> OWNER_SHIFT == 0
    }

    /// Whether the unit is of another owner's pool, for an owner of the primary arena without magazines.
    #[inline(always)]
    pub(crate) const fn plainly_anothers(rest: u64) -> bool {
        rest < LOADS
    }

    /// Whether the unit is of a pool of the primary arena, for an owner of that arena.
    #[inline(always)]
    pub(crate) const fn both_primary(rest: u64) -> bool {
        rest < PRIMARY
    }
}

/// Owner's number and address of the record of a pool's unit; `None` for any other unit.
#[inline(always)]
pub(crate) const fn pool_of(tag: u64) -> Option<(u32, usize)> {
    let owner = (tag & !PRIMARY) >> OWNER_SHIFT;
    if owner == 0 { None } else { Some((owner as u32, (tag & ((1 << OWNER_SHIFT) - 1)) as usize)) }
}

/// Whether the unit is the first of a large request's span, in use or kept.
pub(crate) const fn starts_large(tag: u64) -> bool {
    tag == LARGE || tag == KEPT
}

/// Whether the unit is the first of a free span.
pub(crate) const fn starts_free(tag: u64) -> bool {
    tag == FREE_HEAD || tag == FREE_ONE
}

/// Whether the unit is the last of a free span.
pub(crate) const fn ends_free(tag: u64) -> bool {
    tag == FREE_TAIL || tag == FREE_ONE
}
