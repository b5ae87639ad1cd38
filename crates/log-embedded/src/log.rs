//! Opening a log, as its one writer or as one of many readers.

use std::{
    fmt,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{NewRecord, Offset, PartitionId};
use headwater_log::{
    AppendAck, DATA_PARTITIONS_DEFAULT, Error, EventLog, LogReader, Result, check_data_partitions,
};
use tokio::sync::watch;

use crate::{
    Options,
    appender::Appender,
    appender_queue::Queue,
    follower::Follower,
    layout, mark, meta,
    partition::{Shared, TailReceiver},
    places::Places,
    problem,
    reader::Reader,
    recovery::{self, CHECKED_BYTES_MAX},
    segment, trim,
};

const LOCK: &str = "lock";

/// A log in a folder. Dropping it waits until all that was appended is synced, and frees the folder.
pub struct EmbeddedLog {
    dir: PathBuf,
    /// By the partitions' codes.
    partitions: Vec<Partition>,
    /// Dropped after the partitions, so that the folder is free only once nobody writes.
    _home: Home,
}

struct Partition {
    shared: Arc<Shared>,
    tail: TailReceiver,
    /// None if the log was opened to be read only.
    queue: Option<Queue>,
}

#[expect(dead_code, reason = "both are kept only to be dropped with the log")]
enum Home {
    Writer(File),
    Reader(Follower),
}

/// What a partition was found to hold when all of it was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The partition.
    pub partition: PartitionId,
    /// The first offset that is kept.
    pub start: Offset,
    /// The offset after the last record.
    pub end: Offset,
    /// The bytes of all its records, as they are stored.
    pub bytes: u64,
}

impl EmbeddedLog {
    /// Opens the log in `dir` to append and read; makes it if there is none. Blocks while it checks
    /// what is there.
    ///
    /// A second writer is refused, as are damage and another number of partitions than asked for.
    pub fn create_or_open(dir: impl Into<PathBuf>, options: &Options) -> Result<Self> {
        let dir = dir.into();
        options.data_partitions.map_or(Ok(()), check_data_partitions)?;
        fs::create_dir_all(&dir).map_err(|error| problem::io("create", &dir, error))?;
        let lock = lock(&dir)?;
        let count = match (meta::read(&dir)?, options.data_partitions) {
            (Some(is), Some(asked)) if is != asked => {
                return Err(problem::reject(format!(
                    "open {}: the log has {is} data partitions, not {asked}; their number is fixed \
                     when a log is made",
                    dir.display()
                )));
            }
            (Some(is), _) => is,
            (None, asked) => create(&dir, asked.unwrap_or(DATA_PARTITIONS_DEFAULT), options)?,
        };
        let mut partitions = Vec::new();
        for id in PartitionId::all(count) {
            partitions.push(open_to_append(&dir, id, options)?);
        }
        Ok(Self { dir, partitions, _home: Home::Writer(lock) })
    }

    /// Opens the log in `dir` to read it only, whether or not another process writes it: nothing is
    /// locked or changed, and appends are refused. Blocks for a moment.
    pub fn open_read_only(dir: impl Into<PathBuf>) -> Result<Self> {
        let dir = dir.into();
        let (mut partitions, mut followed) = (Vec::new(), Vec::new());
        for id in PartitionId::all(existing(&dir)?) {
            let (shared, tail) = examine_to_read(&dir, id)?;
            let (sender, receiver) = watch::channel(tail);
            followed.push((Arc::clone(&shared), sender));
            partitions.push(Partition { shared, tail: receiver, queue: None });
        }
        Ok(Self { dir, partitions, _home: Home::Reader(Follower::start(followed)?) })
    }

    /// Checks every byte of the log in `dir`, which no other process should write meanwhile; damage
    /// is an error that names the place. Blocks as long as it takes.
    pub fn verify(dir: &Path) -> Result<Vec<Verified>> {
        let mut all = Vec::new();
        for partition in PartitionId::all(existing(dir)?) {
            let partition_dir = layout::partition_dir(dir, partition);
            let found = recovery::examine(&partition_dir, partition, &Places::default(), u64::MAX)?;
            all.push(Verified {
                partition,
                start: Offset(found.start),
                end: Offset(found.tail.end),
                bytes: found.checked_bytes,
            });
        }
        Ok(all)
    }

    fn partition(&self, partition: PartitionId) -> Result<&Partition> {
        usize::try_from(partition.code())
            .ok()
            .and_then(|code| self.partitions.get(code))
            .ok_or_else(|| Error::no_such_partition(partition, self))
    }
}

