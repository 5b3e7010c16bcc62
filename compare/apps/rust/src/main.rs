//! What procedural macros and code generators do: sources parsed into full syntax trees and walked.

use allocator::{Checksum, input, measure};
use syn::visit::{self, Visit};

const ROUNDS: usize = 2;

#[derive(Default)]
struct Counts {
    functions: u64,
    expressions: u64,
    types: u64,
}

impl<'ast> Visit<'ast> for Counts {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.functions += 1;
        visit::visit_signature(self, signature);
    }

    fn visit_expr(&mut self, expression: &'ast syn::Expr) {
        self.expressions += 1;
        visit::visit_expr(self, expression);
    }

    fn visit_type(&mut self, of: &'ast syn::Type) {
        self.types += 1;
        visit::visit_type(self, of);
    }
}

fn main() {
    let sources = input::sources();
    measure(|| {
        let mut checksum = Checksum::default();
        let mut kept = Vec::new();
        for _ in 0..ROUNDS {
            kept.clear();
            for source in &sources {
                let Ok(file) = syn::parse_file(source) else { continue };
                let mut counts = Counts::default();
                counts.visit_file(&file);
                checksum.add((counts.functions, counts.expressions, counts.types));
                kept.push(file);
            }
        }
        checksum.add(kept.len());
        (checksum.value(), kept)
    });
}
