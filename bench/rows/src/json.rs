//! Trees of JSON values: parsed, copied, written.

use crate::Row;
use crate::meter::{median, timed};
use serde_json::{Value, json};

pub(crate) const ROWS: &[Row] = &[Row::time("json", "document of 200 records parsed, cloned, written", documents)];

const DOCUMENTS: usize = 60;

fn documents() -> f64 {
    let record = |id: usize| {
        json!({
            "id": id,
            "name": format!("record number {id}"),
            "tags": ["alpha", "beta", "gamma"],
            "place": { "street": "Example Street", "number": id % 100, "point": [id, id + 1] },
            "note": "text ".repeat(id % 20),
        })
    };
    let text = Value::Array((0..200).map(record).collect()).to_string();
    median(5, DOCUMENTS, || {
        timed(|| {
            for _ in 0..DOCUMENTS {
                let parsed: Value = serde_json::from_str(&text).expect("written by serde_json itself");
                let mut copy = parsed.clone();
                copy[0]["name"] = Value::Null;
                assert!(copy.to_string().len() < text.len());
            }
        })
    })
}
