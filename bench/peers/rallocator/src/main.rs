#[global_allocator]
static ALLOCATOR: rallocator::Rallocator = rallocator::Rallocator;

fn main() {
    rows::main()
}