fn lock(dir: &Path) -> Result<File> {
    let path = dir.join(LOCK);
    let failed = |error| problem::io("lock", &path, error);
    let mut options = File::options();
    let file = options.write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(problem::reject(format!(
            "open {} to write: another process writes this log; stop it, or open the log read-only",
            dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn existing(dir: &Path) -> Result<u32> {
    meta::read(dir)?
        .ok_or_else(|| problem::reject(format!("open {}: no log is in this folder", dir.display())))
}

/// Makes the folders and first segments, and last the file by which a log exists: a crash in between
/// leaves nothing that a second attempt would not make good.
fn create(dir: &Path, count: u32, options: &Options) -> Result<u32> {
    for id in PartitionId::all(count) {
        let partition_dir = layout::partition_dir(dir, id);
        fs::create_dir_all(&partition_dir)
            .map_err(|error| problem::io("create", &partition_dir, error))?;
        let tail = mark::read(&partition_dir);
        if tail.is_some_and(|tail| tail.end > 0) || layout::segments(&partition_dir)?.len() > 1 {
            return Err(problem::corrupt_folder(
                dir,
                "it holds records, but the file `meta` is gone",
            ));
        }
        segment::create(&partition_dir, id, 0, options.segment_bytes)?;
    }
    layout::sync_dir(dir)?;
    meta::write(dir, count)?;
    Ok(count)
}

fn open_to_append(dir: &Path, id: PartitionId, options: &Options) -> Result<Partition> {
    let partition_dir = layout::partition_dir(dir, id);
    let places = Places::default();
    let found = recovery::examine(&partition_dir, id, &places, CHECKED_BYTES_MAX)?;
    let shared = Arc::new(Shared { id, dir: partition_dir, places });
    let (sender, tail) = watch::channel(found.tail);
    let appender = Appender::open(Arc::clone(&shared), &found, sender, options.segment_bytes)?;
    let (requests, queue) = mpsc::channel();
    let thread = thread::Builder::new()
        .name(format!("log-append-{id}"))
        .spawn(move || appender.run(&queue))
        .map_err(|error| problem::closed(format!("start a thread: {error}")))?;
    Ok(Partition { shared, tail, queue: Some(Queue::new(requests, thread)) })
}

fn examine_to_read(dir: &Path, id: PartitionId) -> Result<(Arc<Shared>, mark::Tail)> {
    let partition_dir = layout::partition_dir(dir, id);
    let places = Places::default();
    let tail = match mark::read(&partition_dir) {
        Some(tail) => tail,
        // Lost, or being written at this moment; then what is whole is what can be read.
        None => recovery::examine(&partition_dir, id, &places, CHECKED_BYTES_MAX)?.tail,
    };
    Ok((Arc::new(Shared { id, dir: partition_dir, places }), tail))
}

impl fmt::Debug for EmbeddedLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedLog").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl EventLog for EmbeddedLog {
    fn data_partitions(&self) -> u32 {
        u32::try_from(self.partitions.len().saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn describe(&self) -> String {
        format!("embedded log in {}", self.dir.display())
    }

    fn append(
        &self,
        partition: PartitionId,
        records: Vec<NewRecord>,
        ack: AppendAck,
    ) -> BoxFuture<'_, Result<Vec<Offset>>> {
        async move {
            let Some(queue) = &self.partition(partition)?.queue else {
                return Err(problem::reject(format!(
                    "append to {}: it was opened read-only",
                    self.describe()
                )));
            };
            if records.is_empty() {
                return Ok(Vec::new());
            }
            queue.append(records, ack).await
        }
        .boxed()
    }

    fn end(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        async move { Ok(Offset(self.partition(partition)?.tail.borrow().end)) }.boxed()
    }

    fn start(&self, partition: PartitionId) -> BoxFuture<'_, Result<Offset>> {
        async move {
            let Partition { shared, tail, .. } = self.partition(partition)?;
            // Listed anew, since another process may have trimmed it.
            let first = layout::segments(&shared.dir)?.first().copied();
            Ok(Offset(first.unwrap_or(tail.borrow().end)))
        }
        .boxed()
    }

    fn reader(
        &self,
        partition: PartitionId,
        from: Offset,
    ) -> BoxFuture<'_, Result<Box<dyn LogReader>>> {
        async move {
            let Partition { shared, tail, .. } = self.partition(partition)?;
            let end = Offset(tail.borrow().end);
            if from > end {
                return Err(Error::past_the_end(partition, from, end, self));
            }
            let (shared, tail) = (Arc::clone(shared), tail.clone());
            let opened = tokio::task::spawn_blocking(move || Reader::open(shared, tail, from.0));
            let reader = opened
                .await
                .map_err(|error| problem::closed("the read was stopped").caused_by(error))??;
            Ok(Box::new(reader) as Box<dyn LogReader>)
        }
        .boxed()
    }

    fn trim(&self, partition: PartitionId, before: Offset) -> BoxFuture<'_, Result<Offset>> {
        async move {
            let Partition { shared, tail, queue } = self.partition(partition)?;
            if queue.is_none() {
                return Err(problem::reject(format!(
                    "trim {}: it was opened read-only",
                    self.describe()
                )));
            }
            let end = Offset(tail.borrow().end);
            if before > end {
                return Err(Error::trim_past_the_end(partition, before, end, self));
            }
            let shared = Arc::clone(shared);
            let trimmed = tokio::task::spawn_blocking(move || trim::trim(&shared, before.0));
            trimmed
                .await
                .map_err(|error| problem::closed("the trim was stopped").caused_by(error))?
        }
        .boxed()
    }
}
