//! Binary trees, built and dropped whole.

use crate::Row;
use crate::meter::{median, running, timed};
use std::thread::scope;

pub(crate) const ROWS: &[Row] = &[
    Row::time("trees", "node of a binary tree made and dropped", || grow(1)),
    Row::time("trees-2", "the same on two threads, on one core", || grow(2)),
];

struct Node(Option<[Box<Node>; 2]>);

impl Node {
    fn tree(depth: usize) -> Node {
        Node((depth > 0).then(|| [(); 2].map(|()| Box::new(Node::tree(depth - 1)))))
    }

    fn count(&self) -> usize {
        1 + self.0.as_ref().map_or(0, |children| children.iter().map(|child| child.count()).sum())
    }
}

const DEPTH: usize = 16;
const TREES: usize = 8;

fn grow(threads: usize) -> f64 {
    let nodes = ((2 << DEPTH) - 1) * TREES;
    let elapsed = median(3, nodes * threads, || {
        timed(|| {
            scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| {
                        // A tree that stays, so that the others come and go beside it.
                        let kept = Node::tree(DEPTH);
                        let counted: usize = (1..TREES).map(|_| Node::tree(DEPTH).count()).sum();
                        assert_eq!(counted + kept.count(), nodes);
                    });
                }
            });
        })
    });
    elapsed * running(threads)
}
