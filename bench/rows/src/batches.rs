//! Many blocks allocated, then all freed: in the order of allocation, in reverse, at random.

use crate::Row;
use crate::block::Block;
use crate::meter::{median, timed};
use crate::rng::Rng;
use crate::sizes::Sizes;

const PAIR: &str = "block allocated and freed";

pub(crate) const ROWS: &[Row] = &[
    Row::time("batch-100k-64-fifo", PAIR, || equal(100_000, Order::Fifo)),
    Row::time("batch-100k-64-lifo", PAIR, || equal(100_000, Order::Lifo)),
    Row::time("batch-100k-64-random", PAIR, || equal(100_000, Order::Random)),
    Row::time("batch-100k-mix-fifo", PAIR, || mixed(100_000, Order::Fifo)),
    Row::time("batch-100k-mix-lifo", PAIR, || mixed(100_000, Order::Lifo)),
    Row::time("batch-100k-mix-random", PAIR, || mixed(100_000, Order::Random)),
    Row::time("batch-2m-64-fifo", PAIR, || equal(2_000_000, Order::Fifo)),
    Row::time("batch-2m-64-lifo", PAIR, || equal(2_000_000, Order::Lifo)),
    Row::time("batch-2m-64-random", PAIR, || equal(2_000_000, Order::Random)),
    Row::time("batch-2m-mix-fifo", PAIR, || mixed(2_000_000, Order::Fifo)),
    Row::time("batch-2m-mix-lifo", PAIR, || mixed(2_000_000, Order::Lifo)),
    Row::time("batch-2m-mix-random", PAIR, || mixed(2_000_000, Order::Random)),
];

#[derive(Clone, Copy)]
enum Order {
    Fifo,
    Lifo,
    Random,
}

fn equal(count: usize, order: Order) -> f64 {
    batch(count, order, Sizes::equal(64))
}

fn mixed(count: usize, order: Order) -> f64 {
    batch(count, order, Sizes::mixed(16, 1024, 5))
}

fn batch(count: usize, order: Order, mut sizes: Sizes) -> f64 {
    let mut rng = Rng::new(6);
    let mut blocks = Vec::with_capacity(count);
    let repeats = if count > 1_000_000 { 3 } else { 25 };
    median(repeats, count, || {
        let allocating = timed(|| blocks.extend((0..count).map(|_| Block::new(sizes.draw()))));
        blocks.iter().step_by(97).for_each(Block::verify);
        match order {
            Order::Fifo => {}
            Order::Lifo => blocks.reverse(),
            Order::Random => rng.shuffle(&mut blocks),
        }
        allocating + timed(|| blocks.clear())
    })
}
