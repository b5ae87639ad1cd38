//! The data folder: a demo begins in an empty one, and knows a former demo's by its marker.

use std::{fs, io::ErrorKind, path::Path};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::data_dir::Lock;

/// What a demo leaves in its folder; nothing else is ever removed.
const MADE: [&str; 8] =
    ["log", "store", "keys", "artifacts", "scratch", "log.json", "server.json", MARKER];
/// Stays, as long as somebody may hold it.
const LOCK: &str = "lock";
const MARKER: &str = "demo.json";

/// What is in a folder.
#[derive(Debug, PartialEq)]
pub(crate) enum Found {
    /// Nothing: a demo can begin.
    Empty,
    /// A demo that came to its end, with its figures.
    Finished(Value),
    /// A demo that did not.
    Unfinished,
    /// Something else.
    Foreign,
}

impl Found {
    /// Looks into a folder that need not exist.
    pub(crate) fn of(dir: &Path) -> Result<Self> {
        let context = || format!("read {}", dir.display());
        match fs::read(dir.join(MARKER)) {
            Ok(marker) => {
                let marker: Value = serde_json::from_slice(&marker).unwrap_or_default();
                let figures = marker.get("figures").filter(|figures| figures.is_object());
                return Ok(figures.map_or(Self::Unfinished, |it| Self::Finished(it.clone())));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(context),
        }
        match fs::read_dir(dir) {
            Ok(entries) => {
                let mut others = entries.flatten().filter(|entry| entry.file_name() != LOCK);
                Ok(others.next().map_or(Self::Empty, |_| Self::Foreign))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::Empty),
            Err(error) => Err(error).with_context(context),
        }
    }
}

/// Removes a former demo. Needs the folder's lock, which says that nobody writes there.
pub(crate) fn clear(dir: &Path, _: &Lock) -> Result<()> {
    for name in MADE {
        let path = dir.join(name);
        let remove = if path.is_dir() { fs::remove_dir_all } else { fs::remove_file };
        match remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("remove {}", path.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Marks a folder as a demo's, finished if there are figures.
pub(crate) fn mark(dir: &Path, figures: Option<&Value>) -> Result<()> {
    let marker = json!({"demo": "cdnow", "figures": figures});
    let path = dir.join(MARKER);
    fs::write(&path, format!("{marker:#}\n")).with_context(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Found, clear, mark};
    use crate::data_dir::DataDir;

    #[test]
    fn a_folder_is_known_by_its_marker() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Found::of(&dir.path().join("none")).unwrap(), Found::Empty);
        let _lock = DataDir::new(dir.path()).lock().unwrap();
        assert_eq!(Found::of(dir.path()).unwrap(), Found::Empty);
        mark(dir.path(), None).unwrap();
        assert_eq!(Found::of(dir.path()).unwrap(), Found::Unfinished);
        mark(dir.path(), Some(&json!({"ok": true}))).unwrap();
        assert_eq!(Found::of(dir.path()).unwrap(), Found::Finished(json!({"ok": true})));
    }

    #[test]
    fn only_what_a_demo_made_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DataDir::new(dir.path()).lock().unwrap();
        mark(dir.path(), None).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        clear(dir.path(), &lock).unwrap();
        assert_eq!(Found::of(dir.path()).unwrap(), Found::Foreign);
        assert!(dir.path().join("notes.txt").exists());
    }
}
