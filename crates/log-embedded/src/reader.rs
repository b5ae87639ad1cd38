//! Reads one partition in order: many records from one chunk of bytes, which they share.
//!
//! A record that is kept keeps its chunk of up to 1 MiB in memory: whoever keeps few of many copies
//! them.

use std::{fs::File, sync::Arc, time::Duration};

use futures::{FutureExt as _, future::BoxFuture};
use headwater_event::{Offset, Record};
use headwater_log::{Error, LogReader, ReadLimits, Result};

use crate::{
    cursor::{Cursor, Step},
    frame, layout,
    mark::Tail,
    partition::{Shared, TailReceiver},
    places::Place,
    problem, segment,
};

/// A place in a partition and all that is needed to go on from there.
pub(crate) struct Reader {
    shared: Arc<Shared>,
    tail: TailReceiver,
    /// The first record that is to be given; those before it are passed over.
    from: u64,
    /// The offset that stands at the cursor.
    next: u64,
    segment: u64,
    cursor: Cursor,
    /// A record that was decoded but did not fit the last batch.
    held: Option<Record>,
}

impl Reader {
    /// A reader that begins at `from`, which is not past the end. Blocks.
    pub(crate) fn open(shared: Arc<Shared>, tail: TailReceiver, from: u64) -> Result<Self> {
        let segments = layout::segments(&shared.dir)?;
        let from = from.max(segments.first().copied().unwrap_or_default());
        let at = segments.partition_point(|first| *first <= from).saturating_sub(1);
        let Some(&first) = segments.get(at) else {
            return Err(problem::corrupt_folder(&shared.dir, "the partition has no segment"));
        };
        let start = (first, Place { segment: first, position: segment::HEADER_BYTES });
        let known = shared.places.before(from).filter(|(_, place)| place.segment == first);
        let (next, place) = known.unwrap_or(start);
        let cursor = open_segment(&shared, first, place.position)?;
        Ok(Self { shared, tail, from, next, segment: first, cursor, held: None })
    }

    /// Gives records of the bytes that were read, as many as the batch may have; says what must be
    /// done before more can be given.
    fn decode(&mut self, limits: ReadLimits, batch: &mut Batch) -> Result<Pause> {
        let tail = *self.tail.borrow();
        if let Some(record) = self.held.take()
            && let Some(record) = batch.add(record, limits)
        {
            self.held = Some(record);
            return Ok(Pause::Full);
        }
        while self.next < tail.end {
            let position = self.cursor.position();
            match self.cursor.step() {
                Step::Frame { bytes, offset, .. } if offset == self.next => {
                    self.shared.places.note(offset, Place { segment: self.segment, position });
                    self.next += 1;
                    if offset < self.from {
                        continue;
                    }
                    let record = frame::decode(self.shared.id, bytes)
                        .ok_or_else(|| self.corrupt(position, "its inner lengths are wrong"))?;
                    if let Some(record) = batch.add(record, limits) {
                        self.held = Some(record);
                        return Ok(Pause::Full);
                    }
                }
                Step::Frame { .. } => {
                    return Err(self.corrupt(position, "the record there has another offset"));
                }
                Step::Fill(need) => return Ok(Pause::Fill(need)),
                Step::End => return Ok(Pause::NextSegment),
                Step::Bad(why) => return Err(self.corrupt(position, why)),
            }
        }
        Ok(Pause::AtTheEnd)
    }

    fn corrupt(&self, byte: u64, why: &str) -> Error {
        problem::corrupt(self.cursor.path(), byte, self.next, why)
    }

