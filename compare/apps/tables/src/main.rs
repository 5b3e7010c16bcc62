//! A database in memory: rows inserted, joined, grouped, updated and deleted by SQL.

use allocator::{Checksum, Input, measure};
use gluesql::gluesql_memory_storage::MemoryStorage;
use gluesql::prelude::{Glue, Payload};

const CUSTOMERS: usize = 1_500;
const ORDERS: usize = 20_000;
const ROUNDS: usize = 8;

fn main() {
    measure(|| {
        let mut checksum = Checksum::default();
        let mut glue = Glue::new(MemoryStorage::default());
        let mut input = Input::new(5);
        run(&mut glue, "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT)", &mut checksum);
        run(
            &mut glue,
            "CREATE TABLE booking (id INTEGER PRIMARY KEY, customer INTEGER, title TEXT, cents INTEGER)",
            &mut checksum,
        );
        for id in 0..CUSTOMERS {
            let city = input.choose(&["Oslo", "Lima", "Pune", "Cork", "Bari"]).to_string();
            let statement = format!("INSERT INTO customer VALUES ({id}, '{}', '{city}')", input.words(2));
            run(&mut glue, &statement, &mut checksum);
        }
        for batch in 0..ORDERS / 20 {
            let rows: Vec<String> = (0..20)
                .map(|row| {
                    format!(
                        "({}, {}, '{}', {})",
                        batch * 20 + row,
                        input.below(CUSTOMERS),
                        input.words(3),
                        input.below(9999)
                    )
                })
                .collect();
            run(&mut glue, &format!("INSERT INTO booking VALUES {}", rows.join(", ")), &mut checksum);
        }
        for round in 0..ROUNDS {
            let join = "SELECT c.city, COUNT(*), SUM(b.cents) FROM booking b JOIN customer c ON c.id = b.customer GROUP BY c.city";
            run(&mut glue, join, &mut checksum);
            let top = "SELECT title, cents FROM booking WHERE cents > 5000 ORDER BY cents DESC, id LIMIT 50";
            run(&mut glue, top, &mut checksum);
            let names = "SELECT c.name, b.title FROM customer c JOIN booking b ON b.customer = c.id WHERE b.cents < 900 ORDER BY b.id";
            run(&mut glue, names, &mut checksum);
            run(
                &mut glue,
                &format!("UPDATE booking SET title = title || ' {round}' WHERE cents % 3 = 0"),
                &mut checksum,
            );
            run(&mut glue, &format!("DELETE FROM booking WHERE id % 50 = {round}"), &mut checksum);
        }
        (checksum.value(), glue)
    });
}

fn run(glue: &mut Glue<MemoryStorage>, statement: &str, checksum: &mut Checksum) {
    for payload in glue.execute(statement).expect("a valid statement") {
        match payload {
            Payload::Select { labels, rows } => checksum.add(format!("{labels:?} {rows:?}")),
            other => checksum.add(format!("{other:?}")),
        }
    }
}
