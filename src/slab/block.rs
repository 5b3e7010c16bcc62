//! From an address to the block that begins there, by metadata alone.

use core::fmt;

use super::pool::Pool;
use crate::class::{Class, UNIT};
use crate::fatal::fatal;
use crate::span::map::Map;
use crate::span::tag;

/// A block of the arena: a chunk that has been carved, or a large span. Live or free: that is not written here.
#[cfg_attr(not(any(debug_assertions, feature = "hardened")), expect(dead_code, reason = "for the checks"))]
pub(crate) struct Block {
    pub(crate) place: In,
    /// First unit of its pool.
    pub(crate) unit: usize,
    /// Its number in the pool.
    pub(crate) index: usize,
    /// `None`: a span.
    pub(crate) class: Option<Class>,
}

/// A slab and one of its pools; of a large slab, the span.
#[derive(Clone, Copy)]
pub(crate) struct In {
    pub(crate) slab: usize,
    pub(crate) pool: usize,
}

/// Why no block begins at an address.
#[derive(Clone, Copy)]
pub(crate) enum Wrong {
    Outside,
    /// In the arena, but no slab has the memory.
    Nothing,
    /// So many bytes behind a chunk's start.
    Inside(usize, In),
    NeverCarved(In),
}

/// The block that begins at an address.
#[inline(always)]
pub(crate) fn find(map: &Map, address: usize) -> Result<Block, Wrong> {
    let unit = map.unit_of(address).ok_or(Wrong::Outside)?;
    let tag = map.tag(unit);
    let Some((_, first)) = map.pool_of(tag) else {
        let pool = map.address(unit) as usize;
        if tag != tag::LARGE || pool != address {
            return Err(inside_of_span(map, unit, address));
        }
        let slab = map.record(unit).units.get() as usize * UNIT;
        return Ok(Block { place: In { slab, pool }, unit, index: 0, class: None });
    };
    let unit = first;
    let pool = Pool::at(map, unit);
    let class = pool.class();
    let place = In { slab: class.size(), pool: map.address(unit) as usize };
    let Some((index, behind)) = pool.index_of(address - place.pool) else { return Err(Wrong::NeverCarved(place)) };
    if index >= pool.carved() as usize {
        return Err(Wrong::NeverCarved(place));
    }
    if behind != 0 {
        return Err(Wrong::Inside(behind, place));
    }
    Ok(Block { place, unit, index, class: Some(class) })
}

/// What to say of an address in a unit that no pool has.
#[cold]
#[inline(never)]
fn inside_of_span(map: &Map, unit: usize, address: usize) -> Wrong {
    let Some(first) = (0..=unit).rev().find(|&at| map.tag(at) != tag::INSIDE) else { return Wrong::Nothing };
    let slab = map.record(first).units.get() as usize * UNIT;
    let pool = map.address(first) as usize;
    if map.tag(first) != tag::LARGE || address - pool >= slab {
        return Wrong::Nothing;
    }
    Wrong::Inside(address - pool, In { slab, pool })
}

/// Ends the process over an address where no block begins.
#[cold]
#[inline(never)]
pub(crate) fn refuse(address: usize, wrong: Wrong) -> ! {
    match wrong {
        Wrong::Outside => fatal(format_args!("free of {address:#x}: not this arena's memory")),
        Wrong::Nothing => {
            fatal(format_args!("free of {address:#x}: no slab has that memory (double free, or never allocated)"))
        }
        Wrong::Inside(behind, place) => {
            fatal(format_args!("misaligned free of {address:#x}: {behind} bytes behind the start of a chunk {place}"))
        }
        Wrong::NeverCarved(place) => {
            fatal(format_args!("free of {address:#x}: that chunk was never allocated {place}"))
        }
    }
}

impl fmt::Display for In {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(slab {} B, pool {:#x})", self.slab, self.pool)
    }
}
