//! What a language server does: files parsed by several threads, and the old trees dropped by another.

use allocator::{Checksum, input, measure};
use ra_ap_syntax::{AstNode, Edition, Parse, SourceFile};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

const PARSERS: usize = 2;
const ROUNDS: usize = 3;
/// Trees that live at a time.
const LIVE: usize = 400;

fn main() {
    let sources = input::sources();
    measure(|| {
        let next = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel::<(u64, Parse<SourceFile>)>();
        thread::scope(|scope| {
            for _ in 0..PARSERS {
                let (sender, next, sources) = (sender.clone(), &next, &sources);
                scope.spawn(move || {
                    loop {
                        // Relaxed: a number to be handed out once, and nothing else.
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= ROUNDS * sources.len() {
                            return;
                        }
                        let tree = SourceFile::parse(sources[number % sources.len()], Edition::Edition2024);
                        let shape = tree.tree().syntax().descendants().fold(0_u64, |sum, node| {
                            sum.wrapping_mul(31).wrapping_add(u64::from(u32::from(node.text_range().len())))
                        });
                        sender.send((Checksum::of((number, shape)), tree)).expect("the receiver lives as long");
                    }
                });
            }
            drop(sender);
            // The collector is the third thread: it frees what the parsers have allocated.
            let collector = scope.spawn(move || {
                let mut live = VecDeque::new();
                let mut total = 0_u64;
                for (sum, tree) in receiver {
                    total = total.wrapping_add(sum);
                    live.push_back(tree);
                    if live.len() > LIVE {
                        live.pop_front();
                    }
                }
                (total, live)
            });
            collector.join().expect("it does not panic")
        })
    });
}
