//! hawker
fn main() {}
