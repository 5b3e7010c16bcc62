//! Attacks the global arena in the way its first argument names; with a second argument, does all but the attack.
//! `tests/hardened.rs` builds and runs it, with the feature, in the release profile.

use std::alloc::{GlobalAlloc, Layout, System, alloc, alloc_zeroed, dealloc, realloc};
use std::hint::black_box;
use std::ptr::with_exposed_provenance_mut;

use arenal::{Arena, Config};

#[global_allocator]
static ARENA: Arena = Arena::new(256 << 20);
/// Everything above 1,000 bytes is the system's.
static SPLIT: Arena = Arena::with_config(Config::new(64 << 20).system_above(1000));

const fn layout(size: usize, align: usize) -> Layout {
    match Layout::from_size_align(size, align) {
        Ok(layout) => layout,
        Err(_) => panic!("a valid layout"),
    }
}

const SMALL: Layout = layout(60, 8);
/// Fills a slab.
const FULL: Layout = layout(64, 8);
const LARGE: Layout = layout(1_000_000, 8);

/// A block, filled to its last byte.
fn block(layout: Layout) -> *mut u8 {
    // SAFETY: not empty.
    let block = black_box(unsafe { alloc(layout) });
    assert!(!block.is_null());
    // SAFETY: live.
    unsafe { block.write_bytes(0xA5, layout.size()) };
    block
}

/// Prints the address that the message must name.
fn named(block: *mut u8) -> *mut u8 {
    println!("{block:p}");
    black_box(block)
}

fn free(block: *mut u8, layout: Layout) {
    // SAFETY: live and of this layout, but for the attacks, which are expected to be stopped.
    unsafe { dealloc(black_box(block), layout) }
}

/// On a thread of its own.
fn free_elsewhere(blocks: &[*mut u8], layout: Layout) {
    let addresses: Vec<usize> = blocks.iter().map(|block| block.expose_provenance()).collect();
    let free_all = move || addresses.iter().for_each(|&address| free(with_exposed_provenance_mut(address), layout));
    std::thread::spawn(free_all).join().expect("no panic");
}

/// Writes where the block's owner must not, if it is an attack.
fn poke(attack: bool, at: *mut u8, byte: u8) {
    if attack {
        // SAFETY: none: this is the attack. It stays within the arena's memory.
        unsafe { black_box(at).write_volatile(byte) };
    }
}

fn main() {
    let name = std::env::args().nth(1).expect("which attack?");
    let attack = std::env::args().nth(2).is_none();
    // Neighbours in the pool, before and behind what is attacked, of the layouts used below.
    let neighbours = || [SMALL, FULL, layout(700, 8)].map(|layout| [0; 20].map(|_| (block(layout), layout)));
    let before = neighbours();
    attack_one(&name, attack);
    // What was put aside for its owner is met here at the latest.
    for layout in [SMALL, FULL] {
        let again: Vec<_> = (0..20_000).map(|_| block(layout)).collect();
        again.into_iter().for_each(|block| free(block, layout));
    }
    for (block, layout) in before.into_iter().chain(neighbours()).flatten() {
        // SAFETY: live.
        let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
        assert!(bytes.iter().all(|&byte| byte == 0xA5), "a neighbour was damaged");
        free(block, layout);
    }
    ARENA.verify();
    println!("unnoticed");
}

