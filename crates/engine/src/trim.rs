//! Trimming: a snapshot becomes the log's origin, and the records before it are taken away.
//!
//! First the record that says so, then the records go: a crash in between is made good at the next start.
//! The last record that is in the snapshot stays, so that a store is checked against it for ever.

use std::collections::BTreeMap;

use headwater_event::{Offset, PartitionId, catalog::names, payload::LogTrimmed};
use headwater_fold::{Origin, RULES_KNOWN};
use serde::{Deserialize, Serialize};

use crate::{
    Engine, Error, ErrorKind, Result,
    beginning::is_origin,
    marks,
    past::known_at,
    shared::{PartitionShared, Progress},
};

/// What a trim came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogTrim {
    /// The snapshot that is the log's origin.
    pub snapshot: String,
    /// Where each partition of the log began before.
    pub began: BTreeMap<PartitionId, Offset>,
    /// Where it begins now: at most the snapshot's position.
    pub begins: BTreeMap<PartitionId, Offset>,
}

impl Engine {
    /// Makes a snapshot, which the caller has found whole, the log's origin; then takes the records before
    /// it away, for ever.
    ///
    /// Refused if the snapshot is not of this log, if a later one is the origin already, and while a new
    /// version of a view is being built, since its history is folded from those records.
    pub async fn trim_log(&self, trimmed: &LogTrimmed) -> Result<LogTrim> {
        let mut origins = BTreeMap::new();
        for partition in self.shared().partitions.values() {
            origins.insert(partition.id, self.check_origin(partition, trimmed).await?);
        }
        let epoch = self.shared().epoch();
        let told = self.append_system(names::LOG_TRIMMED, "log", epoch, trimmed).await?;
        self.wait_until(PartitionId::Control, told.next()).await?;
        let control = self.head(PartitionId::Control)?;
        if control.origin.as_ref() != origins.get(&PartitionId::Control) {
            return Err(refused("a new version of a view is being built; trim once it is read"));
        }
        for partition in self.shared().partitions.values() {
            let origin = origins.get(&partition.id);
            let reached = |progress: &Progress| progress.head.origin.as_ref() == origin;
            self.wait_for(partition, reached).await?;
        }
        let mut trim = LogTrim {
            snapshot: trimmed.snapshot.clone(),
            began: BTreeMap::new(),
            begins: BTreeMap::new(),
        };
        for (id, origin) in origins {
            trim.began.insert(id, self.log().start(id).await?);
            trim.begins.insert(id, self.log().trim(id, origin.offset).await?);
        }
        tracing::info!(snapshot = %trim.snapshot, begins = ?trim.begins, "the log was trimmed");
        Ok(trim)
    }

    /// Checks that the partition came through the snapshot's position, and marks what it knew there: from
    /// this, history is folded once the records are gone.
    async fn check_origin(
        &self,
        partition: &PartitionShared,
        trimmed: &LogTrimmed,
    ) -> Result<Origin> {
        let (id, snapshot) = (partition.id, &trimmed.snapshot);
        let name = id.to_string();
        let position = trimmed.positions.iter().find(|position| position.partition == name);
        let position =
            position.ok_or_else(|| refused(format!("{snapshot} lacks partition {id}")))?;
        let origin = Origin {
            snapshot: snapshot.clone(),
            place: trimmed.place.clone(),
            offset: Offset(position.offset),
            chain: position.chain.clone(),
        };
        let progress = partition.progress.borrow().clone();
        if progress.head.rules < RULES_KNOWN && id == PartitionId::Control {
            return Err(refused("the log's rules are older than trimming; restart the server"));
        }
        let before = progress.head.origin.as_ref().map_or(Offset(0), |before| before.offset);
        if origin.offset < before {
            return Err(refused(format!(
                "it was trimmed up to offset {before} of partition {id} already, and the snapshot ends \
                 at offset {}: name a newer one",
                origin.offset
            )));
        }
        if progress.next <= origin.offset {
            return Err(refused(format!(
                "partition {id} is folded up to offset {}, and the snapshot goes up to {}",
                progress.next, origin.offset
            )));
        }
        let store = &partition.store;
        let (log, rows) = (&**self.log(), store.snapshot());
        let known = known_at(log, id, &rows, &partition.history, origin.offset).await?;
        let Some(position) = known.position.filter(|position| is_origin(position, &origin)) else {
            return Err(refused(format!(
                "snapshot {snapshot} is not of this log: its chain at offset {} of partition {id} is \
                 another",
                origin.offset
            )));
        };
        let head = serde_json::to_vec(&known.head)
            .map_err(|error| Error::new(ErrorKind::Bug, error.to_string()))?;
        let marks = vec![marks::of_place(&position, &head)];
        store.commit(&headwater_store::Commit { marks, ..Default::default() })?;
        Ok(origin)
    }
}

/// Takes away what a crash, or a log out of reach, left of a trim.
pub(crate) async fn finish_trimming(engine: Engine) {
    if engine.wait_ready().await.is_err() {
        return;
    }
    for partition in engine.shared().partitions.values() {
        let origin = partition.progress.borrow().head.origin.clone();
        let Some(origin) = origin else { continue };
        if let Err(error) = engine.log().trim(partition.id, origin.offset).await {
            tracing::warn!(partition = %partition.id, %error, "the log could not be trimmed; the next start tries again");
        }
    }
}

fn refused(why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Reject, format!("trim the log: {why}"))
}
