//! push-server
fn main() {}
