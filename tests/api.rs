//! Promise: every line of the public contract compiles as written, in `const`s, in `static`s and for threads.

mod common;

use std::alloc::{GlobalAlloc, Layout};
use std::error::Error;
use std::fmt::{Debug, Display};
use std::panic::RefUnwindSafe;
use std::ptr::NonNull;

use arenal::{AllocError, Arena, Config, Exhausted, HugePages, Info, SlabUsage};
use common::layout;

static ARENA: Arena = Arena::new(4 << 30);

const CONFIG: Config = Config::new(64 << 20)
    .system_above(1 << 20)
    .system_limit(8 << 20)
    .on_exhausted(Exhausted::System)
    .huge_pages(HugePages::Never);
static CONFIGURED: Arena = Arena::with_config(CONFIG);

const _: () = assert!(Arena::MAX_CAPACITY == 1 << 40);
const _: () = assert!(Arena::MIN_CAPACITY <= 4 << 20 && Arena::MIN_CAPACITY > 0);

fn thread_safe<T: Send + Sync + RefUnwindSafe + 'static>() {}
fn copy_debug<T: Copy + Debug + Send + Sync + 'static>() {}
fn shown<T: Copy + Debug + Display + PartialEq>() {}
fn equal<T: Copy + Debug + PartialEq>() {}
fn error<T: Error + Copy + Debug + Display + PartialEq + Send + Sync + 'static>() {}
fn debug<T: Debug>() {}
fn global<T: GlobalAlloc>() {}

#[test]
fn types_have_the_traits_users_expect() {
    thread_safe::<Arena>();
    debug::<Arena>();
    global::<Arena>();
    copy_debug::<Config>();
    shown::<Info>();
    shown::<SlabUsage>();
    error::<AllocError>();
    equal::<Exhausted>();
    equal::<HugePages>();
    assert_eq!(Exhausted::default(), Exhausted::Fail);
    assert_eq!(HugePages::default(), HugePages::Auto);
    assert_ne!(Exhausted::Fail, Exhausted::System);
    assert_ne!(HugePages::Always, HugePages::Never);
}

#[test]
fn functions_have_exactly_the_promised_types() {
    let _: usize = Arena::MAX_CAPACITY;
    let _: usize = Arena::MIN_CAPACITY;
    let _: fn(usize) -> Arena = Arena::new;
    let _: fn(Config) -> Arena = Arena::with_config;
    let _: fn(&Arena) -> usize = Arena::capacity;
    let _: fn(&Arena, Layout) -> Result<NonNull<u8>, AllocError> = Arena::allocate;
    let _: fn(&Arena, Layout) -> Result<NonNull<u8>, AllocError> = Arena::allocate_zeroed;
    let _: fn(&Arena, usize) -> Result<NonNull<u8>, AllocError> = Arena::allocate_slab;
    let _: unsafe fn(&Arena, NonNull<u8>, Layout) = Arena::deallocate;
    let _: unsafe fn(&Arena, NonNull<u8>) = Arena::free;
    let _: unsafe fn(&Arena, NonNull<u8>) -> usize = Arena::usable_size;
    let _: fn(&Arena, Layout) -> Option<usize> = Arena::slab_for;
    let _: fn(&Arena, *const u8) -> bool = Arena::contains;
    let _: fn(&Arena) -> Info = Arena::info;
    let _: fn(&Arena) -> usize = Arena::trim;
    let _: unsafe fn(&Arena) = Arena::release;
    let _: fn(&SlabUsage) -> f64 = SlabUsage::ratio;
    let _: fn(usize) -> Config = Config::new;
    let _: fn(Config, usize) -> Config = Config::system_above;
    let _: fn(Config, usize) -> Config = Config::system_limit;
    let _: fn(Config, Exhausted) -> Config = Config::on_exhausted;
    let _: fn(Config, HugePages) -> Config = Config::huge_pages;
    let slabs: Vec<usize> = ARENA.slabs().collect();
    assert!(slabs.len() > 10);
}

#[test]
fn an_arena_does_what_its_table_says() {
    let ptr = ARENA.allocate(layout(67, 8)).expect("memory");
    assert_eq!(ARENA.slab_for(layout(67, 8)), Some(72));
    assert_eq!(ARENA.capacity(), 4 << 30);
    assert!(ARENA.contains(ptr.as_ptr()));
    assert!(!ARENA.contains((&raw const ARENA).cast()));
    assert!(!ARENA.contains(std::ptr::null()));
    let Info { capacity, heap, allocated, overhead, system, .. } = ARENA.info();
    let _: [usize; 5] = [capacity, heap, allocated, overhead, system];
    assert_eq!(capacity, ARENA.capacity());
    assert!(allocated >= 72 && heap >= allocated && overhead > 0);
    let rows: Vec<SlabUsage> = ARENA.utilization().collect();
    let row = rows.iter().find(|row| row.slab == 72).expect("the slab in use is listed");
    let SlabUsage { slab: _, pools, heap, allocated, .. } = *row;
    let _: [usize; 3] = [pools, heap, allocated];
    assert!(pools >= 1 && heap >= allocated && allocated >= 72);
    assert!(row.ratio() > 0.0 && row.ratio() <= 1.0);
    // SAFETY: the chunk is live and of this layout; each of the frees is its only one.
    unsafe {
        assert_eq!(ARENA.usable_size(ptr), 72);
        ARENA.deallocate(ptr, layout(67, 8));
        ARENA.free(ARENA.allocate_zeroed(layout(100, 8)).expect("memory"));
        ARENA.free(ARENA.allocate_slab(72).expect("memory"));
    }
    let _: usize = ARENA.trim();
}

#[test]
fn a_configured_arena_serves_too() {
    let copy = CONFIG;
    assert!(!format!("{copy:?}").is_empty());
    let ptr = CONFIGURED.allocate(layout(2 << 20, 8)).expect("the system's memory");
    assert!(!CONFIGURED.contains(ptr.as_ptr()));
    assert!(CONFIGURED.info().system >= 2 << 20);
    // SAFETY: system memory of this arena, freed once.
    unsafe { CONFIGURED.free(ptr) };
    assert_eq!(CONFIGURED.info().system, 0);
}

#[test]
fn values_print_for_people() {
    let arena = Arena::new(64 << 20);
    // SAFETY: freed once, and then everything at once, with no chunk in use.
    unsafe {
        arena.free(arena.allocate(layout(1000, 8)).expect("memory"));
        let text = arena.info().to_string();
        assert!(text.contains("64") && text.contains("MiB"), "no human units in {text:?}");
        for row in arena.utilization() {
            assert!(row.to_string().contains(&row.slab.to_string()), "{row} does not name its slab");
        }
        arena.release();
    }
    assert!(format!("{arena:?}").contains("Arena"));
    let text = AllocError.to_string();
    assert!(text.contains("memory") && !text.contains('\n'), "{text:?}");
}

#[test]
fn a_local_arena_moves_before_and_after_use() {
    let arena = common::bounded(16 << 20);
    let arena = Box::new(arena);
    let block = common::Block::new(&arena, layout(5000, 8), 1).expect("memory");
    let arena = *arena;
    assert!(block.inside(&arena));
    let arena = std::thread::spawn(move || {
        block.free(&arena);
        arena
    })
    .join()
    .expect("no panic");
    assert_eq!(arena.info().allocated, 0);
}
