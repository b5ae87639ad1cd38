//! Objects as files of a folder: written beside their place, synced, renamed, the folder synced.
//!
//! ```text
//! ROOT/<key>                        an object
//! ROOT/…/.new-<pid>-<number>        half an object: no key begins with a dot
//! ```

use std::{
    fs::{self, File},
    io::{self, ErrorKind as Io, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use crate::{
    error::{Error, ErrorKind, Result},
    key::Key,
    limits::LISTED_MAX,
    objects::{Object, too_many},
};

/// What the name of a file begins with while it is written.
const UNFINISHED: &str = ".new-";

static WRITTEN: AtomicU64 = AtomicU64::new(0);

/// A folder of objects.
#[derive(Debug, Clone)]
pub(crate) struct Folder(Arc<PathBuf>);

impl Folder {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self(Arc::new(root))
    }

    /// Does file work where it may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let folder = self.clone();
        tokio::task::spawn_blocking(move || work(folder))
            .await
            .map_err(|_| Error::new(ErrorKind::Retry, "reach the disk: the program is stopping"))?
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.0.join(key.as_str())
    }

    /// Writes an object; `false` if there is one and it is not to be written over.
    pub(crate) fn put(&self, key: &Key, bytes: &[u8], over: bool) -> Result<bool> {
        let path = self.path(key);
        if !over && path.exists() {
            return Ok(false);
        }
        let written = write(&path, over, |file| file.write_all(bytes));
        written.map_err(|error| Error::io("write", &path.display().to_string(), &error))
    }

    pub(crate) fn put_file(&self, key: &Key, from: &Path) -> Result<u64> {
        let path = self.path(key);
        copy(from, &path).map_err(|error| {
            let place = format!("{} from {}", path.display(), from.display());
            Error::io("write", &place, &error)
        })
    }

    pub(crate) fn get(&self, key: &Key, bytes_max: u64) -> Result<Bytes> {
        let path = self.path(key);
        let place = path.display().to_string();
        let failed = |error: io::Error| Error::io("read", &place, &error);
        let file = File::open(&path).map_err(failed)?;
        let mut bytes = Vec::new();
        // One more than may be: the file may grow between a look at its size and the read.
        file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > bytes_max {
            return Err(too_large(&place, bytes_max));
        }
        Ok(bytes.into())
    }

    pub(crate) fn get_file(&self, key: &Key, to: &Path) -> Result<u64> {
        let path = self.path(key);
        // Told apart from a place that can't be written to.
        if let Err(error) = File::open(&path) {
            return Err(Error::io("read", &path.display().to_string(), &error));
        }
        copy(&path, to).map_err(|error| {
            let place = format!("{} to {}", path.display(), to.display());
            Error::io("copy", &place, &error)
        })
    }

    pub(crate) fn list(&self, prefix: &Key) -> Result<Vec<Object>> {
        let mut found = Vec::new();
        // Prefixes of keys are folders, so that one level of them is open at a time.
        let mut folders = vec![prefix.as_str().to_owned()];
        while let Some(folder) = folders.pop() {
            let path = self.0.join(&folder);
            let failed = |error: &io::Error| Error::io("list", &path.display().to_string(), error);
            let entries = match fs::read_dir(&path) {
                Ok(entries) => entries,
                // None was written yet, or the last was removed just now.
                Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => continue,
                Err(error) => return Err(failed(&error)),
            };
            for entry in entries {
                let entry = entry.map_err(|error| failed(&error))?;
                let name = entry.file_name();
                // What is no key was not written by us, or is half written.
                let Some(key) = name.to_str().and_then(|n| Key::new(format!("{folder}/{n}")).ok())
                else {
                    continue;
                };
                let kind = entry.file_type().map_err(|error| failed(&error))?;
                if kind.is_dir() {
                    folders.push(key.as_str().to_owned());
                } else if let Some(object) = self.find(&key)? {
                    found.push(object);
                }
                if found.len() > LISTED_MAX {
                    return Err(too_many(&path.display().to_string()));
                }
            }
        }
        Ok(found)
    }

    pub(crate) fn find(&self, key: &Key) -> Result<Option<Object>> {
        let path = self.path(key);
        let told = fs::metadata(&path).and_then(|metadata| {
            let modified = metadata.modified()?;
            Ok(metadata.is_file().then(|| Object {
                key: key.clone(),
                bytes: metadata.len(),
                modified,
            }))
        });
        match told {
            Err(error) if matches!(error.kind(), Io::NotFound | Io::NotADirectory) => Ok(None),
            told => told.map_err(|error| Error::io("read", &path.display().to_string(), &error)),
        }
    }

    pub(crate) fn delete(&self, key: &Key) -> Result<()> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != Io::NotFound => {
                Err(Error::io("remove", &path.display().to_string(), &error))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn too_large(place: &str, bytes_max: u64) -> Error {
    Error::new(ErrorKind::TooLarge, format!("read {place}: it has more than {bytes_max} bytes"))
}

/// Copies a file to where it appears whole, synced, or not at all.
fn copy(from: &Path, to: &Path) -> io::Result<u64> {
    let mut source = File::open(from)?;
    let mut bytes = 0;
    write(to, true, |file| {
        bytes = io::copy(&mut source, file)?;
        Ok(())
    })?;
    Ok(bytes)
}

/// Makes a file that appears whole, synced, or not at all; `false` if there was one and it is not to
/// be written over.
pub(crate) fn write(
    path: &Path,
    over: bool,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<bool> {
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folders(folder)?;
    let fresh = unfinished(folder);
    let placed = File::create_new(&fresh).and_then(|mut file| {
        fill(&mut file)?;
        file.sync_all()?;
        if over {
            return fs::rename(&fresh, path).map(|()| true);
        }
        // A rename would take the place of what came meanwhile; a link does not.
        let placed = match fs::hard_link(&fresh, path) {
            Err(error) if error.kind() == Io::AlreadyExists => Ok(false),
            linked => linked.map(|()| true),
        };
        fs::remove_file(&fresh)?;
        placed
    });
    match placed {
        Ok(placed) => File::open(folder)?.sync_all().map(|()| placed),
        Err(error) => {
            let _ = fs::remove_file(&fresh);
            Err(error)
        }
    }
}

/// A name in this folder that no other writer has.
pub(crate) fn unfinished(folder: &Path) -> PathBuf {
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("{UNFINISHED}{}-{number}", std::process::id()))
}

/// Makes a folder and those above it, each known to the one above even after a power cut.
pub(crate) fn make_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(Path::new(""));
    make_folders(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != Io::AlreadyExists => return Err(error),
        _ => {}
    }
    let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
    File::open(above)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_half_written_is_not_listed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::new(dir.path().join("root"));
        let key = Key::new("blobs/a").unwrap();
        assert!(folder.put(&key, b"a", true).unwrap());
        fs::write(unfinished(&dir.path().join("root/blobs")), b"hal").unwrap();
        let listed = folder.list(&Key::new("blobs").unwrap()).unwrap();
        assert_eq!(listed.into_iter().map(|object| object.key).collect::<Vec<_>>(), [key]);
    }

    #[test]
    fn a_write_that_fails_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        let failed = write(&path, true, |file| {
            file.write_all(b"hal")?;
            Err(io::Error::other("the disk is gone"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
