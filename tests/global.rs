//! Promise: one attribute line puts a whole program on an arena: before `main`, on threads, in `atexit`.

mod common;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use arenal::Arena;
use common::{KIB, MIB, Rng};

#[global_allocator]
static ARENA: Arena = Arena::new(1 << 30);

static EARLY: AtomicPtr<Vec<u64>> = AtomicPtr::new(std::ptr::null_mut());

#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = before_main;

extern "C" fn before_main() {
    let early: Vec<u64> = (0..10_000).collect();
    EARLY.store(Box::into_raw(Box::new(early)), Ordering::Release);
    // SAFETY: nothing changes the environment before `main`; the handler is a function that lives for ever.
    unsafe {
        if !libc::getenv(c"ARENAL_TEST_ROLE".as_ptr()).is_null() {
            libc::atexit(last_exit_handler);
        }
    }
}

extern "C" fn last_exit_handler() {
    exit_handler(b"last handler done\n");
}

extern "C" fn first_exit_handler() {
    exit_handler(b"first handler done\n");
}

fn exit_handler(message: &[u8]) {
    let mut map = BTreeMap::new();
    for key in 0..1000_u32 {
        map.insert(key, key.to_string());
    }
    let large = vec![7_u8; 4 * MIB];
    let intact = map.values().all(|text| ARENA.contains(text.as_ptr())) && large.iter().all(|&byte| byte == 7);
    drop(map);
    if intact {
        // SAFETY: the message is valid for its length.
        unsafe { libc::write(1, message.as_ptr().cast(), message.len()) };
    }
}

#[test]
fn memory_from_before_main_is_the_arenas() {
    let early = EARLY.swap(std::ptr::null_mut(), Ordering::AcqRel);
    assert!(!early.is_null(), "the constructor did not run");
    assert!(ARENA.contains(early.cast()));
    // SAFETY: made by `Box::into_raw` before `main`, taken out once.
    let early = unsafe { Box::from_raw(early) };
    assert!(ARENA.contains(early.as_ptr().cast()));
    assert!(early.iter().copied().eq(0..10_000));
}

#[test]
fn exit_handlers_allocate() {
    if common::is_child("exit") {
        // SAFETY: the handler is a function that lives for ever.
        unsafe { libc::atexit(first_exit_handler) };
        std::thread::spawn(|| drop(vec![String::from("x"); 100])).join().expect("no panic");
        return;
    }
    let output = common::child("exit_handlers_allocate", "exit").output().expect("the test binary starts");
    let text = common::transcript(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("first handler done") && text.contains("last handler done"), "{text}");
}

#[test]
fn boxes_of_every_size_are_the_arenas() {
    let mut boxes = Vec::new();
    for size in (1..2000).chain((2000..64 * KIB).step_by(777)) {
        boxes.push(vec![size as u8; size].into_boxed_slice());
    }
    for (index, bytes) in boxes.iter().enumerate() {
        assert!(ARENA.contains(bytes.as_ptr()), "box {index} of {} bytes", bytes.len());
        assert!(bytes.iter().all(|&byte| byte == bytes.len() as u8));
    }
    let local = 0_u8;
    assert!(!ARENA.contains(&raw const local));
    assert!(!ARENA.contains((&raw const EARLY).cast()));
}

#[test]
fn collections_and_threads_live_on_the_arena() {
    let watching = Arc::new(AtomicBool::new(true));
    let watcher = std::thread::spawn({
        let watching = Arc::clone(&watching);
        move || {
            let mut seen = 0;
            while watching.load(Ordering::Acquire) {
                let info = ARENA.info();
                assert!(info.heap <= info.capacity && info.capacity == 1 << 30, "{info:?}");
                assert!(info.heap > 0 && info.overhead > 0, "{info:?}");
                seen += 1;
                std::thread::sleep(Duration::from_millis(1));
            }
            seen
        }
    });
    let (sender, receiver) = mpsc::channel::<(usize, BTreeMap<u64, String>, VecDeque<Vec<u8>>)>();
    let receiving = std::thread::spawn(move || {
        let mut total = 0;
        for (worker, map, queue) in receiver {
            assert!(map.iter().all(|(key, text)| *text == format!("{worker}-{key}")), "worker {worker}");
            assert!(queue.iter().all(|bytes| bytes.iter().all(|&byte| byte == bytes.len() as u8)));
            total += map.len() + queue.len();
        }
        total
    });
    let sent: usize = common::threads(6, |worker| {
        let mut rng = Rng::new(worker as u64);
        let mut sent = 0;
        for round in 0..common::scaled(40) {
            let mut table: HashMap<u64, String> = HashMap::new();
            for _ in 0..1000 {
                let key = rng.word() % 5000;
                table.insert(key, format!("{worker}-{key}"));
                table.remove(&(rng.word() % 5000));
            }
            let map: BTreeMap<u64, String> = table.into_iter().collect();
            let queue: VecDeque<Vec<u8>> = (0..50)
                .map(|_| {
                    let size = rng.size(20_000);
                    vec![size as u8; size]
                })
                .collect();
            assert!(map.values().all(|text| ARENA.contains(text.as_ptr())), "round {round}");
            sent += map.len() + queue.len();
            sender.send((worker, map, queue)).expect("the receiver lives");
        }
        sent
    })
    .into_iter()
    .sum();
    drop(sender);
    assert_eq!(receiving.join().expect("no panic"), sent);
    watching.store(false, Ordering::Release);
    assert!(watcher.join().expect("no panic") > 0);
}
