//! `cargo xtask bench fold`: builds and runs a benchmark; figures go to docs/benchmarks.md by hand.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

/// Runs the benchmark; in the release profile unless `--dev` is given.
pub(crate) fn run(root: &Path, name: &str, dev: bool) -> Result<()> {
    let mut cargo = Command::new("cargo");
    // The whole workspace, so that dependencies have the features that every other build has.
    cargo.current_dir(root).args(["bench", "--workspace", "--bench", name]);
    if dev {
        cargo.args(["--profile", "dev"]);
    }
    let status = cargo.status()?;
    if !status.success() {
        bail!("the benchmark {name} failed: {status}");
    }
    Ok(())
}
