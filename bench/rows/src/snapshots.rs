//! Persistent maps: each change copies a path of the tree, and old versions live on as snapshots.

use crate::Row;
use crate::meter::{median, timed};
use crate::rng::Rng;
use rpds::RedBlackTreeMapSync;
use std::collections::VecDeque;
use std::sync::mpsc::sync_channel;
use std::thread::scope;

pub(crate) const ROWS: &[Row] = &[
    Row::time("snapshots", "change of a persistent map of 20,000, 32 snapshots kept", alone),
    Row::time("snapshots-reader", "the same, snapshots read and dropped by another thread", shared),
];

type Map = RedBlackTreeMapSync<u64, u64>;

const KEYS: usize = 20_000;
const CHANGES: usize = 100_000;
const BETWEEN: usize = 100;
const KEPT: usize = 32;

fn filled() -> Map {
    (0..KEYS as u64).map(|key| (key, key)).collect()
}

/// Makes all changes and passes each snapshot on.
fn change(map: &mut Map, mut keep: impl FnMut(Map)) {
    let mut rng = Rng::new(13);
    for i in 0..CHANGES {
        map.insert_mut(rng.below(KEYS) as u64, i as u64);
        if i % BETWEEN == 0 {
            keep(map.clone());
        }
    }
    assert_eq!(map.size(), KEYS);
}

fn alone() -> f64 {
    let mut map = filled();
    let mut kept = VecDeque::with_capacity(KEPT + 1);
    median(3, CHANGES, || {
        timed(|| {
            change(&mut map, |snapshot| {
                kept.push_back(snapshot);
                if kept.len() > KEPT {
                    kept.pop_front();
                }
            });
        })
    })
}

fn shared() -> f64 {
    let mut map = filled();
    median(3, CHANGES, || {
        let (publish, published) = sync_channel(KEPT);
        timed(|| {
            scope(|scope| {
                scope.spawn(move || {
                    let mut rng = Rng::new(14);
                    for snapshot in published {
                        let map: Map = snapshot;
                        assert!((0..50).all(|_| map.contains_key(&(rng.below(KEYS) as u64))));
                    }
                });
                change(&mut map, |snapshot| publish.send(snapshot).expect("the reader takes all"));
                drop(publish);
            });
        })
    })
}
