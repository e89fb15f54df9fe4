//! hawker-load
fn main() {}
