#[global_allocator]
static ARENA: arenal::Arena = arenal::Arena::new(8 << 30);

fn main() {
    rows::main()
}
