//! One block, allocated and freed at once: the length of the two fast paths.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, timed};
use crate::sizes::Sizes;
use std::hint::black_box;

pub(crate) const ROWS: &[Row] = &[
    Row::time("pair-16", "Box of 16 B, made and dropped", constant::<16>),
    Row::time("pair-64", "Box of 64 B, made and dropped", constant::<64>),
    Row::time("pair-1k", "Box of 1 KiB, made and dropped", constant::<1024>),
    Row::time("pair-64-runtime", "64 B, size unknown to the compiler", || runtime(Sizes::equal(64))),
    Row::time("pair-mixed", "16 B to 1 KiB, size unknown to the compiler", || runtime(Sizes::mixed(16, 1024, 1))),
];

const PAIRS: usize = 4_000_000;

fn constant<const N: usize>() -> f64 {
    median(5, PAIRS, || timed(|| (0..PAIRS).for_each(|_| pair::<N>())))
}

#[inline]
pub fn pair<const N: usize>() {
    let mut block = Box::<[u8; N]>::new_uninit();
    // SAFETY: N is at least 1, so the first byte is the block's.
    unsafe { block.as_mut_ptr().cast::<u8>().write(1) };
    // The address escapes by copy: passing the box itself through would add a trip through the stack to each pair.
    black_box(block.as_ptr());
}

fn runtime(mut sizes: Sizes) -> f64 {
    median(5, PAIRS, || timed(|| (0..PAIRS).for_each(|_| drop(Block::new(sizes.draw())))))
}
