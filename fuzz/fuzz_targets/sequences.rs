//! Any sequence of operations on up to three arenas of any configuration agrees with a model of them.
#![no_main]

use arbitrary::Arbitrary;
use arenal_fuzz::model::{Model, Spans};
use arenal_fuzz::setting::{Setting, Size};
use arenal_fuzz::steps::Steps;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Op {
    Allocate { size: Size, align: u8, zeroed: bool },
    Slab { which: u8 },
    Free { which: u16, way: u8 },
    Resize { which: u16, size: Size },
    Burst { size: Size, count: u8, zeroed: bool },
    FreeMany { count: u8, oldest: bool },
    Trim,
    Release,
    Replace,
    Verify,
}

#[derive(Arbitrary, Debug)]
struct Input {
    first: Setting,
    others: [Option<Setting>; 2],
    steps: Steps<(u8, Op)>,
}

fuzz_target!(|input: Input| {
    let mut spans = Spans::new();
    let settings = [Some(input.first)].into_iter().chain(input.others).flatten();
    let mut models: Vec<Model> = settings.map(Model::new).collect();
    for (which, op) in input.steps.0 {
        let which = which as usize % models.len();
        let model = &mut models[which];
        match op {
            Op::Allocate { size, align, zeroed } => model.allocate(&mut spans, size.layout(align), zeroed),
            Op::Slab { which } => model.allocate_slab(&mut spans, which as usize),
            Op::Free { which, way } => model.free(&mut spans, which as usize, way),
            Op::Resize { which, size } => model.resize(&mut spans, which as usize, size.bytes()),
            Op::Burst { size, count, zeroed } => {
                // Many small blocks, few large ones.
                let count = (count as usize * 4).min((1 << 20) / (size.bytes() + 1) + 1);
                (0..count).for_each(|_| model.allocate(&mut spans, size.layout(3), zeroed));
            }
            Op::FreeMany { count, oldest } => model.free_many(&mut spans, count as usize * 4, oldest),
            Op::Trim => model.trim(),
            Op::Release => model.release(&mut spans),
            Op::Replace => model.replace(&mut spans),
            Op::Verify => model.verify(),
        }
        model.agree();
    }
    models.into_iter().for_each(|model| model.end(&mut spans));
});
