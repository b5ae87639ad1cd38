//! A data folder and its log, as one process has them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context as _, Result};
use headwater_engine::{Engine, EngineConfig};
use headwater_event::{Timestamp, payload::ClockMode};
use headwater_log::EventLog;
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaConfig, KafkaLog};
use headwater_store::{Access, StoreOptions, StoreSet};

use crate::{engines::WAIT_MAX, job::LogAt};

/// Small, since each segment is allocated whole and a case has few events.
const SEGMENT_BYTES: u64 = 1 << 18;

/// A data folder and its log.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) dir: PathBuf,
    pub(crate) log: LogAt,
    pub(crate) partitions: u32,
    pub(crate) seal_every: Option<u64>,
    pub(crate) opened_at: Timestamp,
}

impl Place {
    pub(crate) async fn log_to_write(&self) -> Result<Arc<dyn EventLog>> {
        Ok(match &self.log {
            LogAt::Embedded => {
                let options = Options {
                    data_partitions: Some(self.partitions),
                    segment_bytes: SEGMENT_BYTES,
                };
                Arc::new(EmbeddedLog::create_or_open(self.dir.join("log"), &options)?)
            }
            LogAt::Kafka { .. } => Arc::new(KafkaLog::open(self.kafka()).await?),
        })
    }

    pub(crate) async fn log_to_read(&self) -> Result<Arc<dyn EventLog>> {
        Ok(match &self.log {
            LogAt::Embedded => Arc::new(EmbeddedLog::open_read_only(self.dir.join("log"))?),
            LogAt::Kafka { .. } => Arc::new(KafkaLog::open_existing(self.kafka()).await?),
        })
    }

    fn kafka(&self) -> KafkaConfig {
        match &self.log {
            LogAt::Kafka { brokers, name } => KafkaConfig {
                name: name.clone(),
                data_partitions: Some(self.partitions),
                ..KafkaConfig::new(brokers)
            },
            LogAt::Embedded => KafkaConfig::new(""),
        }
    }

    pub(crate) fn stores(&self, access: Access) -> Result<StoreSet> {
        let options = match self.seal_every {
            None => StoreOptions::default(),
            Some(seal_every) => StoreOptions { seal_every, ..StoreOptions::default() },
        };
        Ok(StoreSet::open(&self.dir, access, options)?)
    }

    /// An engine that has folded what is on the log.
    pub(crate) async fn open(&self) -> Result<Engine> {
        fs::create_dir_all(&self.dir)
            .with_context(|| format!("failed to make {}", self.dir.display()))?;
        let config = EngineConfig {
            process: "replay tests".to_owned(),
            clock: ClockMode::Given,
            opened_at: Some(self.opened_at),
            outcome_timeout: WAIT_MAX,
            ..EngineConfig::new(&self.dir)
        };
        let engine =
            Engine::open(self.log_to_write().await?, self.stores(Access::ReadWrite)?, config)
                .await?;
        engine.wait_ready().await?;
        Ok(engine)
    }

    /// Throws the views away, with their history.
    pub(crate) fn remove_views(&self) -> Result<()> {
        for folder in ["store", "history"] {
            let path = self.dir.join(folder);
            if path.exists() {
                fs::remove_dir_all(&path)
                    .with_context(|| format!("failed to remove {}", path.display()))?;
            }
        }
        Ok(())
    }

    /// Puts log and key into another folder; of a log elsewhere, the key.
    pub(crate) fn copy_log_to(&self, to: &Path) -> Result<()> {
        copy_folder(&self.dir.join("log"), &to.join("log"))?;
        copy_folder(&self.dir.join("keys"), &to.join("keys"))
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_folder(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}