    /// Reads on, and changes to the next segment where this one ends.
    async fn go_on(&mut self, need: Option<usize>) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let (mut cursor, mut segment, next) = (self.cursor.clone(), self.segment, self.next);
        let tail = *self.tail.borrow();
        let done = tokio::task::spawn_blocking(move || {
            let limit = if segment == tail.segment { tail.position } else { u64::MAX };
            let more = match need {
                Some(need) => cursor.fill(need, readable(&cursor, limit)?)?,
                None => false,
            };
            if !more {
                if cursor.position() < readable(&cursor, limit)? && need.is_some() {
                    let why = "the file ends within a record";
                    return Err(problem::corrupt(cursor.path(), cursor.position(), next, why));
                }
                (cursor, segment) = (next_segment(&shared, &cursor, next)?, next);
            }
            Ok((cursor, segment))
        });
        (self.cursor, self.segment) = done
            .await
            .map_err(|panicked| problem::closed("the read was stopped").caused_by(panicked))??;
        Ok(())
    }

    async fn next_records(&mut self, limits: ReadLimits, wait: Duration) -> Result<Vec<Record>> {
        let mut batch = Batch::default();
        let deadline = tokio::time::Instant::now().checked_add(wait);
        loop {
            match self.decode(limits, &mut batch)? {
                // What is there is given at once, rather than when the disk has given more.
                _ if !batch.records.is_empty() => return Ok(batch.records),
                Pause::Full => return Ok(batch.records),
                Pause::Fill(need) => self.go_on(Some(need)).await?,
                Pause::NextSegment => self.go_on(None).await?,
                Pause::AtTheEnd => {
                    let next = self.next;
                    let moved = self.tail.wait_for(|tail: &Tail| tail.end > next);
                    let waited = match deadline {
                        Some(deadline) => tokio::time::timeout_at(deadline, moved).await,
                        None => Ok(moved.await),
                    };
                    match waited {
                        Ok(Ok(_)) => {}
                        Ok(Err(_)) => return Err(problem::closed("the log was closed")),
                        Err(_) => return Ok(Vec::new()),
                    }
                }
            }
        }
    }
}

/// Why decoding stopped.
enum Pause {
    Full,
    Fill(usize),
    NextSegment,
    AtTheEnd,
}

#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    bytes: usize,
}

impl Batch {
    /// Takes the record, or gives it back if the batch has no room for it.
    fn add(&mut self, record: Record, limits: ReadLimits) -> Option<Record> {
        let bytes = self.bytes.saturating_add(record.body.size());
        let full = self.records.len() >= limits.records_max || bytes > limits.bytes_max;
        if full && !self.records.is_empty() {
            return Some(record);
        }
        self.bytes = bytes;
        self.records.push(record);
        None
    }
}

fn readable(cursor: &Cursor, limit: u64) -> Result<u64> {
    if limit == u64::MAX { cursor.file_len() } else { Ok(limit) }
}

fn open_segment(shared: &Shared, first: u64, position: u64) -> Result<Cursor> {
    let path = layout::segment_path(&shared.dir, first);
    let file = File::open(&path).map_err(|error| problem::io("open", &path, error))?;
    // The last segment may be without a header for the moment in which its writer makes it.
    if segment::has_header(&file, &path)? {
        segment::check_header(&file, &path, shared.id, first)?;
    }
    Ok(Cursor::new(Arc::new(file), path, position))
}

fn next_segment(shared: &Shared, ended: &Cursor, next: u64) -> Result<Cursor> {
    let path = layout::segment_path(&shared.dir, next);
    let is_there = path.try_exists().map_err(|error| problem::io("open", &path, error))?;
    let kept = layout::segments(&shared.dir)?;
    if !is_there && kept.first().is_some_and(|first| *first > next) {
        return Err(problem::reject(format!(
            "read partition {} from offset {next}: the log was trimmed meanwhile; begin again",
            shared.id
        )));
    }
    if !is_there || path == *ended.path() {
        let why = "the segment ends, and none begins with the next offset: records are missing";
        return Err(problem::corrupt(ended.path(), ended.position(), next, why));
    }
    open_segment(shared, next, segment::HEADER_BYTES)
}

impl LogReader for Reader {
    fn next_batch(
        &mut self,
        limits: ReadLimits,
        wait: Duration,
    ) -> BoxFuture<'_, Result<Vec<Record>>> {
        self.next_records(limits, wait).boxed()
    }

    fn position(&self) -> Offset {
        let held = self.held.as_ref().map(|record| record.offset.0);
        Offset(held.unwrap_or(self.next).max(self.from))
    }
}
