//! `DIR/history.json`: where a data folder's sealed history is kept besides the folder.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use headwater_engine::{ErrorKind, HistoryPlace};
use headwater_objects::Objects;
use headwater_store::Elsewhere;
use serde::{Deserialize, Serialize};

use crate::{
    data_dir::{read_whole, write_whole},
    exit::misuse,
    objects_config,
};

/// What stays in the folder of each partition unless told otherwise: some hundred million versions.
pub(crate) const CACHE_BYTES_DEFAULT: u64 = 8 << 30;

/// A place and how it is reached: what `history.json` holds. Secrets stand in neither.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HistoryChoice {
    place: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    objects_config: Option<PathBuf>,
    cache_bytes: u64,
}

impl HistoryChoice {
    fn path(dir: &Path) -> PathBuf {
        dir.join("history.json")
    }

    /// What the folder remembers.
    fn read(dir: &Path) -> anyhow::Result<Option<Self>> {
        read_whole(&Self::path(dir))
    }

    /// What the command line says.
    pub(crate) fn given(
        place: &str,
        objects_config: Option<&Path>,
        cache_bytes: u64,
    ) -> anyhow::Result<Self> {
        let absolute = |path: &Path| {
            path.canonicalize()
                .map_err(|e| misuse(format!("--objects-config {}: {e}", path.display())))
        };
        let objects_config = objects_config.map(absolute).transpose()?;
        Ok(Self { place: objects_config::whole_place(place)?, objects_config, cache_bytes })
    }

    fn objects(&self) -> anyhow::Result<Objects> {
        let properties = objects_config::read(self.objects_config.as_deref())?;
        Objects::open(&self.place, &properties)
            .map_err(|error| misuse(format!("failed to {error}")))
    }
}

/// Where the history of a folder is kept that is opened to be written; remembered, if it is named.
pub(crate) async fn to_write(
    dir: &Path,
    given: Option<HistoryChoice>,
) -> anyhow::Result<Option<Arc<dyn Elsewhere>>> {
    let known = HistoryChoice::read(dir)?;
    if let (Some(known), Some(given)) = (&known, &given)
        && known.place != given.place
    {
        return Err(misuse(format!(
            "the sealed history of {} is kept at {}, and files of it are there alone: leave --history \
             out. To move it, make a snapshot and restore it into another data folder",
            dir.display(),
            known.place
        )));
    }
    let Some(choice) = given.or(known.clone()) else { return Ok(None) };
    let place = HistoryPlace::open(choice.objects()?, dir, choice.cache_bytes).await;
    let place = place.map_err(|error| match error.kind() {
        ErrorKind::Reject => misuse(format!("failed to {error}")),
        _ => anyhow::Error::new(error).context("failed to reach where sealed history is kept"),
    })?;
    if known.as_ref() != Some(&choice) {
        write_whole(&HistoryChoice::path(dir), &serde_json::to_vec(&choice)?)?;
    }
    Ok(Some(Arc::new(place)))
}

/// Where the history of a folder is kept that is only read.
pub(crate) fn to_read(dir: &Path) -> anyhow::Result<Option<Arc<dyn Elsewhere>>> {
    let Some(choice) = HistoryChoice::read(dir)? else { return Ok(None) };
    let place = HistoryPlace::of(choice.objects()?, choice.cache_bytes)?;
    Ok(Some(Arc::new(place)))
}
