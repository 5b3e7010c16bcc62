//! What an optimiser does: expressions grown into an e-graph by rewriting, the cheapest forms extracted.

use allocator::{Checksum, Input, measure};
use egg::{AstSize, EGraph, Extractor, Id, RecExpr, Rewrite, Runner, Symbol, define_language, rewrite};
use std::time::Duration;

define_language! {
    enum Term {
        Number(i32),
        "+" = Add([Id; 2]),
        "*" = Multiply([Id; 2]),
        "-" = Subtract([Id; 2]),
        Symbol(Symbol),
    }
}

const EXPRESSIONS: usize = 24;
const NODES: usize = 12_000;

fn main() {
    let mut input = Input::new(6);
    let expressions: Vec<RecExpr<Term>> =
        (0..EXPRESSIONS).map(|_| expression(&mut input, 4).parse().expect("a valid expression")).collect();
    measure(|| {
        let mut checksum = Checksum::default();
        let rules = rules();
        let mut kept: Vec<EGraph<Term, ()>> = Vec::new();
        for expression in &expressions {
            let runner = Runner::default()
                .with_expr(expression)
                .with_iter_limit(30)
                .with_node_limit(NODES)
                .with_time_limit(Duration::from_secs(3600))
                .run(&rules);
            let (cost, best) = Extractor::new(&runner.egraph, AstSize).find_best(runner.roots[0]);
            checksum.add((cost, best.to_string(), runner.egraph.total_size()));
            kept.push(runner.egraph);
        }
        (checksum.value(), kept)
    });
}

fn expression(input: &mut Input, depth: usize) -> String {
    if depth == 0 {
        return match input.below(3) {
            0 => input.below(4).to_string(),
            _ => input.choose(&["x", "y", "z"]).to_string(),
        };
    }
    let operator = input.choose(&["+", "*", "-"]);
    format!("({operator} {} {})", expression(input, depth - 1), expression(input, depth - 1))
}

fn rules() -> Vec<Rewrite<Term, ()>> {
    vec![
        rewrite!("commute-add"; "(+ ?a ?b)" => "(+ ?b ?a)"),
        rewrite!("commute-mul"; "(* ?a ?b)" => "(* ?b ?a)"),
        rewrite!("associate-add"; "(+ ?a (+ ?b ?c))" => "(+ (+ ?a ?b) ?c)"),
        rewrite!("associate-mul"; "(* ?a (* ?b ?c))" => "(* (* ?a ?b) ?c)"),
        rewrite!("subtract"; "(- ?a ?b)" => "(+ ?a (* -1 ?b))"),
        rewrite!("add-zero"; "(+ ?a 0)" => "?a"),
        rewrite!("mul-zero"; "(* ?a 0)" => "0"),
        rewrite!("mul-one"; "(* ?a 1)" => "?a"),
        rewrite!("same"; "(- ?a ?a)" => "0"),
        rewrite!("distribute"; "(* ?a (+ ?b ?c))" => "(+ (* ?a ?b) (* ?a ?c))"),
        rewrite!("factor"; "(+ (* ?a ?b) (* ?a ?c))" => "(* ?a (+ ?b ?c))"),
    ]
}
