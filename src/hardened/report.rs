//! What is said before the process ends: one line that names what, where, and which slab.

use core::alloc::Layout;

use crate::fatal::fatal;
use crate::heap::registry;
use crate::slab::block::{self, In, Wrong};
use crate::slab::pool::Pool;
use crate::span::map::Map;

#[cold]
#[inline(never)]
pub(super) fn wrong_address(address: usize, wrong: Wrong) -> ! {
    block::refuse(address, wrong)
}

#[cold]
#[inline(never)]
pub(super) fn double_free(address: usize, place: In) -> ! {
    fatal(format_args!("double free of {address:#x} {place}"))
}

#[cold]
#[inline(never)]
pub(super) fn overflow(address: usize, size: usize, place: In) -> ! {
    fatal(format_args!("overflow: written past the end of {address:#x}, {size} bytes {place}"))
}

/// The end of the block was written over, too.
#[cold]
#[inline(never)]
pub(super) fn long_overflow(address: usize, place: In) -> ! {
    fatal(format_args!("overflow: written past the end of {address:#x}, up to the end of its slab {place}"))
}

#[cold]
#[inline(never)]
pub(super) fn wrong_layout(address: usize, layout: Layout, held: usize, place: In) -> ! {
    let (size, align) = (layout.size(), layout.align());
    fatal(format_args!(
        "wrong layout: {address:#x} freed as {size} bytes aligned to {align}, allocated with {held} bytes {place}"
    ))
}

#[cold]
#[inline(never)]
pub(super) fn wrong_system_layout(address: usize, layout: Layout, held: usize) -> ! {
    let size = layout.size();
    fatal(format_args!("wrong layout: {address:#x} freed as {size} bytes, allocated with {held} bytes of the system"))
}

#[cold]
#[inline(never)]
pub(super) fn handed_out_twice(address: usize, place: In) -> ! {
    fatal(format_args!("corrupt free list: {address:#x} would be handed out twice {place}"))
}

#[cold]
#[inline(never)]
pub(super) fn leads_astray(address: usize) -> ! {
    fatal(format_args!("corrupt free list: it leads to {address:#x}, where no chunk of its slab begins"))
}

#[cold]
#[inline(never)]
pub(super) fn overwritten_link(chunk: usize) -> ! {
    let mut found = None;
    // Whoever holds the registry's lock may be the caller: then the slab stays unnamed.
    registry::try_with_arenas(|shared| found = found.or_else(|| place_of(shared.map(), chunk)));
    match found {
        Some(place) => {
            fatal(format_args!("write after free: the link in the free chunk {chunk:#x} was overwritten {place}"))
        }
        None => fatal(format_args!("write after free: the link in the free chunk {chunk:#x} was overwritten")),
    }
}

fn place_of(map: &Map, address: usize) -> Option<In> {
    let unit = map.unit_of(address)?;
    let (_, first) = map.pool_of(map.tag(unit))?;
    Some(In { slab: Pool::at(map, first).class().size(), pool: map.address(first) as usize })
}
