//! A log-structured store on disk: two threads write and read, the store flushes and compacts on threads of its own.

use allocator::{Checksum, Input, measure};
use fjall::{Database, KeyspaceCreateOptions};
use std::thread;

const WRITERS: u64 = 2;
const STEPS: usize = 150_000;
const KEYS: usize = 60_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    measure(|| {
        let database = Database::builder(folder.path()).open().expect("a database");
        let items = database.keyspace("items", KeyspaceCreateOptions::default).expect("a keyspace");
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let items = items.clone();
                scope.spawn(move || {
                    let mut input = Input::new(200 + writer);
                    for step in 0..STEPS {
                        let key = format!("{writer}/{:08}", input.below(KEYS));
                        match input.below(10) {
                            0 => items.remove(key).expect("a removal"),
                            1..=4 => _ = items.get(key).expect("a look-up"),
                            _ => items.insert(key, value(step, input.below(900))).expect("an insertion"),
                        }
                    }
                });
            }
        });
        // Writers have keys of their own, so that the contents do not depend on who came first.
        let mut checksum = Checksum::default();
        for entry in items.iter() {
            let (key, value) = entry.into_inner().expect("a readable entry");
            checksum.add((&key[..], &value[..]));
        }
        (checksum.value(), (items, database))
    });
}

fn value(step: usize, length: usize) -> Vec<u8> {
    (0..length + 20).map(|at| (step.wrapping_mul(31) + at * at) as u8).collect()
}
