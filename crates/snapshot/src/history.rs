//! Which sealed files of the history belong to a snapshot.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use headwater_event::PartitionId;
use headwater_store::PartitionStore;

/// Tells which sealed files a partition's checkpoint speaks of.
///
/// Asked after the checkpoint was made; the files told are linked at once, so that they may be removed
/// from the data folder afterwards.
pub trait HistoryFiles: std::fmt::Debug + Send + Sync {
    /// Paths below the data folder, as in `history/0/000012.parquet`. `checkpoint` is opened for
    /// reading. A file that must be there and is not is an error.
    fn of(&self, partition: PartitionId, checkpoint: &PartitionStore) -> io::Result<Vec<PathBuf>>;
}

/// Every Parquet file of the partition's folder: `history/<partition>/*.parquet`.
///
/// More than the checkpoint speaks of, if files were sealed since: sealed files are never changed,
/// and one that a store does not name is passed over.
#[derive(Debug, Clone)]
pub struct HistoryFolder {
    data_dir: PathBuf,
}

impl HistoryFolder {
    /// The history of this data folder.
    pub fn new(data_dir: &Path) -> Self {
        Self { data_dir: data_dir.to_owned() }
    }
}

impl HistoryFiles for HistoryFolder {
    fn of(&self, partition: PartitionId, _: &PartitionStore) -> io::Result<Vec<PathBuf>> {
        let folder = Path::new("history").join(partition.to_string());
        let entries = match fs::read_dir(self.data_dir.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut files = Vec::new();
        for entry in entries {
            let name = PathBuf::from(entry?.file_name());
            if name.extension().is_some_and(|extension| extension == "parquet") {
                files.push(folder.join(name));
            }
        }
        files.sort();
        Ok(files)
    }
}
