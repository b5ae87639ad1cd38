//! Sealed files that are kept elsewhere, too: put there, brought back, swept, and taken from the folder.

use std::{
    collections::BTreeSet,
    fs, io,
    path::PathBuf,
    time::{Duration, SystemTime},
};

use crate::{Error, ErrorKind, History, Piece, Result, SWEEP_AFTER};

impl History {
    /// Where the files are kept besides the folder, for people.
    pub fn kept_elsewhere(&self) -> Option<String> {
        self.elsewhere.as_ref().map(|elsewhere| elsewhere.describe())
    }

    fn name(&self, file: &str) -> String {
        format!("{}/{file}", self.partition)
    }

    /// Puts a file of the folder where it is kept, if there is such a place.
    pub(crate) fn keep(&self, file: &str) -> Result<()> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(()) };
        let put = elsewhere.put(&self.name(file), &self.dir.join(file));
        put.map_err(|error| self.failed("keep", file, &error))
    }

    /// Sees to it that the file of a piece is in the folder; answers its path.
    pub fn bring(&self, piece: &Piece) -> Result<PathBuf> {
        let path = self.dir.join(&piece.file);
        let Some(elsewhere) = &self.elsewhere else { return Ok(path) };
        if !path.try_exists().map_err(|error| Error::io("look for", &path, &error))? {
            fs::create_dir_all(&self.dir)
                .map_err(|error| Error::io("make the folder", &self.dir, &error))?;
            let fetched = elsewhere.fetch(&self.name(&piece.file), &path);
            fetched.map_err(|error| self.failed("bring back", &piece.file, &error))?;
        }
        Ok(path)
    }

    /// Puts all of these files where they are kept, but for those that are: a folder may have been sealed
    /// before there was such a place.
    pub fn keep_all(&self, named: &BTreeSet<String>) -> Result<usize> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(0) };
        let kept = elsewhere.list(&self.partition);
        let kept = kept.map_err(|error| self.failed("list", "", &error))?;
        let kept: BTreeSet<String> = kept.into_iter().map(|(file, _)| file).collect();
        let missing = named.iter().filter(|file| !kept.contains(*file));
        let mut put = 0;
        for file in missing {
            self.keep(file)?;
            put += 1;
        }
        Ok(put)
    }

    /// Takes the files that were used longest ago from the folder, as far as it holds more than it should.
    /// All of `named` are kept elsewhere; whoever reads one of them has it open.
    pub fn make_room(&self, named: &BTreeSet<String>) -> Result<usize> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(0) };
        let failed = |error: io::Error| Error::io("list", &self.dir, &error);
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            Err(error) => return Err(failed(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if named.contains(&name) {
                let of = entry.metadata().map_err(failed)?;
                let used = of.accessed().or_else(|_| of.modified()).map_err(failed)?;
                files.push((used, of.len(), entry.path()));
            }
        }
        files.sort();
        let mut surplus = files.iter().map(|(_, bytes, _)| *bytes).sum::<u64>();
        surplus = surplus.saturating_sub(elsewhere.local_bytes_max());
        let mut taken = 0;
        for (_, bytes, path) in files {
            if surplus == 0 {
                break;
            }
            fs::remove_file(&path).map_err(|error| Error::io("remove", &path, &error))?;
            surplus = surplus.saturating_sub(bytes);
            taken += 1;
        }
        Ok(taken)
    }

    /// Removes what is kept elsewhere, was put there long ago, and no manifest names.
    pub(crate) fn sweep_elsewhere(&self, named: &BTreeSet<String>) -> Result<usize> {
        let Some(elsewhere) = &self.elsewhere else { return Ok(0) };
        let kept = elsewhere.list(&self.partition);
        let kept = kept.map_err(|error| self.failed("list", "", &error))?;
        let long_ago = |at: &SystemTime| at.elapsed().unwrap_or(Duration::ZERO) >= SWEEP_AFTER;
        let mut swept = 0;
        for (file, _) in kept.iter().filter(|(file, at)| !named.contains(file) && long_ago(at)) {
            let removed = elsewhere.remove(&self.name(file));
            removed.map_err(|error| self.failed("remove", file, &error))?;
            swept += 1;
        }
        Ok(swept)
    }

    fn failed(&self, what: &str, file: &str, error: &io::Error) -> Error {
        let place = self.kept_elsewhere().unwrap_or_default();
        let told = format!("{what} sealed history {} at {place}: {error}", self.name(file));
        let kind = match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::InvalidData => ErrorKind::Corrupt,
            _ => ErrorKind::Retry,
        };
        Error::new(kind, told)
    }
}
