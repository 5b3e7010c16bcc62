//! A bounded, fast, observable memory allocator: a static arena with a hard cap.
//!
//! ```
//! #[global_allocator]
//! static ARENA: arenal::Arena = arenal::Arena::new(4 << 30); // 4 GiB of pools, and never a byte more
//!
//! let mut too_much: Vec<u8> = Vec::new();
//! assert!(too_much.try_reserve(5 << 30).is_err());
//! println!("{}", ARENA.info());
//! ```
//!
//! An [`Arena`] takes address space once, at its first use, and memory from the operating system **pool by pool**. A
//! pool holds equal **chunks** of one **slab** (size class). When the capacity is used up, and nothing parked with
//! idle or departed threads can be recovered, a request fails: with a null pointer from `GlobalAlloc`, with
//! [`AllocError`] from the arena's own calls, with `Err` from `Vec::try_reserve`; nothing that was allocated is lost.
//!
//! # Words
//!
//! | word | meaning |
//! |---|---|
//! | arena | one bounded reservation of address space with its capacity |
//! | unit | 16 KiB of the arena, the granularity of spans |
//! | span | a run of units |
//! | slab | one size class and all its pools |
//! | pool | one span carved into equal chunks of one slab, owned by one heap |
//! | chunk | what the caller gets |
//! | coloured | of a slab whose chunks lie a cache line further apart than they are long: powers of two from 2 KiB on, and one and a half times these, in arenas of 512 MiB and more |
//! | heap | one thread's, or a departed thread's, pools and lists |
//! | local, remote free | by the owner of the chunk's pool, by another thread |
//! | fresh | never written since the OS handed it over: still zero |
//!
//! # The memory
//!
//! ```text
//!  one reservation                                                        base, 2 MiB-aligned
//! +-------+--------------+-------------+-------------------+--------------+----------------------------------+
//! | state | heap slots   | tag, class  | records           | dirty bits   | units: 16 KiB each ...           |
//! |       | one a thread | 12 B a unit | 128 B a unit      | 1 bit a unit | taken and free spans | untouched |
//! +-------+--------------+-------------+-------------------+--------------+----------------------------------+
//!             |               |             |                                  |            frontier
//!             |               |             |                                  |
//!  Slot: lists of pools,  owner, and    Pool: free list,       span of 4 units = a pool of 64 KiB
//!  inbox, spares          where the     counts | remote word  +------+------+------+-- ... --+------------+
//!                         pool's        (two cache lines)     | 72 B | 72 B | 72 B |         | not carved |
//!                         record lies;                        +------+------+------+-- ... --+------------+
//!                         its slab
//!  thread-local storage of each thread: for each slab the head of a list of free chunks, the address range of the
//!  pool they belong to (the current pool), and the outbox
//! ```
//!
//! Metadata lies outside of the pools and is found by arithmetic on the address. Free chunks link to each other through
//! their first word; nothing else is ever written into the caller's memory (but, [hardened](#hardened), a canary behind
//! a block's end).
//!
//! # Walks
//!
//! A thread's **first allocation**, of 72 bytes:
//! 1. the inlined half computes the slab (a constant if the size is one) and finds its list empty;
//! 2. the slow half makes the arena if need be (one reservation) and gives the thread a heap: one that a departed
//!    thread left, with its pools, or a new slot;
//! 3. the heap has no pool of the slab, so that it takes a span from the arena's space, where the cap is charged, and
//!    tags its units as its own;
//! 4. the first OS page's worth of chunks is carved and linked, and becomes the thread's list: the pool is *current*;
//! 5. the first chunk is popped. The next ones take a load, a compare, a load and a store;
//! 6. when the list is used up, what was freed beside it, what other threads returned to the pool, or more carving
//!    refills it, without a lock. Only then is another pool looked for: one with chunks to give, one that a departed
//!    thread left, an empty one.
//!
//! Where there are many threads, a thread's first few chunks of a slab whose chunks fill cache lines come from pools of
//! the *common heap*, which has no owner, and go home at once when they are freed: threads that use little of a slab
//! hold no pool and no OS page for it.
//!
//! A **local free**:
//! 1. the address lies in the current pool of its slab: the chunk is pushed on the list, and that is all;
//! 2. else the unit's tag, compared by one exclusive-or, shows the thread's own number and yields the pool's record:
//!    the chunk goes to its pool's list, and the pool's countdown is counted down;
//! 3. at 0 the slow half looks at the pool: it becomes available to allocations again, or, empty, goes back to the
//!    arena for any slab of any thread.
//!
//! A thread that replaces blocks of many sizes at random, so that nobody foresees which pool is next and each gives few
//! chunks, has *magazines* instead of current pools: what it frees goes to its slab's list, of whatever pool it is, and
//! is handed out again first. After so many frees the list is set aside, and what was set aside before goes back to its
//! pools. So has a thread that trades: it frees what others allocated, and allocates what others will free
//! (`src/heap/magazine.rs`; `src/heap/habit.rs` tells such threads from others).
//!
//! A **remote free**:
//! 1. the tag shows another number: the chunk goes to the freeing thread's outbox, one list per slab (of small slabs,
//!    below 512 bytes, to its list where it has magazines). Its line is asked for, and its link written when the next
//!    chunk comes: it may lie in another processor's cache. From small slabs the thread may allocate again once its own
//!    list is used up, three times in four: what it was once handed is not borrowed for good;
//! 2. a full outbox is sorted by pool and pushed on the pools' remote words: one atomic for a batch;
//! 3. when enough have come back, or all, the pool is put into its owner's inbox: one more atomic;
//! 4. the owner reads its inbox on its next slow path, and takes the returned chunks as a list when it gets to that
//!    pool. It touches one line of metadata for the batch, and the chunks when it hands them out.
//!
//! A **large block**, above 128 KiB, has a span of its own:
//! 1. one of the same length, of two that the thread's heap keeps from large blocks which it freed last; no lock;
//! 2. else a free one from the space; else what the heap keeps of other lengths goes back, then what all heaps keep,
//!    and only then fresh memory is taken;
//! 3. freed, by whatever thread, the span is kept by that thread's heap, if it has one, unless it is longer than a
//!    256th of the arena or 64 MiB. Of two that are there already one goes back to the space, by turns, where it is
//!    joined with free neighbours.
//!
//! A **thread's exit**: the exit hook, which runs after the destructors of thread-locals, puts the lists back into
//! their pools, posts the outbox, returns empty pools, and leaves the rest with the heap for the next thread, kept
//! spans too. Growing threads take pools with free chunks from such heaps. Chunks that come back later go to that
//! heap's inbox, which the freeing thread reads itself, so that emptied pools go back to the arena at once. The thread
//! may still allocate afterwards, from the common heap.
//!
//! **Out of memory**: one thread at a time goes through all heaps, posts their batches, and returns every pool of which
//! no chunk is in use. Most pools say so by themselves; those are looked at to which other threads have returned chunks
//! that they did not announce. Even the current pool of an idle thread is returned: the other swaps its list's
//! head for a mark and asks the kernel whether the thread sleeps in a system call of its own, so that no push or pop
//! can be under way. Where that sent chunks home it looks once more: they may be all that a pool missed. Then the
//! request is tried again. Pools that other threads use in part, but for their current ones, are handed over to the
//! common heap next: a running thread does so when it next takes its heap's lock; for one that sleeps the asking thread
//! does it, which changes their tags first and then makes sure of the sleep. What is set aside in magazines goes back
//! to its pools before. Who needs such a pool inherits it. Where threads run that have lists they have no use for, the
//! caller sleeps for some moments, a few milliseconds at most, and looks again: they may be about to end, as after a
//! `std::thread::scope` (waits in vain are not repeated until another thread has come). Then what
//! [`Config::on_exhausted`] says happens. Where the kernel does not tell (no file descriptor is left, no `/proc`),
//! where the thread blocks a signal that has a handler or sleeps in a call that blocks others (`ppoll`, `sigwait`),
//! waits for a child of `vfork`, or a handler lets its own signal through (`SA_NODEFER`), a thread is taken to be busy,
//! and keeps its current pools.
//!
//! # What costs what
//!
//! No cache line is written by two threads on a hit or a local free. The space's lock is taken once for a pool, and for
//! large blocks unless the thread keeps a span of the same length. See each type's documentation for the sources of the
//! ideas: mimalloc (lists per pool), Bonwick and Adams (magazines), snmalloc (batches of remote frees, whole lists
//! taken), BatchIt (batches per pool), TLSF (free spans).
//!
//! # Hardened
//!
//! With the feature `hardened` (and, but for what costs memory, in every debug build) misuse and damage end the process
//! with one line that says what, where, and in which slab:
//!
//! ```text
//! arenal: double free of 0x7f6007c10500 (slab 64 B, pool 0x7f6007c10000)
//! arenal: overflow: written past the end of 0x7fe45b810500, 60 bytes (slab 64 B, pool 0x7fe45b810000)
//! ```
//!
//! | what | noticed | how |
//! |---|---|---|
//! | double free, by any threads, until the chunk is handed out again | at the second free | a note on each block, out of band |
//! | free of a foreign address, inside of a block, of one never allocated | at the free | the address's metadata |
//! | free or `realloc` with another size than the block was allocated with | at the call | the note knows the size |
//! | a write to a freed chunk's link | when the chunk is to be handed out again, or goes home | links are encoded with a key of the process and their address |
//! | a chunk handed out twice | before the second time | the note |
//! | a write past the end of a block | when it is freed, or resized | a canary behind the block's last byte, of the key and its address |
//!
//! Through `GlobalAlloc` a layout that would fill its slab is served from the next slab, so that there is room for the
//! canary; but for alignments above 16 that would make it more than an eighth larger. The arena's own calls promise the
//! slab of a layout: where that is full there is no canary, nor is there one any more once
//! [`Arena::usable_size`] has offered all of the slab, and any layout of that slab then frees it.
//!
//! Not noticed: reads of freed memory; writes to it behind its first 8 bytes; writes to the first 8 bytes of another
//! thread's chunk until the thread that freed it frees the next one of that slab; writes that jump over a canary;
//! overflows of blocks of the system allocator. A forged link passes once in a quarter of a million, a forged canary of
//! 1 byte (the slab has no more room) once in 128. A second free after the chunk was handed out again frees it for its
//! new owner.
//!
//! What it costs (`bench/hardened`, which measures it anew: medians of 7 runs in turns with and without it, with
//! `lto = "fat"`, 2026-11-30, on two busy cores of a virtual x86-64 machine at a slow time, when rows take three to five
//! times as long as in `docs/performance.md`):
//!
//! | row of `bench` | ns | ns hardened | times | peak memory |
//! |---|---|---|---|---|
//! | `pair-64` | 2.9 | 36 | 12 | −3 % |
//! | `pair-mixed` | 5.2 | 40 | 7.7 | +1 % |
//! | `batch-100k-64-lifo` | 14 | 52 | 3.7 | +10 % |
//! | `batch-100k-mix-random` | 73 | 251 | 3.4 | +10 % |
//! | `ring-1k` | 10 | 33 | 3.3 | +1 % |
//! | `larson-2` | 21 | 125 | 5.9 | −17 % |
//! | `remote-4` | 39 | 184 | 4.8 | +1 % |
//! | `vec-double` | 1.3 | 1.7 | 1.2 | +0 % |
//! | `json` | 589,000 | 832,000 | 1.4 | +5 % |
//!
//! The notes take an eighth of the arena's address space, and of memory a byte for each chunk of a pool, rounded to
//! pages; [`Info::overhead`] leaves them out.
//!
//! Without the feature nothing of this is there: the inlined halves are the same instructions. Checks that cost nothing
//! measurable are in every build: a free by address alone must name a chunk's first byte; a free that comes to the slow
//! half must lie at a multiple of 8, and in this arena or in a block of the system on its account; a pool to which more
//! chunks come back than it gave ends the process.
//!
//! # Platforms
//!
//! 64-bit Linux. Tested on x86-64 with glibc; the page size is read at run time. Another platform needs files of its
//! own in `src/os`: memory calls, whether a thread sleeps, the exit hook, and a barrier across threads; where it is not
//! ELF, a thread's storage, too (`src/heap/storage.rs`).
//!
//! # The source
//!
//! Calls go down this list, and never up. (The leaves may call `os/`, and it may call them.)
//!
//! | layer | files in `src` |
//! |---|---|
//! | entries, from a layout or an address | `arena`, `entry`, `by_address`, `exact`, `resize`, `global`, `allocator`, `raw` (for `preload/`), `verify`, `hardened` |
//! | what they ask and tell | `config`, `place`, `change`, `error`, `info` |
//! | threads' heaps | `heap/` |
//! | slabs and pools | `slab/` |
//! | the arena's spans | `span/` |
//! | the operating system | `os/` |
//! | leaves | `checks/` (for `hardened`), `class`, `copy`, `fatal`, `lock`, `sync`, `system` |

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("arenal is for 64-bit Linux: another platform needs files of its own in `src/os`");

