//! Buffers of equal size, used side by side.

use crate::Row;
use crate::meter::{median, timed};
use std::hint::black_box;

pub(crate) const ROWS: &[Row] = &[
    Row::time("vec-turns", "push, 64 vectors by turns, doubling to 64 KiB", turns),
    Row::time("matrix", "step of a product of matrices, 512 rows of 4 KiB each", product),
];

fn turns() -> f64 {
    const VECTORS: usize = 64;
    const LENGTH: u64 = 8 << 10;
    const TIMES: usize = 8;
    median(3, TIMES * VECTORS * LENGTH as usize, || {
        timed(|| {
            for _ in 0..TIMES {
                let mut vectors: Vec<Vec<u64>> = vec![Vec::new(); VECTORS];
                for i in 0..LENGTH {
                    for vector in &mut vectors {
                        vector.push(i);
                    }
                }
                assert_eq!(black_box(&vectors)[VECTORS / 2].iter().sum::<u64>(), LENGTH * (LENGTH - 1) / 2);
            }
        })
    })
}

fn product() -> f64 {
    const LENGTH: usize = 512;
    let matrix = |seed: usize| -> Vec<Vec<f64>> {
        (0..LENGTH).map(|row| (0..LENGTH).map(|column| (row * column % 17 + seed) as f64).collect()).collect()
    };
    let (left, right, mut result) = (matrix(1), matrix(2), matrix(3));
    median(3, LENGTH * LENGTH * LENGTH, || {
        timed(|| {
            for (row, left) in result.iter_mut().zip(&left) {
                for (column, entry) in row.iter_mut().enumerate() {
                    *entry = left.iter().zip(&right).map(|(factor, right)| factor * right[column]).sum();
                }
            }
            assert!(black_box(&result)[LENGTH / 2][LENGTH / 2] > 0.0);
        })
    })
}
