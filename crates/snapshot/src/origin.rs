//! Whether a snapshot can be a log's origin: found whole, by a restore that is thrown away.

use headwater_event::payload::{LogTrimmed, OriginPosition};
use headwater_objects::Objects;

use crate::{
    create::{Maker, blocking},
    error::{Error, Result},
    list::open,
    manifest::SnapshotId,
    progress::Told,
    restore::fetch,
    restored_store,
};

impl Maker {
    /// Reads all of a snapshot, the newest if none is named, and checks it as a restore does; answers what
    /// the log must be told so that it begins there. Nothing of what was read stays.
    pub async fn find_whole(
        &self,
        objects: &Objects,
        id: Option<&SnapshotId>,
        progress: Told<'_>,
    ) -> Result<LogTrimmed> {
        let scratch = self.scratch_dir();
        let manifest = open(objects, id).await?;
        std::fs::create_dir_all(scratch)
            .map_err(|error| Error::io("make the folder", scratch, &error))?;
        let dir = tempfile::Builder::new()
            .prefix("origin-")
            .tempdir_in(scratch)
            .map_err(|error| Error::io("make a folder in", scratch, &error))?;
        fetch(objects, &manifest, dir.path(), progress).await?;
        let (root, of) = (dir.path().to_owned(), manifest.clone());
        blocking(move || restored_store::check(&root, &of)).await??;
        let positions = manifest.partitions.iter().map(|partition| OriginPosition {
            partition: partition.partition.to_string(),
            offset: partition.position.offset.0,
            chain: partition.position.chain.clone(),
        });
        Ok(LogTrimmed {
            snapshot: manifest.id.to_string(),
            place: objects.url().to_owned(),
            positions: positions.collect(),
        })
    }
}
