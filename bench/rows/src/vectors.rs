//! `realloc`, as `Vec` uses it.

use crate::Row;
use crate::meter::{median, timed};
use std::hint::black_box;

pub(crate) const ROWS: &[Row] = &[
    Row::time("vec-double", "push, doubling to 8 MiB", || double(1 << 20, 8)),
    Row::time("vec-double-large", "push, doubling to 256 MiB", || double(1 << 25, 1)),
    Row::time("vec-small", "push, doubling to 32 elements", || double(32, 200_000)),
    Row::time("vec-plus-one", "push with reserve_exact(1), to 128 KiB", plus_one),
];

fn double(length: usize, vectors: usize) -> f64 {
    median(3, length * vectors, || {
        timed(|| {
            for _ in 0..vectors {
                let mut vector = Vec::new();
                for i in 0..length as u64 {
                    vector.push(i);
                    black_box(vector.as_ptr());
                }
                assert_eq!(vector[length / 2], length as u64 / 2);
            }
        })
    })
}

fn plus_one() -> f64 {
    const LENGTH: usize = 16 << 10;
    const VECTORS: usize = 16;
    median(3, LENGTH * VECTORS, || {
        timed(|| {
            for _ in 0..VECTORS {
                let mut vector = Vec::new();
                for i in 0..LENGTH as u64 {
                    vector.reserve_exact(1);
                    vector.push(i);
                    black_box(vector.as_ptr());
                }
                assert_eq!(vector[LENGTH / 2], LENGTH as u64 / 2);
            }
        })
    })
}
