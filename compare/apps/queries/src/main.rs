//! What a database's front end does: statements parsed into trees, copied and printed.

use allocator::{Checksum, Input, measure};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use std::fmt::Write;

const STATEMENTS: usize = 16_000;
const KEPT: usize = 6_000;

fn main() {
    let statements = generate();
    measure(|| {
        let mut checksum = Checksum::default();
        let mut kept = Vec::new();
        for (number, statement) in statements.iter().enumerate() {
            let parsed = Parser::parse_sql(&GenericDialect {}, statement).expect("valid SQL");
            let copy = parsed.clone();
            let printed = copy.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            checksum.add(&printed);
            if number % 2 == 0 {
                kept.push(parsed);
            }
            if kept.len() > KEPT {
                kept.swap_remove(number % KEPT);
            }
        }
        (checksum.value(), kept)
    });
}

fn generate() -> Vec<String> {
    let mut input = Input::new(2);
    (0..STATEMENTS)
        .map(|_| match input.below(4) {
            0 => insert(&mut input),
            1 => format!(
                "UPDATE {} SET {} = {} WHERE {}",
                input.word(),
                input.word(),
                input.below(1000),
                filter(&mut input, 3)
            ),
            _ => select(&mut input, 2),
        })
        .collect()
}

fn insert(input: &mut Input) -> String {
    let mut text = format!("INSERT INTO {} (a, b, c, d) VALUES ", input.word());
    for row in 0..1 + input.below(12) {
        let comma = if row == 0 { "" } else { ", " };
        write!(text, "{comma}({}, '{}', {}.5, NULL)", input.below(9999), input.words(3), input.below(99))
            .expect("memory");
    }
    text
}

fn select(input: &mut Input, depth: usize) -> String {
    let columns: Vec<String> =
        (0..1 + input.below(8)).map(|_| format!("t.{} AS {}", input.word(), input.word())).collect();
    let from = if depth > 0 && input.below(3) == 0 {
        format!("({}) AS t", select(input, depth - 1))
    } else {
        format!("{} AS t", input.word())
    };
    let mut text = format!("SELECT {} FROM {from}", columns.join(", "));
    for join in 0..input.below(3) {
        write!(text, " LEFT JOIN {} AS j{join} ON t.id = j{join}.{}", input.word(), input.word()).expect("memory");
    }
    write!(text, " WHERE {}", filter(input, 6)).expect("memory");
    if input.below(2) == 0 {
        write!(text, " GROUP BY t.{} HAVING COUNT(*) > {}", input.word(), input.below(10)).expect("memory");
    }
    text + " ORDER BY 1 DESC LIMIT 100"
}

fn filter(input: &mut Input, terms: usize) -> String {
    let terms: Vec<String> = (0..1 + input.below(terms))
        .map(|_| match input.below(4) {
            0 => format!("t.{} BETWEEN {} AND {}", input.word(), input.below(50), 50 + input.below(50)),
            1 => format!("t.{} IN ({}, {}, {})", input.word(), input.below(9), input.below(99), input.below(999)),
            2 => format!(
                "CASE WHEN t.{} IS NULL THEN 0 ELSE t.{} + 1 END > {}",
                input.word(),
                input.word(),
                input.below(9)
            ),
            _ => format!("LOWER(t.{}) LIKE '{}%'", input.word(), input.word()),
        })
        .collect();
    terms.join(" AND ")
}
