//! Who is at work on a place: so that a pruning never removes what a snapshot under way counts on.
//!
//! ```text
//! under-way/create-<id>     a snapshot is being made
//! under-way/prune-<id>      files that no snapshot names are being removed
//! ```
//!
//! Each writes its mark first and then looks for the other's; of two that begin at once, at least one
//! sees the other and gives way. A mark is written again every minute ([`BEAT`]); one that was not
//! written for a quarter of an hour ([`SILENCE_MAX`]) is of a process that died. Ages are told by the
//! clock of whoever keeps the objects: a mark's own age is that of the mark just written.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use headwater_objects::{Key, Objects};
use tokio::task::JoinHandle;

use crate::{
    error::{Error, Result},
    limits::{BEAT, SILENCE_MAX},
    manifest::SnapshotId,
};

const UNDER_WAY: &str = "under-way";

/// What is done to a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    Create,
    Prune,
}

impl Work {
    fn prefix(self) -> &'static str {
        match self {
            Self::Create => "create-",
            Self::Prune => "prune-",
        }
    }
}

/// A mark that is kept fresh until it is taken away.
#[derive(Debug)]
pub(crate) struct UnderWay {
    objects: Objects,
    key: Key,
    beating: JoinHandle<()>,
    last_beat: Arc<Mutex<Instant>>,
}

/// Who else is at work.
#[derive(Debug)]
pub(crate) struct Others {
    /// What time it is where the objects are.
    pub(crate) now: SystemTime,
    /// Ids of what is being done, of each kind.
    creating: Vec<String>,
    pruning: Vec<String>,
}

impl Others {
    /// One of those who do this.
    pub(crate) fn doing(&self, work: Work) -> Option<&str> {
        let ids = match work {
            Work::Create => &self.creating,
            Work::Prune => &self.pruning,
        };
        ids.first().map(String::as_str)
    }
}

impl UnderWay {
    /// Marks the place, and looks who else has.
    pub(crate) async fn begin(
        objects: &Objects,
        work: Work,
        id: &SnapshotId,
    ) -> Result<(Self, Others)> {
        let key = Key::new(format!("{UNDER_WAY}/{}{id}", work.prefix()))?;
        let began = Instant::now();
        beat(objects, &key).await?;
        let last_beat = Arc::new(Mutex::new(began));
        let beating =
            tokio::spawn(keep_beating(objects.clone(), key.clone(), Arc::clone(&last_beat)));
        let mark = Self { objects: objects.clone(), key, beating, last_beat };
        match mark.others().await {
            Ok(others) => Ok((mark, others)),
            Err(error) => {
                mark.end().await;
                Err(error)
            }
        }
    }

    async fn others(&self) -> Result<Others> {
        let listed = self.objects.list(&Key::new(UNDER_WAY)?).await?;
        let own = listed.iter().find(|object| object.key == self.key);
        let now = own.map(|object| object.modified).ok_or_else(|| {
            Error::retry(format!("{} lost the object {}; try again", self.objects.url(), self.key))
        })?;
        let mut others = Others { now, creating: Vec::new(), pruning: Vec::new() };
        for object in listed.iter().filter(|object| object.key != self.key) {
            let age = now.duration_since(object.modified).unwrap_or_default();
            let name = object.key.as_str().rsplit('/').next().unwrap_or_default();
            if age > SILENCE_MAX {
                // So that a list of the dead does not grow for ever.
                self.objects.delete(&object.key).await?;
            } else if let Some(id) = name.strip_prefix(Work::Create.prefix()) {
                others.creating.push(id.to_owned());
            } else if let Some(id) = name.strip_prefix(Work::Prune.prefix()) {
                others.pruning.push(id.to_owned());
            }
        }
        Ok(others)
    }

    /// Whether nobody can have taken us for dead: asked before what counts on it is done.
    pub(crate) async fn still_holds(&self) -> Result<()> {
        let last = *self.last_beat.lock().unwrap_or_else(PoisonError::into_inner);
        let there = self.objects.find(&self.key).await?.is_some();
        if last.elapsed() < SILENCE_MAX && there {
            return Ok(());
        }
        Err(Error::retry(format!(
            "{} was out of reach for too long, and files may have been removed meanwhile; try again",
            self.objects.url()
        )))
    }

    /// Takes the mark away. If that fails it is taken for dead in time.
    pub(crate) async fn end(self) {
        self.beating.abort();
        if let Err(error) = self.objects.delete(&self.key).await {
            tracing::warn!(%error, key = %self.key, "a mark is left behind; it is removed in time");
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.beating.abort();
    }
}

async fn beat(objects: &Objects, key: &Key) -> Result<()> {
    let text = format!("{{\"process\":{}}}\n", std::process::id());
    Ok(objects.put_bytes(key, Bytes::from(text)).await?)
}

async fn keep_beating(objects: Objects, key: Key, last_beat: Arc<Mutex<Instant>>) {
    loop {
        tokio::time::sleep(BEAT).await;
        let began = Instant::now();
        match beat(&objects, &key).await {
            Ok(()) => *last_beat.lock().unwrap_or_else(PoisonError::into_inner) = began,
            Err(error) => tracing::warn!(%error, %key, "a sign of life could not be written"),
        }
    }
}
