//! `cargo xtask sizing`: what a million events of each kind cost in disk, memory and processor time;
//! the figures go to docs/sizing.md by hand.
//!
//! Each kind has a data folder and a server of its own, with one data partition and the embedded log. What
//! the folder takes before the events is taken off. First as many events as stay in the tail, then the rest,
//! of which whole stretches are sealed; at the end a retention of one second takes old versions away.

mod events;
mod kinds;
mod measure;
mod print;
mod server;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use kinds::KINDS;

/// Numbers of data partitions for which a server without events is looked at; the default among them.
const PARTITIONS: [u32; 3] = [1, 4, 16];

/// What was asked for.
struct Options {
    /// A binary that is there; left out, it is built.
    binary: Option<PathBuf>,
    /// How many times as many events.
    scale: u64,
    /// Kinds whose name contains it.
    only: String,
}

/// Measures every kind, or those whose name contains a word.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<()> {
    let options = options(args)?;
    let binary = match options.binary {
        Some(binary) => fs::canonicalize(&binary)
            .with_context(|| format!("find the binary {}", binary.display()))?,
        None => build(root)?,
    };
    let work = std::env::temp_dir().join(format!("headwater-sizing-{}", std::process::id()));
    let mut all = Vec::new();
    for kind in KINDS.iter().filter(|kind| kind.name.contains(&options.only)) {
        fs::create_dir_all(&work).with_context(|| format!("make {}", work.display()))?;
        let measured = measure::measure(&binary, &work, kind, options.scale);
        fs::remove_dir_all(&work).with_context(|| format!("remove {}", work.display()))?;
        let measured = measured.with_context(|| format!("measure {}", kind.name))?;
        eprintln!("{measured:?}");
        all.push(measured);
    }
    let mut idle = Vec::new();
    for partitions in if options.only.is_empty() { &PARTITIONS[..] } else { &[] } {
        fs::create_dir_all(&work)?;
        let measured = measure::idle(&binary, &work, *partitions);
        fs::remove_dir_all(&work)?;
        idle.push((*partitions, measured?));
    }
    print::tables(&all, &idle);
    Ok(())
}

fn options(args: &[&str]) -> Result<Options> {
    let mut options = Options { binary: None, scale: 1, only: String::new() };
    let mut args = args.iter();
    while let Some(name) = args.next() {
        let value = args.next().with_context(|| format!("{name} needs a value"))?;
        match *name {
            "--binary" => options.binary = Some(PathBuf::from(value)),
            "--scale" => options.scale = value.parse().context("--scale takes a whole number")?,
            "--only" => options.only = (*value).to_owned(),
            _ => bail!("unknown option {name}"),
        }
    }
    Ok(options)
}

/// The release binary, built with the features that every other build of the workspace has.
fn build(root: &Path) -> Result<PathBuf> {
    let status = Command::new("cargo")
        .current_dir(root)
        .args(["build", "--release", "--workspace", "--bins"])
        .status()?;
    if !status.success() {
        bail!("the build failed: {status}");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    fs::canonicalize(target.join("release/headwater")).context("find the binary that was built")
}
