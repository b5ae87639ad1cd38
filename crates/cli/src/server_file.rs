//! `DIR/server.json`: under which addresses the server on a data folder can be reached.
//!
//! Written once it is ready and removed at the end; after `kill -9` it is left behind, so that it
//! counts only while the folder's lock is held.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::data_dir::DataDir;

/// The addresses in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Addresses {
    /// As in `http://127.0.0.1:7070`.
    pub(crate) http: String,
}

/// The file as long as the server runs: dropping it removes it.
#[derive(Debug)]
pub(crate) struct ServerFile(PathBuf);

impl ServerFile {
    /// Writes the file in one step: who sees it sees all of it.
    pub(crate) fn write(dir: &DataDir, addresses: &Addresses) -> anyhow::Result<Self> {
        let path = path(dir);
        super::data_dir::write_whole(&path, &serde_json::to_vec(addresses)?)?;
        Ok(Self(path))
    }
}

impl Drop for ServerFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// What the file says; `None` if there is none.
pub(crate) fn read(dir: &DataDir) -> anyhow::Result<Option<Addresses>> {
    let path = path(dir);
    match fs::read(&path) {
        Ok(bytes) => {
            let read = serde_json::from_slice(&bytes);
            read.map(Some).with_context(|| format!("failed to read {}", path.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
    }
}

/// Removes what a killed server left behind. Only for who holds the folder's lock.
pub(crate) fn clear(dir: &DataDir) {
    let _ = fs::remove_file(path(dir));
}

fn path(dir: &DataDir) -> PathBuf {
    dir.path().join("server.json")
}