fn attack_one(name: &str, attack: bool) {
    match name {
        "double-free" => {
            let ptr = named(block(SMALL));
            free(ptr, SMALL);
            if attack {
                free(ptr, SMALL);
            }
        }
        "double-free-not-last" => {
            let (ptr, other) = (named(block(SMALL)), block(SMALL));
            free(ptr, SMALL);
            free(other, SMALL);
            if attack {
                free(ptr, SMALL);
            }
        }
        "double-free-by-another" => {
            let ptr = named(block(SMALL));
            free(ptr, SMALL);
            if attack {
                free_elsewhere(&[ptr], SMALL);
            }
        }
        "double-free-of-anothers" => {
            let ptr = named(block(SMALL));
            free_elsewhere(&[ptr], SMALL);
            if attack {
                free(ptr, SMALL);
            }
        }
        "double-free-by-two-others" => {
            let ptr = named(block(SMALL));
            free_elsewhere(&[ptr], SMALL);
            if attack {
                free_elsewhere(&[ptr], SMALL);
            }
        }
        "double-free-after-return" => {
            let returned = [0; 100].map(|_| block(SMALL));
            free_elsewhere(&returned, SMALL);
            // Until one comes back: then this thread has taken the whole list.
            let (mut fresh, mut seen) = (Vec::new(), Vec::new());
            while seen.is_empty() {
                let next = block(SMALL);
                if returned.contains(&next) { seen.push(next) } else { fresh.push(next) }
            }
            let ptr = named(*returned.iter().find(|ptr| !seen.contains(ptr)).expect("a hundred came back"));
            if attack {
                free(ptr, SMALL);
            }
            fresh.into_iter().chain(seen).for_each(|block| free(block, SMALL));
        }
        "double-free-of-a-pool-given-back" => {
            let odd = layout(3333, 8);
            let blocks = [0; 500].map(|_| block(odd));
            named(blocks[250]);
            blocks.iter().for_each(|&block| free(block, odd));
            ARENA.trim();
            if attack {
                free(blocks[250], odd);
            }
        }
        "double-free-by-realloc" => {
            let ptr = named(block(SMALL));
            free(ptr, SMALL);
            if attack {
                // SAFETY: none: this is the attack.
                black_box(unsafe { realloc(ptr, SMALL, 500) });
            }
        }
        "double-free-large" => {
            let ptr = named(block(LARGE));
            free(ptr, LARGE);
            if attack {
                free(ptr, LARGE);
            }
        }
        "double-free-by-address" => {
            let ptr = named(ARENA.allocate(SMALL).expect("memory").as_ptr());
            free(ptr, SMALL);
            if attack && let Some(ptr) = std::ptr::NonNull::new(ptr) {
                // SAFETY: none: this is the attack.
                unsafe { ARENA.free(ptr) };
            }
        }
        "foreign-system" => {
            // SAFETY: not empty.
            let ptr = named(unsafe { System.alloc(SMALL) });
            if attack {
                free(ptr, SMALL);
            }
        }
        "foreign-stack" => {
            let ptr = named((&raw mut *black_box(&mut [0_u64; 32])).cast());
            if attack {
                free(ptr, SMALL);
            }
        }
        "foreign-wild" => {
            let ptr = named(std::ptr::without_provenance_mut(0xDEAD_BEEF_0000));
            if attack {
                free(ptr, SMALL);
            }
        }
        "foreign-wild-with-system" => {
            // With blocks of the system about, what is outside of the arena may be one.
            // SAFETY: not empty, and freed as allocated but for the attack.
            unsafe {
                let held = SPLIT.alloc(layout(5000, 8));
                let ptr = named(std::ptr::without_provenance_mut(0xDEAD_BEEF_0000));
                if attack {
                    SPLIT.dealloc(ptr, layout(5000, 8));
                }
                SPLIT.dealloc(held, layout(5000, 8));
            }
        }
        "foreign-other-arena" => {
            let other = Arena::new(64 << 20);
            let ptr = named(other.allocate(SMALL).expect("memory").as_ptr());
            if attack {
                free(ptr, SMALL);
            }
        }
        "misaligned" | "interior" => {
            let start = block(SMALL);
            let ptr = named(start.wrapping_add(if name == "misaligned" { 1 } else { 16 }));
            free(if attack { ptr } else { start }, SMALL);
        }
        "interior-large" => {
            let start = block(LARGE);
            let ptr = named(start.wrapping_add(500_000));
            free(if attack { ptr } else { start }, LARGE);
        }
        "never-allocated" => {
            // The other end of the pool, where nothing has been carved yet.
            let ptr = block(layout(108, 8));
            let far = named(ptr.wrapping_add(112 * 100));
            free(if attack { far } else { ptr }, layout(108, 8));
        }
        "wrong-layout-smaller" | "wrong-layout-larger" | "wrong-layout-nearly" => {
            let ptr = named(block(SMALL));
            let size = match name {
                "wrong-layout-smaller" => 24,
                "wrong-layout-larger" => 4000,
                _ => 61,
            };
            free(ptr, if attack { layout(size, 8) } else { SMALL });
        }
        "wrong-layout-large" => {
            let ptr = named(block(LARGE));
            free(ptr, if attack { SMALL } else { LARGE });
        }
        "wrong-layout-small-as-large" => {
            let ptr = named(block(SMALL));
            free(ptr, if attack { LARGE } else { SMALL });
        }
        "wrong-layout-realloc" => {
            let ptr = named(block(SMALL));
            // SAFETY: live, but of another layout if this is the attack.
            let moved = unsafe { realloc(ptr, if attack { layout(300, 8) } else { SMALL }, 600) };
            free(moved, layout(600, 8));
        }
        "wrong-layout-system" => {
            // SAFETY: not empty, and freed as allocated but for the attack.
            unsafe {
                let ptr = named(SPLIT.alloc(layout(5000, 8)));
                SPLIT.dealloc(ptr, layout(if attack { 4000 } else { 5000 }, 8));
            }
        }
        "link-overwritten" | "link-first-byte" | "link-last-byte" => {
            let ptr = named(block(SMALL));
            free(ptr, SMALL);
            match name {
                "link-overwritten" => (0..8).for_each(|at| poke(attack, ptr.wrapping_add(at), 0x41)),
                // SAFETY: a free chunk's memory is readable.
                "link-first-byte" => poke(attack, ptr, unsafe { ptr.read_volatile() } ^ 0x40),
                // SAFETY: as above.
                _ => poke(attack, ptr.wrapping_add(7), unsafe { ptr.add(7).read_volatile() } ^ 1),
            }
        }
        "link-forged" => {
            // A link to a live block, as an attacker would want it: that would be handed out a second time.
            let (target, ptr) = (block(SMALL), named(block(SMALL)));
            free(ptr, SMALL);
            if attack {
                // SAFETY: none: this is the attack.
                unsafe { ptr.cast::<usize>().write_volatile(target.expose_provenance()) };
            }
            black_box(block(SMALL));
            black_box(block(SMALL));
            free(target, SMALL);
        }
        "link-of-anothers" => {
            let ptr = named(block(SMALL));
            free_elsewhere(&[ptr], SMALL);
            (0..8).for_each(|at| poke(attack, ptr.wrapping_add(at), 0));
        }
        "link-in-private-arena" => {
            let arena = Arena::new(64 << 20);
            let chunk = || black_box(arena.allocate(SMALL).expect("memory").as_ptr());
            let (ptr, next) = (chunk(), std::ptr::NonNull::new(chunk()).expect("not null"));
            // SAFETY: live, freed once, but for the write.
            unsafe {
                arena.deallocate(std::ptr::NonNull::new(ptr).expect("not null"), SMALL);
                named(ptr);
                poke(attack, ptr, 0x41);
                poke(attack, ptr.add(1), 0x41);
                for _ in 0..2000 {
                    black_box(arena.allocate(SMALL).expect("memory"));
                }
                arena.deallocate(next, SMALL);
            }
        }
        "overflow-by-one" | "overflow-by-a-nul" => {
            let ptr = named(block(SMALL));
            poke(attack, ptr.wrapping_add(60), if name == "overflow-by-one" { 0x5A } else { 0 });
            free(ptr, SMALL);
        }
        "overflow-to-the-end" => {
            let ptr = named(block(layout(57, 8)));
            (57..64).for_each(|at| poke(attack, ptr.wrapping_add(at), 0x5A));
            free(ptr, layout(57, 8));
        }
        "overflow-of-a-full-slab" => {
            let ptr = named(block(FULL));
            (64..66).for_each(|at| poke(attack, ptr.wrapping_add(at), 0x5A));
            free(ptr, FULL);
        }
        "overflow-of-the-smallest" => {
            let ptr = named(block(layout(8, 8)));
            (8..10).for_each(|at| poke(attack, ptr.wrapping_add(at), 0x5A));
            free(ptr, layout(8, 8));
        }
        "overflow-zeroed" => {
            // SAFETY: not empty.
            let ptr = named(unsafe { alloc_zeroed(SMALL) });
            poke(attack, ptr.wrapping_add(60), 0);
            free(ptr, SMALL);
        }
        "overflow-aligned" => {
            // Much slack: the note on the block is too short for it.
            let ptr = named(block(layout(10, 4096)));
            poke(attack, ptr.wrapping_add(10), 0x5A);
            free(ptr, layout(10, 4096));
        }
        "overflow-aligned-to-the-end" => {
            let ptr = named(block(layout(10, 4096)));
            (10..4096).for_each(|at| poke(attack, ptr.wrapping_add(at), 0x5A));
            free(ptr, layout(10, 4096));
        }
        "overflow-large" => {
            let ptr = named(block(LARGE));
            poke(attack, ptr.wrapping_add(1_000_000), 0x5A);
            free(ptr, LARGE);
        }
        "overflow-large-full" => {
            let full = layout(1 << 20, 8);
            let ptr = named(block(full));
            poke(attack, ptr.wrapping_add(1 << 20), 0x5A);
            free(ptr, full);
        }
        "overflow-freed-elsewhere" => {
            let ptr = named(block(SMALL));
            poke(attack, ptr.wrapping_add(60), 0x5A);
            free_elsewhere(&[ptr], SMALL);
        }
        "overflow-by-address" => {
            let ptr = ARENA.allocate(SMALL).expect("memory");
            poke(attack, named(ptr.as_ptr()).wrapping_add(60), 0x5A);
            // SAFETY: live.
            unsafe { ARENA.free(ptr) };
        }
        "overflow-realloc-in-place" | "overflow-realloc" | "overflow-realloc-large" => {
            let (old, new) = match name {
                "overflow-realloc-in-place" => (SMALL, 62),
                "overflow-realloc" => (SMALL, 600),
                _ => (LARGE, 3_000_000),
            };
            let ptr = named(block(old));
            poke(attack, ptr.wrapping_add(old.size()), 0x5A);
            // SAFETY: live, of this layout.
            let moved = unsafe { realloc(ptr, old, new) };
            free(moved, layout(new, 8));
        }
        "overflow-after-realloc" | "overflow-after-shrink" | "overflow-after-filling" | "overflow-after-filling-large" => {
            let (old, new) = match name {
                "overflow-after-realloc" => (layout(57, 8), 61),
                "overflow-after-shrink" => (LARGE, 900_000),
                // To the last byte of a slab.
                "overflow-after-filling" => (layout(57, 8), 64),
                _ => (layout(207_992, 8), 212_992),
            };
            // SAFETY: live, of this layout.
            let ptr = named(unsafe { realloc(block(old), old, new) });
            poke(attack, ptr.wrapping_add(new), 0x5A);
            free(ptr, layout(new, 8));
        }
        _ => panic!("which attack?"),
    }
}
