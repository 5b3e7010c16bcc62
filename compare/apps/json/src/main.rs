//! A service's documents: parsed into value trees, copied, edited and printed again.

use allocator::{Checksum, Input, measure};
use serde_json::{Map, Value, json};

const DOCUMENTS: usize = 9_000;
const ROUNDS: usize = 6;

fn main() {
    let text = generate();
    measure(|| {
        let mut checksum = Checksum::default();
        let mut trees: Vec<Value> = Vec::new();
        for round in 0..ROUNDS {
            let mut tree: Value = serde_json::from_str(&text).expect("valid JSON");
            let original = tree.clone();
            tree.as_array_mut().expect("an array").iter_mut().for_each(|document| edit(document, round));
            assert!(tree != original);
            checksum.add(serde_json::to_string(&tree).expect("a tree can be printed"));
            trees.push(tree);
            if trees.len() > 3 {
                trees.remove(0);
            }
        }
        (checksum.value(), trees)
    });
}

fn generate() -> String {
    let mut input = Input::new(1);
    let documents: Vec<Value> = (0..DOCUMENTS)
        .map(|id| {
            let lines: Vec<Value> = (0..1 + input.below(8))
                .map(|_| json!({"sku": input.word(), "title": input.words(4), "count": input.below(9), "price": input.below(99_999) as f64 / 100.0}))
                .collect();
            let labels: Map<String, Value> = (0..input.below(6)).map(|_| (input.word(), json!(input.word()))).collect();
            json!({"id": id, "name": input.words(2), "note": input.words(12), "open": input.below(2) == 0, "lines": lines, "labels": labels, "parent": null})
        })
        .collect();
    serde_json::to_string(&documents).expect("a tree can be printed")
}

fn edit(document: &mut Value, round: usize) {
    let lines = document["lines"].as_array_mut().expect("an array");
    let total: f64 = lines.iter().filter_map(|line| line["price"].as_f64()).sum();
    lines.push(json!({"sku": format!("fee-{round}"), "title": "handling", "count": 1, "price": total / 50.0}));
    lines.retain(|line| line["count"] != 0);
    let fields = document.as_object_mut().expect("an object");
    fields.insert("total".into(), json!(total));
    fields.insert("history".into(), json!([{"round": round, "by": "job"}, {"round": round + 1, "by": "user"}]));
    fields.remove("parent");
    if let Some(Value::String(note)) = fields.get_mut("note") {
        *note = note.to_uppercase();
    }
}
