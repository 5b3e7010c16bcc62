//! Promise: a memory call the kernel refuses is out of memory, not a crash; blocks stay intact and freeable.

mod common;

use std::alloc::GlobalAlloc;
use std::ffi::c_long;

use arenal::{Arena, Config, HugePages};
use common::keeper::{beside_a_keeper, block};
use common::{Block, Chain, KIB, MIB, Rng, bounded, in_fork, layout};

const ADVISE: &[c_long] = &[libc::SYS_madvise];
const PROTECT: &[c_long] = &[libc::SYS_mprotect];
const MAP: &[c_long] = &[libc::SYS_mmap, libc::SYS_mremap];
const UNMAP: &[c_long] = &[libc::SYS_munmap];
const ALL: &[c_long] =
    &[libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_madvise, libc::SYS_mremap, libc::SYS_munmap, libc::SYS_mincore];

/// From now on these system calls of this thread fail with `errno`.
fn refuse(calls: &[c_long], errno: i32) {
    let rule = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let mut rules = vec![rule(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0)];
    for &call in calls {
        rules.push(rule(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32, 0, 1));
        rules.push(rule(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno as u32, 0, 0));
    }
    rules.push(rule(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0));
    let program = libc::sock_fprog { len: rules.len() as u16, filter: rules.as_mut_ptr() };
    // SAFETY: the program is valid while the call lasts, and only restricts this process, which a test forked.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let set = libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program);
        assert_eq!(set, 0, "{}", std::io::Error::last_os_error());
    }
}

fn errno() -> i32 {
    std::io::Error::last_os_error().raw_os_error().expect("errno")
}

fn set_errno(value: i32) {
    // SAFETY: the calling thread's own `errno`.
    unsafe { *libc::__errno_location() = value };
}

/// Mixed sizes until `limit` blocks or 50 refusals in a row; both entries must refuse in their own way.
fn take(arena: &Arena, rng: &mut Rng, blocks: &mut Vec<Block>, limit: usize) {
    let (mut refused, mut taken) = (0, 0);
    while refused < 50 && taken < limit && blocks.len() < blocks.capacity() {
        let max = if rng.below(20) == 0 { 2 * MIB } else { 16 * KIB };
        let layout = layout(rng.size(max), 8);
        let zeroed = rng.below(4) == 0;
        let seed = rng.word();
        match if zeroed { Block::zeroed(arena, layout, seed) } else { Block::new(arena, layout, seed) } {
            Some(block) => {
                blocks.push(block);
                (refused, taken) = (0, taken + 1);
            }
            None => refused += 1,
        }
    }
}

/// Allocates `warm` blocks, loses the system calls, and goes on as well as it can.
fn live_through(warm: usize, calls: &[c_long], errno_given: i32, huge: HugePages) {
    let config = Config::new(64 * MIB).system_above(64 * MIB).system_limit(0).huge_pages(huge);
    let arena = Arena::with_config(config);
    let mut rng = Rng::new(warm as u64);
    let mut blocks: Vec<Block> = Vec::with_capacity(30_000);
    take(&arena, &mut rng, &mut blocks, warm);
    assert_eq!(blocks.len(), warm, "the warm-up fits");

    refuse(calls, errno_given);
    take(&arena, &mut rng, &mut blocks, usize::MAX);
    blocks.iter().for_each(Block::check);
    let info = arena.info();
    assert!(info.heap <= info.capacity && info.allocated <= info.heap, "{info:?}");
    for block in blocks.iter_mut().take(200) {
        let size = block.layout().size();
        block.resize(&arena, size * 2); // refused or not: `resize` checks the contents
        block.resize(&arena, size.div_ceil(2));
    }
    rng.shuffle(&mut blocks);
    let half = blocks.len() / 2;
    for block in blocks.drain(half..) {
        set_errno(4242);
        block.free(&arena);
        assert_eq!(errno(), 4242, "a free under refusal changed errno");
    }
    let before = blocks.len();
    take(&arena, &mut rng, &mut blocks, usize::MAX);
    assert!(warm == 0 || blocks.len() > before, "nothing of the freed half serves again");
    let heap = arena.info().heap;
    let given_back = arena.trim();
    assert_eq!(arena.info().heap, heap - given_back);
    for block in blocks.drain(..) {
        set_errno(4242);
        block.free(&arena);
        assert_eq!(errno(), 4242, "a free under refusal changed errno");
    }
    assert_eq!(arena.info().allocated, 0);
    take(&arena, &mut rng, &mut blocks, 1000);
    assert!(warm < 100 || !blocks.is_empty(), "an empty arena with memory serves nothing");
    // SAFETY: a layout of non-zero size that no arena of this capacity serves.
    assert!(unsafe { GlobalAlloc::alloc(&arena, layout(1 << 40, 8)) }.is_null());
    common::verify(&arena);
    // SAFETY: no block is used afterwards.
    unsafe { arena.release() };
    drop(arena);
}