#[cfg(all(not(loom), feature = "allocator-api2"))]
mod allocator;
#[cfg(not(loom))]
mod arena;
#[cfg(not(loom))]
mod by_address;
mod change;
#[cfg(all(not(loom), any(debug_assertions, feature = "hardened")))]
mod checks;
#[cfg(all(not(loom), not(any(debug_assertions, feature = "hardened"))))]
#[path = "checks/off.rs"]
mod checks;
mod class;
#[cfg(not(loom))]
mod config;
#[cfg(not(loom))]
mod copy;
#[cfg(not(loom))]
mod entry;
#[cfg(not(loom))]
mod error;
#[cfg(not(loom))]
mod exact;
mod fatal;
#[cfg(not(loom))]
mod global;
#[cfg(all(not(loom), any(debug_assertions, feature = "hardened")))]
mod hardened;
#[cfg(all(not(loom), not(any(debug_assertions, feature = "hardened"))))]
#[path = "hardened/off.rs"]
mod hardened;
mod heap;
#[cfg(not(loom))]
mod info;
mod lock;
mod os;
#[cfg(not(loom))]
mod place;
#[cfg(not(loom))]
mod raw;
#[cfg(not(loom))]
mod resize;
mod slab;
#[cfg(not(loom))]
mod span;
mod sync;
#[cfg(not(loom))]
mod system;
#[cfg(all(test, not(any(loom, shuttle))))]
mod traffic;
#[cfg(not(loom))]
mod verify;

#[cfg(not(loom))]
pub use arena::Arena;
#[cfg(not(loom))]
pub use config::{Config, Exhausted, HugePages};
#[cfg(not(loom))]
pub use error::AllocError;
#[cfg(not(loom))]
pub use info::{Info, SlabUsage};
