//! What needs a program: `cargo xtask schemas | tables | tidy | bench | sizing | case`.
#![allow(clippy::print_stdout, reason = "a command-line tool")]

mod bench;
mod case;
mod schemas;
mod sizing;
mod tables;
mod tidy;

use std::path::Path;

use anyhow::{Result, bail};

const USAGE: &str = "usage: cargo xtask COMMAND

  schemas            write the newest schemas/<type>/vN.json from the payloads' Rust types
  tables             write docs/tables.md from the tables' declarations
  tidy               check the house rules
  bench fold [--dev] measure the fold, in a release build unless --dev is given
  bench store [--dev] measure what history costs, beside plain RocksDB and timestamps
  sizing [--binary HEADWATER] [--scale N] [--only WORD]
                     measure disk, memory and processor time of each kind of event, in a release build
  case list | new NAME | run [--every] [NAME…] | bless NAME… [--yes]
                     replay tests; replay-tests/README.md tells how to write one";

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["schemas"] => schemas::write(&root),
        ["tables"] => tables::write(&root),
        ["tidy"] => tidy::check(&root).and_then(|()| tables::check(&root)),
        ["bench", "fold"] => bench::run(&root, "fold", false),
        ["bench", "fold", "--dev"] => bench::run(&root, "fold", true),
        ["bench", "store"] => bench::run(&root, "store", false),
        ["bench", "store", "--dev"] => bench::run(&root, "store", true),
        ["case", args @ ..] => case::run(&root, args),
        ["sizing", options @ ..] => sizing::run(&root, options),
        _ => bail!(USAGE),
    }
}
