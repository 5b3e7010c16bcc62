//! What a bundler does to each file: JavaScript parsed, its tree walked and printed, minified.

use allocator::{Checksum, Input, measure};
use std::fmt::Write;
use swc_common::sync::Lrc;
use swc_common::{FileName, SourceMap};
use swc_ecma_ast::{EsVersion, Module};
use swc_ecma_codegen::text_writer::JsWriter;
use swc_ecma_codegen::{Config, Emitter};
use swc_ecma_parser::{EsSyntax, Syntax, parse_file_as_module};

const FILES: usize = 120;
const ROUNDS: usize = 2;

fn main() {
    let mut input = Input::new(8);
    let files: Vec<String> = (0..FILES).map(|_| file(&mut input)).collect();
    measure(|| {
        let mut checksum = Checksum::default();
        let mut kept: Vec<Module> = Vec::new();
        for _ in 0..ROUNDS {
            kept.clear();
            for source in &files {
                let map: Lrc<SourceMap> = Lrc::default();
                let file = map.new_source_file(FileName::Anon.into(), source.clone());
                let syntax = Syntax::Es(EsSyntax::default());
                let module = parse_file_as_module(&file, syntax, EsVersion::latest(), None, &mut Vec::new())
                    .expect("valid JavaScript");
                let mut printed = Vec::new();
                let writer = JsWriter::new(map.clone(), "\n", &mut printed, None);
                let mut emitter =
                    Emitter { cfg: Config::default().with_minify(true), cm: map.clone(), comments: None, wr: writer };
                emitter.emit_module(&module).expect("a buffer takes all");
                checksum.add(&printed);
                kept.push(module);
            }
        }
        (checksum.value(), kept)
    });
}

fn file(input: &mut Input) -> String {
    let mut text = String::from("import { run, stop as halt } from './core.js';\n");
    for number in 0..60 {
        let (name, other) = (input.word(), input.word());
        write!(
            text,
            "export class C{number} extends Base {{\n  #state = {{ {name}: [1, 2, {}], 'k-{other}': null, nested: {{ ok: true }} }};\n  \
             async load(url, {{ retry = {}, ...rest }} = {{}}) {{\n    for (const [key, value] of Object.entries(rest)) {{\n      \
             if (value?.{name} !== undefined && key.length > {}) this.#state[key] = await fetch(`${{url}}/${{key}}?q=${{value.{name} ?? '{other}'}}`);\n      \
             else if (retry-- <= 0) throw new Error('no {name} in ' + key);\n    }}\n    \
             return run((x, y) => x.map(v => v * {} + y).filter(Boolean).reduce((a, b) => a + b, 0), this.#state);\n  }}\n}}\n\
             function f{number}(a, b = a + 1) {{ let c = [a, b, ...arguments]; switch (c.length) {{ case 1: return c; \
             default: try {{ return halt(c.{name}, () => ({{ {other}: a, b }})); }} catch (e) {{ console.log(e, /{name}+/g); }} }} }}\n",
            input.below(100),
            input.below(9),
            input.below(20),
            input.below(50),
        )
        .expect("memory");
    }
    text
}
