//! A data folder: who writes it, and how it is opened.
//!
//! ```text
//! DIR/
//!   lock           held by the one process that writes
//!   log.json       which log the folder's stores belong to; written when it is first opened
//!   log/           the embedded log, unless the log is on Kafka
//!   store/         a RocksDB for each partition
//!   history/       sealed history, if there is any
//!   history.json   where sealed history is kept besides, and history.id by which that place knows the folder
//!   scratch/       what is folded or put aside for a while; emptied at each start
//!   keys/          the key that control records are signed with
//!   artifacts/     what is too large for an event, by SHA-256
//!   server.json    the addresses of the server that runs on the folder
//! ```

use std::{
    fs::{self, File, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use headwater_engine::{Engine, EngineConfig};
use headwater_log::{EventLog, Topics};
use headwater_log_kafka::KafkaTopics;
use headwater_query::Moment;
use headwater_store::{Access, StoreOptions, StoreSet};
use serde::de::DeserializeOwned;

use crate::{
    exit::misuse,
    history_choice::{self, HistoryChoice},
    log_choice::LogChoice,
    log_url::LogUrl,
    properties, server_file,
};

/// A command that only looks whether the folder is in use holds its lock for a moment.
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// How long to wait between two looks.
const LOCK_POLL: Duration = Duration::from_millis(20);

/// A data folder; it need not exist.
#[derive(Debug, Clone)]
pub(crate) struct DataDir(PathBuf);

/// The right to write a data folder, until dropped.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "kept only to be dropped")] File);

/// What a reader reads.
pub(crate) struct Reader {
    /// The log.
    pub(crate) log: Arc<dyn EventLog>,
    /// The stores as they are now.
    pub(crate) stores: StoreSet,
}

/// How a writer's log is chosen.
#[derive(Debug, Default)]
pub(crate) struct WriterOptions {
    /// The log; left out, the one that the folder belongs to.
    pub(crate) log: Option<LogUrl>,
    /// A file of librdkafka's properties.
    pub(crate) log_config: Option<PathBuf>,
    /// Where sealed history is kept; left out, as the folder remembers.
    pub(crate) history: Option<HistoryChoice>,
    /// The number of data partitions of a new log.
    pub(crate) partitions: Option<u32>,
}

impl DataDir {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether a log was ever opened here.
    pub(crate) fn has_log(&self) -> bool {
        LogChoice::path(&self.0).exists() || self.0.join("log").join("meta").exists()
    }

    /// Whether a process writes this folder at this moment.
    pub(crate) fn is_in_use(&self) -> bool {
        let Ok(file) = File::open(self.lock_path()) else { return false };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// Makes the folder if need be and becomes the one that writes it.
    pub(crate) fn lock(&self) -> anyhow::Result<Lock> {
        let failed = || format!("failed to open the data folder {}", self.0.display());
        fs::create_dir_all(&self.0).with_context(failed)?;
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(false).open(self.lock_path());
        let file = file.with_context(failed)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_WAIT => {
                    std::thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::WouldBlock) => return Err(self.in_use()),
                Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
            }
        }
        server_file::clear(self);
        Ok(Lock(file))
    }

    fn in_use(&self) -> anyhow::Error {
        let place = self.0.display();
        match server_file::read(self) {
            Ok(Some(addresses)) => anyhow::anyhow!(
                "a server on {place} is running already, at {0}: talk to it with --url {0}, or stop \
                 it first",
                addresses.http
            ),
            _ => anyhow::anyhow!(
                "another process writes the data folder {place}: wait until it is done, or stop it"
            ),
        }
    }

    /// Opens the log, made if there is none, and the stores. Needs the folder's lock.
    pub(crate) async fn open_to_write(
        &self,
        _: &Lock,
        options: WriterOptions,
    ) -> anyhow::Result<(Arc<dyn EventLog>, StoreSet)> {
        let known = LogChoice::read(&self.0)?;
        let given = LogChoice::given(options.log, options.log_config)?;
        let choice = LogChoice::agree(known.clone(), given, &self.0)?;
        let log = choice.open(&self.0, options.partitions).await?;
        if known.as_ref() != Some(&choice) {
            choice.write(&self.0)?;
        }
        let elsewhere = history_choice::to_write(&self.0, options.history).await?;
        let stores = StoreSet::open(&self.0, Access::ReadWrite, StoreOptions::default())
            .context("failed to open the stores")?;
        Ok((log, stores.keeping_history(elsewhere)))
    }

    /// Topics of the users' own: at the brokers of this folder's log, and at others with the properties in a
    /// file.
    pub(crate) fn topics(&self, config: Option<&Path>) -> anyhow::Result<Arc<dyn Topics>> {
        let log = LogChoice::read(&self.0)?.unwrap_or_default().on_kafka()?;
        let properties = config.map(|file| properties::read(file, |_| false)).transpose()?;
        Ok(Arc::new(KafkaTopics::new(log, properties.unwrap_or_default())))
    }

    /// Opens an engine within this process, with the settings of a server.
    pub(crate) async fn open_engine(&self, lock: &Lock) -> anyhow::Result<Engine> {
        let (log, stores) = self.open_to_write(lock, WriterOptions::default()).await?;
        let name = self.0.display();
        let opened = async {
            let engine = Engine::open(log, stores, EngineConfig::new(&self.0)).await?;
            // What an earlier process left unfolded is seen by the next command.
            let ready = engine.wait_ready().await;
            if ready.is_err() {
                engine.clone().shutdown().await;
            }
            ready.map(|()| engine)
        };
        opened.await.with_context(|| format!("failed to open the data folder {name}"))
    }

    /// Opens what is there to read it only, whether or not a server runs.
    pub(crate) async fn open_to_read(&self) -> anyhow::Result<Reader> {
        let place = self.0.display();
        if !self.has_log() {
            return Err(misuse(format!(
                "there is no log in {place}: start one with `headwater serve --data {place}`, or \
                 name another folder with --data"
            )));
        }
        let choice = LogChoice::read(&self.0)?.unwrap_or_default();
        let log = choice.open_read_only(&self.0).await?;
        let stores = StoreSet::open(&self.0, Access::ReadOnly, StoreOptions::default())
            .context("failed to open the stores")?;
        let stores = stores.keeping_history(history_choice::to_read(&self.0)?);
        Ok(Reader { log, stores })
    }

    fn lock_path(&self) -> PathBuf {
        self.0.join("lock")
    }
}

impl Reader {
    /// The moment at which the stores are.
    pub(crate) async fn moment(self) -> anyhow::Result<Moment> {
        headwater_engine::open_moment(self.log, &self.stores)
            .await
            .context("failed to read the data folder")
    }
}

/// What a data folder remembers in a small file, if it is there.
pub(crate) fn read_whole<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    let failed = || format!("failed to read {}", path.display());
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).with_context(failed),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(failed),
    }
}

/// Writes a small file in one step: who sees it sees all of it.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let failed = || format!("failed to write {}", path.display());
    let fresh = path.with_extension("json.new");
    let written = File::create(&fresh).and_then(|mut file| {
        file.write_all(bytes)?;
        file.write_all(b"\n")?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&fresh, path)).with_context(failed)
}
