//! Cases on disk.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    acts::{self, Line},
    script::Script,
};

/// A case.
#[derive(Debug)]
pub struct Case {
    /// Its folder's name.
    pub name: String,
    /// Its folder.
    pub dir: PathBuf,
    /// What is done and asked.
    pub script: Script,
    /// What can be played.
    pub lines: Vec<Line>,
}

/// The folder `replay-tests`.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The names of all cases, in order.
pub fn names() -> Result<Vec<String>> {
    let cases = root().join("cases");
    let mut names = Vec::new();
    for entry in
        fs::read_dir(&cases).with_context(|| format!("failed to list {}", cases.display()))?
    {
        let entry = entry?;
        if entry.path().is_dir() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

impl Case {
    /// Reads the case of this name.
    pub fn named(name: &str) -> Result<Self> {
        let dir = root().join("cases").join(name);
        if !dir.join("script.txt").is_file() {
            bail!("there is no case `{name}`; there are {}", names()?.join(", "));
        }
        Self::read(&dir)
    }

    /// Reads the case in a folder.
    pub fn read(dir: &Path) -> Result<Self> {
        let text = |name: &str| {
            let path = dir.join(name);
            fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))
        };
        let name =
            dir.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let of_case = || format!("case {name}");
        let script = Script::read(&text("script.txt")?).with_context(of_case)?;
        let lines = acts::read(&text("events.jsonl")?).with_context(of_case)?;
        Ok(Self { name, dir: dir.to_owned(), script, lines })
    }

    /// Where its golden stands.
    pub fn golden_path(&self) -> PathBuf {
        self.dir.join("golden.txt")
    }

    /// What it must print; nothing if nobody has blessed anything yet.
    pub fn golden(&self) -> Result<String> {
        match fs::read_to_string(self.golden_path()) {
            Ok(text) => Ok(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(error)
                .with_context(|| format!("failed to read {}", self.golden_path().display())),
        }
    }

    /// How many acts it has.
    pub fn acts(&self) -> usize {
        self.script.acts(self.lines.len())
    }
}
