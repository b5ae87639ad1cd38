//! `DIR/log.json`: which log a data folder's stores belong to, and how it is opened.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use headwater_log::EventLog;
use headwater_log_embedded::{EmbeddedLog, Options};
use headwater_log_kafka::{KafkaConfig, KafkaLog};
use serde::{Deserialize, Serialize};

use crate::{
    data_dir::{read_whole, write_whole},
    exit::misuse,
    log_url::LogUrl,
    properties,
};

/// A log and how it is reached: what `log.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct LogChoice {
    log: LogUrl,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    properties_file: Option<PathBuf>,
}

impl LogChoice {
    /// Where a data folder remembers it.
    pub(crate) fn path(dir: &Path) -> PathBuf {
        dir.join("log.json")
    }

    /// What the folder remembers.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Option<Self>> {
        read_whole(&Self::path(dir))
    }

    /// Remembers it.
    pub(crate) fn write(&self, dir: &Path) -> anyhow::Result<()> {
        write_whole(&Self::path(dir), &serde_json::to_vec(self)?)
    }

    /// What the command line says; `None` if nothing.
    pub(crate) fn given(
        log: Option<LogUrl>,
        properties: Option<PathBuf>,
    ) -> anyhow::Result<Option<Self>> {
        let absolute = |path: PathBuf| {
            path.canonicalize().map_err(|e| misuse(format!("--log-config {}: {e}", path.display())))
        };
        let properties_file = properties.map(absolute).transpose()?;
        match log {
            Some(LogUrl::Embedded) | None if properties_file.is_some() => Err(misuse(
                "--log-config is for a log on Kafka; give --log kafka://HOST:PORT as well",
            )),
            log => Ok(log.map(|log| Self { log, properties_file })),
        }
    }

    /// The log that the folder belongs to, unless the command line names another one.
    pub(crate) fn agree(
        known: Option<Self>,
        given: Option<Self>,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        match (known, given) {
            (Some(known), Some(given)) if !known.is_same_log(&given) => Err(misuse(format!(
                "the data folder {} belongs to the log {}, not to {}: leave --log out, or give \
                 another folder with --data",
                dir.display(),
                known.log,
                given.log
            ))),
            (_, Some(given)) => Ok(given),
            (known, None) => Ok(known.unwrap_or_default()),
        }
    }

    /// Brokers come and go; the kind and the name stay.
    fn is_same_log(&self, other: &Self) -> bool {
        match (&self.log, &other.log) {
            (LogUrl::Embedded, LogUrl::Embedded) => true,
            (LogUrl::Kafka { name, .. }, LogUrl::Kafka { name: other, .. }) => name == other,
            _ => false,
        }
    }

    /// Whether the log is in the data folder itself.
    pub(crate) fn is_embedded(&self) -> bool {
        self.log == LogUrl::Embedded
    }

    /// Opens the log to append and read; makes it if there is none.
    pub(crate) async fn open(
        &self,
        dir: &Path,
        partitions: Option<u32>,
    ) -> anyhow::Result<Arc<dyn EventLog>> {
        match &self.log {
            LogUrl::Embedded => {
                let options = Options { data_partitions: partitions, ..Options::default() };
                let log_dir = dir.join("log");
                let opened = tokio::task::spawn_blocking(move || {
                    EmbeddedLog::create_or_open(log_dir, &options)
                });
                let log = opened.await?.context("failed to open the log")?;
                Ok(Arc::new(log))
            }
            LogUrl::Kafka { brokers, name } => {
                let config = self.kafka(brokers, name, partitions)?;
                let log = KafkaLog::open(config).await;
                Ok(Arc::new(log.with_context(|| self.failed())?))
            }
        }
    }

    /// Opens the log to read it only.
    pub(crate) async fn open_read_only(&self, dir: &Path) -> anyhow::Result<Arc<dyn EventLog>> {
        match &self.log {
            LogUrl::Embedded => {
                let log_dir = dir.join("log");
                let opened =
                    tokio::task::spawn_blocking(move || EmbeddedLog::open_read_only(log_dir));
                let log = opened.await?.context("failed to open the log")?;
                Ok(Arc::new(log))
            }
            LogUrl::Kafka { brokers, name } => {
                let config = self.kafka(brokers, name, None)?;
                let log = KafkaLog::open_existing(config).await;
                Ok(Arc::new(log.with_context(|| self.failed())?))
            }
        }
    }

    /// How the log's brokers are reached, if it is on Kafka.
    pub(crate) fn on_kafka(&self) -> anyhow::Result<Option<KafkaConfig>> {
        match &self.log {
            LogUrl::Embedded => Ok(None),
            LogUrl::Kafka { brokers, name } => self.kafka(brokers, name, None).map(Some),
        }
    }

    fn failed(&self) -> String {
        format!("failed to open the log {}", self.log)
    }

    fn kafka(
        &self,
        brokers: &str,
        name: &str,
        partitions: Option<u32>,
    ) -> anyhow::Result<KafkaConfig> {
        let properties = match &self.properties_file {
            Some(path) => properties::read(path, |_| false)?,
            None => BTreeMap::new(),
        };
        Ok(KafkaConfig {
            name: name.to_owned(),
            data_partitions: partitions,
            properties,
            ..KafkaConfig::new(brokers)
        })
    }
}
