//! Incremental dataflow on two workers: distances in a graph kept up to date while edges come and go.

use allocator::{Checksum, Input, measure};
use differential_dataflow::input::Input as _;
use differential_dataflow::operators::Iterate as _;
use std::sync::{Arc, Mutex};
use timely::dataflow::operators::probe::Handle;

const WORKERS: usize = 2;
const NODES: usize = 12_000;
const EDGES: usize = 30_000;
const ROUNDS: usize = 25;
const BATCH: usize = 150;

fn main() {
    measure(|| {
        // Changes to the count of nodes at each distance, each as a digest: their sum does not depend on the order.
        let total = Arc::new(Mutex::new(0_u64));
        let sum = total.clone();
        let guards = timely::execute(timely::Config::process(WORKERS), move |worker| work(worker, &sum)).expect("workers start");
        drop(guards);
        let total = *total.lock().expect("no worker panics");
        (total, ())
    });
}

fn work(worker: &mut timely::worker::Worker, total: &Arc<Mutex<u64>>) {
    let mut probe = Handle::new();
    let total = total.clone();
    let (mut roots, mut graph) = worker.dataflow(|scope| {
        let (root_input, roots) = scope.new_collection::<u32, isize>();
        let (edge_input, edges) = scope.new_collection::<(u32, u32), isize>();
        let nodes = roots.map(|node| (node, 0_u32));
        nodes
            .clone()
            .iterate(|scope, inner| {
                let (nodes, edges) = (nodes.enter(scope), edges.enter(scope));
                inner
                    .join_map(edges, |_, distance, to| (*to, distance + 1))
                    .concat(nodes)
                    .reduce(|_, near, out| out.push((*near[0].0, 1)))
            })
            .map(|(_, distance)| distance)
            .consolidate()
            .inspect(move |change| {
                let mut total = total.lock().expect("no worker panics");
                *total = total.wrapping_add(Checksum::of((change.0, change.1, change.2)));
            })
            .probe_with(&mut probe);
        (root_input, edge_input)
    });
    roots.insert(0);
    roots.close();
    let (mut added, mut removed) = (Input::new(7), Input::new(7));
    let edge = |input: &mut Input| (input.below(NODES) as u32, input.below(NODES) as u32);
    let first = worker.index() == 0;
    if first {
        (0..EDGES).for_each(|_| graph.insert(edge(&mut added)));
    }
    for round in 1..=ROUNDS {
        graph.advance_to(round as u64);
        graph.flush();
        worker.step_while(|| probe.less_than(graph.time()));
        if first {
            for _ in 0..BATCH {
                graph.insert(edge(&mut added));
                graph.remove(edge(&mut removed));
            }
        }
    }
}
