//! Promise: at the cap a whole program gets its error from `try_reserve`, loses nothing, and goes on.

mod common;

use std::collections::{BTreeMap, HashMap};
use std::os::unix::process::ExitStatusExt;
use std::sync::Barrier;

use arenal::{Arena, Config};
use common::MIB;

const CAPACITY: usize = 64 * MIB;

#[global_allocator]
static ARENA: Arena = Arena::with_config(Config::new(CAPACITY).system_above(CAPACITY).system_limit(0));

#[test]
fn try_reserve_reports_and_the_program_goes_on() {
    common::in_child("try_reserve_reports_and_the_program_goes_on", || {
        assert!(Vec::<u8>::new().try_reserve_exact(1 << 30).is_err(), "a gigabyte fits nowhere");
        assert!(String::new().try_reserve(isize::MAX as usize).is_err());
        assert!(HashMap::<u64, u64>::new().try_reserve(1 << 24).is_err());
        for round in 0..10 {
            let mut rows: Vec<Vec<u8>> = Vec::with_capacity(CAPACITY / 1000);
            loop {
                let mut row = Vec::new();
                if row.try_reserve_exact(1000).is_err() {
                    break;
                }
                row.resize(1000, rows.len() as u8);
                rows.push(row);
            }
            let count = rows.len();
            let bytes = count * 1000;
            assert!(bytes <= CAPACITY, "{count} rows do not fit the cap");
            assert!(bytes >= CAPACITY / 10 * 8, "round {round}: refused after {count} rows");
            assert!(ARENA.info().heap <= ARENA.capacity() && ARENA.capacity() <= CAPACITY);
            let mut grown = std::mem::take(&mut rows[7]);
            assert!(grown.try_reserve_exact(2 * MIB).is_err(), "the arena is full");
            assert!(grown.len() == 1000 && grown.iter().all(|&byte| byte == 7), "a refused growth changed the row");
            rows[7] = grown;
            for (index, row) in rows.iter().enumerate() {
                assert!(row.len() == 1000 && row.iter().all(|&byte| byte == index as u8), "row {index}");
            }
            rows.truncate(count / 2);
            let map: BTreeMap<usize, String> = (0..10_000).map(|key| (key, key.to_string())).collect();
            assert!(map.iter().all(|(key, text)| *text == key.to_string()));
            std::thread::spawn(|| drop(vec![1_u8; 5 * MIB])).join().expect("a thread after the cap");
        }
    });
}

/// The infallible path ends as the standard library ends it: null became a message and an abort, not a crash.
#[test]
fn infallible_allocation_aborts_with_the_standard_message() {
    if common::is_child("infallible") {
        let bytes = vec![1_u8; 100_000_001];
        println!("got {} bytes", std::hint::black_box(bytes).len());
        return;
    }
    let output = common::child("infallible_allocation_aborts_with_the_standard_message", "infallible")
        .output()
        .expect("the test binary starts");
    let text = common::transcript(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{text}");
    assert!(text.contains("memory allocation of 100000001 bytes failed"), "{text}");
}

/// Threads and destructors of a program at its cap: every thread meets the refusal and unwinds.
#[test]
fn threads_at_the_cap_unwind() {
    common::in_child("threads_at_the_cap_unwind", || {
        for _ in 0..10 {
            let begun = Barrier::new(4);
            let refused: usize = common::threads(4, |i| {
                let mut rows: Vec<Vec<u8>> = Vec::with_capacity(CAPACITY / 10_000);
                let mut row: Vec<u8> = Vec::new();
                begun.wait(); // whatever cannot fail has been allocated
                while row.try_reserve_exact(10_000 + i * 100).is_ok() {
                    row.resize(10_000, i as u8);
                    rows.push(std::mem::take(&mut row));
                }
                assert!(rows.iter().all(|row| row.iter().all(|&byte| byte == i as u8)));
                1
            })
            .into_iter()
            .sum();
            assert_eq!(refused, 4);
        }
    });
}
