//! `alloc_zeroed`: who knows which memory is still zero need not clear it.

use crate::Row;
use crate::meter::{median, timed};
use std::hint::black_box;

const OPERATION: &str = "zeroed buffer, one byte written, freed";

pub(crate) const ROWS: &[Row] = &[
    Row::time("zeroed-64", OPERATION, || zeroed(64, 3_000_000)),
    Row::time("zeroed-4k", OPERATION, || zeroed(4 << 10, 500_000)),
    Row::time("zeroed-64k", OPERATION, || zeroed(64 << 10, 20_000)),
    Row::time("zeroed-1m", OPERATION, || zeroed(1 << 20, 3_000)),
];

fn zeroed(size: usize, count: usize) -> f64 {
    median(3, count, || {
        timed(|| {
            for _ in 0..count {
                let mut buffer = vec![0u8; black_box(size)];
                assert_eq!(buffer[size / 2], 0);
                buffer[size / 2] = 1;
                black_box(buffer.as_ptr());
            }
        })
    })
}
