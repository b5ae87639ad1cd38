//! `cargo xtask schemas`: writes each built-in type's JSON Schema from its Rust type.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use headwater_event::catalog::BUILT_IN;

/// Writes the newest version, `schemas/<type>/vN.json`, of every built-in type; older ones stay as they
/// were.
pub(crate) fn write(root: &Path) -> Result<()> {
    for built_in in BUILT_IN {
        let newest = format!("v{}.json", built_in.newest());
        let path = root.join("schemas").join(built_in.name).join(newest);
        let text = format!("{:#}\n", (built_in.declared_schema)());
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    println!("{} schemas written", BUILT_IN.len());
    Ok(())
}
