//! Reads the topology that a script names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use headwater_fold::family::built_in_tables;
use headwater_topology::{SourceFile, Topology, check};

use crate::case::root;

/// The topology in a folder beside the script or among those that cases share; else what is wrong with it.
pub(crate) fn read(case: &Path, name: &str) -> Result<std::result::Result<Topology, Vec<String>>> {
    let own = case.join(name);
    let shared = root().join("topologies").join(name);
    let dir = match (own.is_dir(), shared.is_dir()) {
        (true, _) => own,
        (false, true) => shared,
        _ => bail!("there is no topology in {} or {}", own.display(), shared.display()),
    };
    let dir = dir.canonicalize()?;
    let base = dir.parent().context("a topology lies in a folder")?;
    let mut files = Vec::new();
    for path in sorted(&dir)? {
        if path.extension().is_some_and(|extension| extension == "yaml") {
            files.push(file(&path, base)?);
        }
    }
    let schemas = base.join("schemas");
    if schemas.is_dir() {
        for event_type in sorted(&schemas)? {
            for path in sorted(&event_type)? {
                files.push(file(&path, base)?);
            }
        }
    }
    let reserved = |name: &str| {
        let table = built_in_tables().into_iter().find(|table| table.name == name);
        table.map(headwater_fold::Table::full_name)
    };
    Ok(check(&files, &reserved)
        .map_err(|problems| problems.iter().map(ToString::to_string).collect()))
}

fn sorted(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("failed to list {}", dir.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn file(path: &Path, base: &Path) -> Result<SourceFile> {
    let text =
        fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    let relative = path.strip_prefix(base).unwrap_or(path);
    Ok(SourceFile { path: relative.to_string_lossy().into_owned(), text })
}
