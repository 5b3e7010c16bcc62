//! The standard library's own customers.

use crate::Row;
use crate::meter::{median, timed};
use crate::rng::Rng;
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::hint::black_box;

pub(crate) const ROWS: &[Row] = &[
    Row::time("btree", "BTreeMap: one of 100,000 inserted and removed", btree),
    Row::time("hashmap", "HashMap<String, String>: one of 50,000 inserted, half replaced", hashmap),
    Row::time("strings", "format!, split, collect, join", strings),
];

fn btree() -> f64 {
    const KEYS: usize = 100_000;
    median(5, KEYS, || {
        let mut rng = Rng::new(12);
        let keys: Vec<u64> = (0..KEYS).map(|_| rng.draw()).collect();
        timed(|| {
            let mut map: BTreeMap<u64, [u64; 2]> = keys.iter().map(|&key| (key, [key; 2])).collect();
            for key in keys.iter().step_by(2) {
                assert!(map.remove(key).is_some());
            }
            for &key in keys.iter().step_by(4) {
                map.insert(key, [0; 2]);
            }
            assert_eq!(map.len(), KEYS * 3 / 4);
        })
    })
}

/// Without the random seed of the usual hasher: the same map for every allocator.
type Map<K, V> = HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

fn hashmap() -> f64 {
    const KEYS: usize = 50_000;
    median(5, KEYS, || {
        timed(|| {
            let mut map: Map<String, String> = Map::default();
            for i in 0..KEYS {
                map.insert(format!("user:{i}:profile"), "name".repeat(i % 32));
            }
            for i in (0..KEYS).step_by(2) {
                map.insert(format!("user:{i}:profile"), String::from("gone"));
            }
            assert_eq!(map.len(), KEYS);
        })
    })
}

fn strings() -> f64 {
    const LINES: usize = 150_000;
    median(5, LINES, || {
        timed(|| {
            for i in 0..LINES {
                let line = format!("{i},{},{}", i * 31, "field".to_owned() + "-of-text");
                let fields: Vec<String> = line.split(',').map(str::to_uppercase).collect();
                assert_eq!(black_box(fields.join(";")).len(), line.len());
            }
        })
    })
}
