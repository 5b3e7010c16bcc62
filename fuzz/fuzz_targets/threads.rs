//! Threads that allocate, send each other blocks, free and exit in any order leave what a model says.
#![no_main]

use std::sync::Mutex;

use arbitrary::Arbitrary;
use arenal_fuzz::block::Block;
use arenal_fuzz::setting::{Setting, Size};
use arenal_fuzz::steps::Steps;
use libfuzzer_sys::fuzz_target;

const THREADS: usize = 3;

#[derive(Arbitrary, Debug)]
enum Op {
    /// So many blocks for oneself.
    Keep {
        size: Size,
        align: u8,
        count: u8,
    },
    /// So many blocks for another thread.
    Send {
        size: Size,
        align: u8,
        count: u8,
        to: u8,
    },
    /// Passes so many of one's own blocks on.
    Pass {
        count: u8,
        to: u8,
    },
    /// Frees so many of one's own blocks.
    Free {
        count: u8,
    },
    /// Frees what others sent.
    Receive {
        count: u8,
    },
    /// Adopts what others sent.
    Adopt {
        count: u8,
    },
    Resize {
        which: u8,
        size: Size,
    },
    Trim,
}

#[derive(Arbitrary, Debug)]
struct Input {
    setting: Setting,
    /// Each thread does those with its number, in order.
    steps: Steps<(u8, Op)>,
}

type Mailboxes = [Mutex<Vec<Block>>; THREADS];

fn locked(mailbox: &Mutex<Vec<Block>>) -> std::sync::MutexGuard<'_, Vec<Block>> {
    mailbox.lock().expect("no thread panics with the lock")
}

fn take(from: &mut Vec<Block>, count: u8) -> Vec<Block> {
    from.split_off(from.len().saturating_sub(count as usize * 2))
}

/// One thread's life; the blocks it still has at its end.
fn live(arena: &arenal::Arena, mailboxes: &Mailboxes, me: usize, steps: &[(u8, Op)]) -> Vec<Block> {
    let mut own: Vec<Block> = Vec::new();
    let mut seed = (me as u64) << 40;
    let mut allocate = |size: Size, align: u8, count: u8| {
        let (layout, mut new) = (size.layout(align), Vec::new());
        for _ in 0..(count as usize).min((1 << 20) / (layout.size() + 1) + 1) {
            seed += 1 << 20;
            // A refusal is any thread's fault.
            let Ok(ptr) = arena.allocate(layout) else { break };
            new.push(Block::new(arena, ptr, layout, seed));
        }
        new
    };
    for (_, op) in steps.iter().filter(|(thread, _)| *thread as usize % THREADS == me) {
        match *op {
            Op::Keep { size, align, count } => own.extend(allocate(size, align, count)),
            Op::Send { size, align, count, to } => {
                let new = allocate(size, align, count);
                locked(&mailboxes[to as usize % THREADS]).extend(new);
            }
            Op::Pass { count, to } => {
                let passed = take(&mut own, count);
                locked(&mailboxes[to as usize % THREADS]).extend(passed);
            }
            Op::Free { count } => take(&mut own, count).into_iter().for_each(|block| block.free(arena, count)),
            Op::Receive { count } => {
                let received = take(&mut locked(&mailboxes[me]), count);
                received.into_iter().for_each(|block| block.free(arena, count));
            }
            Op::Adopt { count } => own.extend(take(&mut locked(&mailboxes[me]), count)),
            Op::Resize { which, size } if size.bytes() > 0 && !own.is_empty() => {
                let at = which as usize % own.len();
                let block = own.swap_remove(at);
                let (Ok(block) | Err(block)) =
                    if block.layout().size() == 0 { Err(block) } else { block.resize(arena, size.bytes()) };
                own.push(block);
            }
            Op::Resize { .. } => {}
            Op::Trim => {
                arena.trim();
            }
        }
    }
    own
}

fuzz_target!(|input: Input| {
    let arena = input.setting.arena();
    let mailboxes = Mailboxes::default();
    let mut blocks: Vec<Block> = std::thread::scope(|scope| {
        let (arena, mailboxes, steps) = (&arena, &mailboxes, &input.steps.0);
        let threads: Vec<_> = (0..THREADS).map(|me| scope.spawn(move || live(arena, mailboxes, me, steps))).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    blocks.extend(mailboxes.into_iter().flat_map(|mailbox| mailbox.into_inner().expect("no panic")));
    let sum = |inside: bool| blocks.iter().filter(|block| block.inside() == inside).map(|b| b.span().1).sum::<usize>();
    let info = arena.info();
    assert_eq!((info.allocated, info.system), (sum(true), sum(false)), "{info:?}");
    arena.verify();
    let mut spans: Vec<_> = blocks.iter().map(Block::span).collect();
    spans.sort_unstable();
    assert!(spans.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "two live blocks overlap");
    for (way, block) in blocks.into_iter().enumerate() {
        block.free(&arena, way as u8);
    }
    let info = arena.info();
    assert_eq!((info.allocated, info.system), (0, 0), "{info:?}");
    arena.verify();
    arena.trim();
    assert_eq!(arena.info().heap, 0, "{arena}");
});
