//! Making used spans read as zero.
//!
//! Who asks for zeroed memory by the megabyte is often not going to use most of it: bit maps, tables, sparse matrices.
//! Writing zeros would back all of it with memory. So the kernel is asked which OS pages there are at all; parts where
//! they are few are given back, by which they read as zero, and elsewhere zeros are written: a page that is there is
//! cleared several times as fast as one that has to be faulted in.

use crate::os;

/// Fewer bytes are written at once: what the kernel takes to answer would be a good part of it.
const ASK_FROM: usize = 4 << 20;
/// OS pages that the kernel is asked about in one call.
const ASKED: usize = 2048;
/// OS pages that share a decision: 256 KiB where they have 4 KiB.
const GRAIN: usize = 64;
/// Fewer than one in so many are few. Measured on a virtual machine: a fault takes as long as clearing 15 to 40 pages,
/// so that for time alone one in twenty would do; the rest of the way is for the memory.
const FEW: usize = 8;

/// Clears memory that may hold old data.
///
/// # Safety
/// It is committed, and in the caller's hands alone.
pub(crate) unsafe fn wipe(start: *mut u8, bytes: usize) {
    if bytes < ASK_FROM {
        // SAFETY: the caller's promise.
        return unsafe { start.write_bytes(0, bytes) };
    }
    let page = os::page_size();
    let lead = start.align_offset(page);
    let whole = (bytes - lead) / page * page;
    // SAFETY: the caller's promise; three parts of the range, the second one of whole pages.
    unsafe {
        start.write_bytes(0, lead);
        by_pages(start.add(lead), whole, page);
        start.add(lead + whole).write_bytes(0, bytes - lead - whole);
    }
}

/// # Safety
/// As [`wipe`]; address and length are multiples of the OS page.
#[cold]
#[inline(never)]
unsafe fn by_pages(start: *mut u8, bytes: usize, page: usize) {
    let mut there = [0u8; ASKED];
    // What is decided and not yet done: all grains from `from` on, alike.
    let (mut from, mut at, mut sparse) = (0, 0, false);
    // SAFETY: the caller's promise, for both; only parts of the range are named.
    let clear = |from: usize, end: usize, sparse: bool| unsafe {
        let part = start.add(from);
        if !(sparse && os::decommit(part, end - from)) {
            part.write_bytes(0, end - from);
        }
    };
    while at < bytes {
        let asked = (bytes - at).min(ASKED * page);
        // SAFETY: the caller's promise; there is a byte for each page.
        let told = unsafe { os::resident(start.add(at), asked, &mut there[..asked / page]) };
        for grain in there[..asked / page].chunks(GRAIN) {
            // What the kernel says is a guess as to what is cheaper. Pages that it has swapped out are not there
            // either, and yet hold data: nothing is left as it is.
            let few = told && grain.iter().filter(|&&flags| flags & 1 != 0).count() * FEW < grain.len();
            if few != sparse {
                clear(from, at, sparse);
                (from, sparse) = (at, few);
            }
            at += grain.len() * page;
        }
    }
    clear(from, bytes, sparse);
}

const _: () = assert!(ASKED.is_multiple_of(GRAIN));
