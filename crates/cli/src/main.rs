//! headwater
fn main() {}
