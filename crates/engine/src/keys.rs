//! The key that control records are signed with: made with the log, kept beside the data.

use std::{
    fs,
    io::{ErrorKind as IoErrorKind, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use crate::{Error, ErrorKind, Result};

const FILE: &str = "control.ed25519";

/// The key of the log `log_id`; must exist.
pub(crate) fn load(dir: &Path, log_id: &str) -> Result<[u8; 32]> {
    let path = dir.join(FILE);
    let bytes = fs::read(&path).map_err(|error| {
        let hint = "copy the folder keys/ of the process that made the log";
        Error::new(
            ErrorKind::Reject,
            format!(
                "the key of log {log_id} can't be read from {}: {error}; {hint}",
                path.display()
            ),
        )
    })?;
    <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| {
        Error::new(ErrorKind::Corrupt, format!("{} does not hold 32 bytes", path.display()))
    })
}

/// The key for a new log: an existing one, or a new one, written before it is used.
pub(crate) fn load_or_make(dir: &Path) -> Result<[u8; 32]> {
    let path = dir.join(FILE);
    match fs::read(&path) {
        Ok(_) => return load(dir, "to be made"),
        Err(error) if error.kind() == IoErrorKind::NotFound => {}
        Err(error) => return Err(failed(&path, &error)),
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)
        .map_err(|error| Error::new(ErrorKind::Bug, format!("no randomness: {error}")))?;
    fs::create_dir_all(dir).map_err(|error| failed(dir, &error))?;
    let write = || {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(&secret)?;
        file.sync_all()?;
        fs::File::open(dir)?.sync_all()
    };
    write().map_err(|error| failed(&path, &error))?;
    Ok(secret)
}

fn failed(path: &Path, error: &std::io::Error) -> Error {
    Error::new(ErrorKind::Retry, format!("{}: {error}", path.display()))
}
