//! What needs a program: `cargo xtask schemas | tidy | bench`.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

mod schemas;
mod tidy;

use std::path::Path;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask schemas | tidy | bench fold";

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => tidy::check(&root),
        ["schemas"] => schemas::write(&root),
        _ => bail!(USAGE),
    }
}
