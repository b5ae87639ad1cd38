//! Reads a topology's folder: its YAML files, and the schemas that they may ask for.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::Context as _;
use headwater_topology::SourceFile;

use crate::exit::misuse;

/// A file that is larger is no declaration; the check itself refuses smaller ones than this.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The check refuses longer ones: they travel in the topology.
const SCRIPT_BYTES_MAX: u64 = 1024 * 1024;
/// A folder that holds more is not a folder of schemas.
const FILES_MAX: usize = 20_000;
/// Event types are folders within `schemas`; deeper lies nothing of ours.
const DEPTH_MAX: usize = 8;

/// Reads `DIR/*.yaml` and the versions of schemas beside DIR, by paths relative to DIR's parent.
pub(crate) fn read(dir: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let whole = dir.canonicalize().map_err(|error| {
        misuse(format!(
            "failed to read the topology in {}: {error}; name a folder of YAML files",
            dir.display()
        ))
    })?;
    let base = whole.parent().unwrap_or(&whole).to_owned();
    let mut paths = BTreeSet::new();
    for path in entries(&whole)? {
        if is_yaml(&path) && path.is_file() {
            paths.insert(path);
        }
    }
    if paths.is_empty() {
        return Err(misuse(format!(
            "there is no *.yaml file in {}: see `headwater init` for one to start from",
            dir.display()
        )));
    }
    let mut files = Vec::new();
    for path in &paths {
        files.push(read_file(path, &base)?);
    }
    let mut schemas = BTreeSet::new();
    collect_schemas(&base.join("schemas"), DEPTH_MAX, &mut schemas)?;
    for folder in files.iter().flat_map(|file| asked_folders(file, &base)) {
        collect_schemas(&folder, 0, &mut schemas)?;
    }
    for path in schemas.iter().chain(&scripts(&base)?) {
        files.push(read_file(path, &base)?);
    }
    Ok(files)
}

/// Files that programs of effects are given by name.
fn scripts(base: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let dir = base.join("scripts");
    if !dir.is_dir() {
        return Ok(BTreeSet::new());
    }
    // What is not text there, nobody can name.
    let text = |path: &PathBuf| fs::read(path).is_ok_and(|bytes| str::from_utf8(&bytes).is_ok());
    let small = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() <= SCRIPT_BYTES_MAX)
    };
    Ok(entries(&dir)?.into_iter().filter(|path| small(path) && text(path)).collect())
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|ext| ext == "yaml" || ext == "yml")
}

fn entries(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let failed = || format!("failed to read the folder {}", dir.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).with_context(failed)? {
        paths.push(entry.with_context(failed)?.path());
        if paths.len() > FILES_MAX {
            return Err(misuse(format!("{} holds more than {FILES_MAX} files", dir.display())));
        }
    }
    Ok(paths)
}

/// `v1.json`, `v1.sample.json` and their like.
fn collect_schemas(dir: &Path, depth: usize, into: &mut BTreeSet<PathBuf>) -> anyhow::Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    for path in entries(dir)? {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && depth > 0 {
            collect_schemas(&path, depth - 1, into)?;
        } else if name.starts_with('v') && name.ends_with(".json") {
            into.insert(path);
        }
    }
    Ok(())
}

/// The folders of `schema: ../elsewhere/v1.json`, as far as they lie below `base`.
///
/// Read from the text as it stands: a path too many does no harm, and what is missing the check tells.
fn asked_folders(file: &SourceFile, base: &Path) -> Vec<PathBuf> {
    let here = base.join(&file.path);
    let here = here.parent().unwrap_or(base);
    let targets = file.text.split("schema:").skip(1).map(|rest| {
        let rest = rest.trim_start_matches([' ', '"', '\'']);
        rest.split(['"', '\'', ',', '}', '#', '\n', ' ']).next().unwrap_or_default()
    });
    targets
        .filter(|target| target.ends_with(".json") && !target.starts_with('/'))
        .filter_map(|target| below(base, &here.join(target))?.parent().map(Path::to_owned))
        .collect()
}

/// The path without `.` and `..`, if it lies below `base`.
fn below(base: &Path, path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out.starts_with(base).then_some(out)
}

fn read_file(path: &Path, base: &Path) -> anyhow::Result<SourceFile> {
    let failed = || format!("failed to read {}", path.display());
    let bytes = fs::metadata(path).with_context(failed)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(misuse(format!("{} has {bytes} bytes; it is no declaration", path.display())));
    }
    let text = String::from_utf8(fs::read(path).with_context(failed)?)
        .map_err(|_| misuse(format!("{} is not UTF-8 text", path.display())))?;
    let relative = path.strip_prefix(base).unwrap_or(path);
    let steps: Vec<_> = relative.iter().map(|step| step.to_string_lossy()).collect();
    Ok(SourceFile { path: steps.join("/"), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_elsewhere_are_read_too() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "topology/a.yaml",
            "x: { schema: '../other/b/v1.json' }\ny:\n  schema: ../../../etc/v1.json",
        );
        write("topology/notes.txt", "");
        write("schemas/a.b/v1.json", "{}");
        write("schemas/a.b/README.md", "");
        write("other/b/v1.json", "{}");
        write("other/b/v2.json", "{}");
        let files = read(&root.path().join("topology")).unwrap();
        let paths: Vec<_> = files.into_iter().map(|file| file.path).collect();
        let expected =
            ["topology/a.yaml", "other/b/v1.json", "other/b/v2.json", "schemas/a.b/v1.json"];
        assert_eq!(paths, expected);
    }
}