#[test]
fn from_the_nth_call_on_everything_is_refused() {
    common::in_child("from_the_nth_call_on_everything_is_refused", || {
        for warm in [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1500] {
            for huge in [HugePages::Never, HugePages::Always] {
                in_fork(|| live_through(warm, ALL, libc::ENOMEM, huge));
            }
        }
    });
}

#[test]
fn each_call_refused_alone() {
    common::in_child("each_call_refused_alone", || {
        for calls in [ADVISE, PROTECT, MAP, UNMAP] {
            for warm in [0, 1, 100, 1000] {
                in_fork(|| live_through(warm, calls, libc::ENOMEM, HugePages::Auto));
            }
        }
    });
}

/// Kernels without transparent huge pages answer `EINVAL`: advice is only advice.
#[test]
fn nothing_depends_on_advice() {
    common::in_child("nothing_depends_on_advice", || {
        for huge in [HugePages::Auto, HugePages::Always, HugePages::Never] {
            for errno in [libc::EINVAL, libc::ENOSYS, libc::EAGAIN] {
                in_fork(|| {
                    let config = Config::new(64 * MIB).system_above(64 * MIB).huge_pages(huge);
                    let arena = Arena::with_config(config);
                    refuse(ADVISE, errno);
                    for slab in [64, 4096, 32 * KIB] {
                        let chain = Chain::fill(&arena, slab);
                        chain.assert_share(&arena, "without madvise");
                        chain.free(&arena);
                        let heap = arena.info().heap;
                        let given_back = arena.trim();
                        assert_eq!(arena.info().heap, heap - given_back);
                        let again = Block::zeroed(&arena, layout(MIB, 8), 3).expect("memory after a failed trim");
                        again.free(&arena);
                    }
                });
            }
        }
    });
}

/// In-place and moving `realloc` with `mremap` refused still moves the bytes.
#[test]
fn realloc_without_mremap() {
    common::in_child("realloc_without_mremap", || {
        in_fork(|| {
            let arena = bounded(256 * MIB);
            refuse(&[libc::SYS_mremap], libc::ENOMEM);
            let mut block = Block::new(&arena, layout(4 * MIB, 8), 1).expect("memory");
            let beside = Block::new(&arena, layout(4 * MIB, 8), 2).expect("memory");
            for size in [8, 16, 48, 2] {
                assert!(block.resize(&arena, size * MIB), "to {size} MiB");
            }
            block.free(&arena);
            beside.free(&arena);
        });
    });
}

/// Where every call is refused that `realloc` could make, the block stays, and nothing is taken for lost.
#[test]
fn realloc_without_any_memory_call() {
    common::in_child("realloc_without_any_memory_call", || {
        for errno in [libc::EPERM, libc::ENOSYS] {
            in_fork(|| {
                let arena = Arena::with_config(Config::new(64 * MIB).huge_pages(HugePages::Never));
                Block::new(&arena, layout(24 * MIB, 8), 1).expect("memory").free(&arena);
                arena.trim(); // the space is committed now, and no page of it is there
                let mut block = Block::new(&arena, layout(2 * MIB, 8), 2).expect("memory");
                let beside = Block::new(&arena, layout(2 * MIB, 8), 4).expect("memory");
                refuse(&[ALL, &[libc::SYS_msync]].concat(), errno);
                block.resize(&arena, 5 * MIB); // refused or not: `resize` checks the contents
                block.free(&arena);
                beside.free(&arena);
                common::verify(&arena);
            });
        }
    });
}

/// The fence of all threads, without which nobody takes back what another thread keeps. Refused from the beginning, it
/// is done without.
#[test]
fn kept_spans_when_the_barrier_is_refused() {
    common::in_child("kept_spans_when_the_barrier_is_refused", || {
        for (early, errno) in [(true, libc::ENOSYS), (true, libc::EPERM), (false, libc::EPERM)] {
            in_fork(|| {
                let arena = bounded(64 * MIB);
                let fill = || std::iter::from_fn(|| Block::new(&arena, layout(240 * KIB, 8), 1)).collect::<Vec<_>>();
                if early {
                    refuse(&[libc::SYS_membarrier], errno);
                }
                let blocks = fill();
                let count = blocks.len();
                if !early {
                    refuse(&[libc::SYS_membarrier], errno);
                }
                blocks.into_iter().for_each(|block| block.free(&arena));
                beside_a_keeper(&arena, &[240 * KIB, 200 * KIB], || {
                    let blocks = fill();
                    // One has no place beside the pool of a small block.
                    let missing = if early { 0..=1 } else { 2..=3 };
                    assert!(missing.contains(&(count - blocks.len())), "{} of {count}", blocks.len());
                    blocks.into_iter().for_each(|block| block.free(&arena));
                });
                block(&arena, MIB).free(&arena);
                common::verify(&arena);
            });
        }
    });
}
