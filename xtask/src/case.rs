//! `cargo xtask case`: builds the program `case` and calls it.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

/// Whatever it says, the program has said it.
pub(crate) fn run(root: &Path, args: &[&str]) -> Result<()> {
    // The whole workspace decides the features: so libraries that are built are not built again.
    let built = Command::new("cargo")
        .args(["build", "--workspace", "--quiet", "--bin", "case"])
        .current_dir(root)
        .status()
        .context("cargo build")?;
    if !built.success() {
        bail!("the program `case` does not build");
    }
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let program = target.join("debug").join("case");
    let status = Command::new(&program)
        .args(args)
        .status()
        .with_context(|| format!("run {}", program.display()))?;
    match status.code() {
        Some(0) => Ok(()),
        code => std::process::exit(code.unwrap_or(1)),
    }
}
